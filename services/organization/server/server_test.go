package server_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/organization"
)

func TestTheBootstrapKeyDoesOneThingAndDies(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.Bootstrap)
	_, err := org.Initialize(t.Context(), &organizationv1.InitializeRequest{
		Root:   &organizationv1.Unit{DisplayName: "another", Kind: organizationv1.Unit_KIND_CITY},
		RootId: "another", SystemAdmin: "a", SecurityAdmin: "b", Auditor: "c",
	})
	if !errors.Is(err, authn.ErrUnauthenticated) && !errors.Is(err, organization.ErrAlreadyInitialized) {
		t.Errorf("initializing twice = %v", err)
	}
	if _, err := org.ListUnits(t.Context(), &organizationv1.ListUnitsRequest{}); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("another method with the bootstrap key = %v, want ErrUnauthenticated", err)
	}
}

func TestUnitsMoveMergeAndArchive(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	d1 := s.Unit("d1", city, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", city, organizationv1.Unit_KIND_DISTRICT)
	school := s.Unit("s1", d1, organizationv1.Unit_KIND_SCHOOL)
	head := s.Person(d1, accessv1.Role_ROLE_HEAD)
	org := s.Organization(s.SystemAdmin)

	if _, err := org.MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: city, Parent: school}); !errors.Is(err, organization.ErrUnitCycle) {
		t.Errorf("moving a unit beneath itself = %v, want ErrUnitCycle", err)
	}
	if _, err := org.ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: d1}); !errors.Is(err, organization.ErrUnitHasChildren) {
		t.Errorf("archiving a unit with children = %v, want ErrUnitHasChildren", err)
	}
	merged, err := org.MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: d1, Into: d2})
	if err != nil {
		t.Fatal(err)
	}
	if merged.GetState() != organizationv1.Unit_STATE_MERGED || merged.GetParent() != d2 {
		t.Errorf("merged = %v", merged)
	}
	moved, err := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: school})
	if err != nil || moved.GetParent() != d2 {
		t.Errorf("the school of the merged unit = %v, %v; want it beneath %s", moved, err, d2)
	}
	s.CatchUp()
	if _, err := s.Organization(head.Key).GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: school}); !errors.Is(err, authz.ErrDenied) && !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("the head of the merged unit still reads: %v", err)
	}
}

func TestNobodyGrantsToThemselvesOrHoldsTwoAdministratorsRoles(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SecurityAdmin)
	grant := func(principal string, role accessv1.Role) error {
		_, err := org.CreateRoleGrant(t.Context(), &organizationv1.CreateRoleGrantRequest{
			RoleGrant: &organizationv1.RoleGrant{Principal: principal, Role: role, Unit: s.Root},
		})
		return err
	}
	if err := grant(s.Root+"/members/security-admin", accessv1.Role_ROLE_HEAD); !errors.Is(err, organization.ErrSelfGrant) {
		t.Errorf("granting to oneself = %v, want ErrSelfGrant", err)
	}
	if err := grant(s.Root+"/members/system-admin", accessv1.Role_ROLE_AUDITOR); !errors.Is(err, organization.ErrAdministratorsSeparate) {
		t.Errorf("a second administrator's role = %v, want ErrAdministratorsSeparate", err)
	}
	if err := grant(s.Machine(s.Root).Name, accessv1.Role_ROLE_HEAD); !errors.Is(err, organization.ErrRoleNotForPrincipal) {
		t.Errorf("a machine as head = %v, want ErrRoleNotForPrincipal", err)
	}
}

func TestNobodyWorksOnComplaintsAndKeepsIdentities(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	officer := s.Person(s.Root, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	org := s.Organization(s.SecurityAdmin)
	_, err := org.CreateRoleGrant(t.Context(), &organizationv1.CreateRoleGrantRequest{
		RoleGrant: &organizationv1.RoleGrant{Principal: officer.Name, Role: accessv1.Role_ROLE_CUSTODIAN, Unit: city},
	})
	if !errors.Is(err, organization.ErrCustodianSeparate) || fault.As(err).Fields[0].Path != "role_grant.role" {
		t.Errorf("an officer as custodian of another unit = %v", err)
	}
	_, err = org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{
		Principal: officer.Name, Roles: []accessv1.Role{accessv1.Role_ROLE_COMPLAINT_OFFICER, accessv1.Role_ROLE_CUSTODIAN},
	}})
	if !errors.Is(err, organization.ErrCustodianSeparate) || fault.As(err).Fields[0].Path != "api_key.roles" {
		t.Errorf("a key for both = %v", err)
	}
}

func TestTheFirstAdministratorsHaveThreeNames(t *testing.T) {
	s := suitetest.RunIn(t, t.TempDir())
	for field, names := range map[string][3]string{
		"security_admin": {"张三", "张 三", "李四"}, "auditor": {"张三", "李四", "李四"},
	} {
		_, err := s.Organization(s.Bootstrap).Initialize(t.Context(), &organizationv1.InitializeRequest{
			Root:   &organizationv1.Unit{DisplayName: "演示省教育厅", Kind: organizationv1.Unit_KIND_PROVINCE},
			RootId: "root", SystemAdmin: names[0], SecurityAdmin: names[1], Auditor: names[2],
		})
		if !errors.Is(err, organization.ErrAdministratorsSeparate) || fault.As(err).Fields[0].Path != field {
			t.Errorf("%q = %v, want it refused at %s", names, err, field)
		}
	}
	s.Initialize() // the key is still good
}

// An installation is a bureau's, and what is none heads nothing: also who only tries is told.
func TestTheRootIsABureau(t *testing.T) {
	s := suitetest.RunIn(t, t.TempDir())
	for n, name := range organizationv1.Unit_Kind_name {
		kind := organizationv1.Unit_Kind(n)
		if kind == organizationv1.Unit_KIND_UNSPECIFIED {
			continue
		}
		_, err := s.Organization(s.Bootstrap).Initialize(t.Context(), &organizationv1.InitializeRequest{
			Root:   &organizationv1.Unit{DisplayName: "演示单位", Kind: kind},
			RootId: "root", SystemAdmin: "张三", SecurityAdmin: "李四", Auditor: "王五", ValidateOnly: kind <= organizationv1.Unit_KIND_DISTRICT,
		})
		switch bureau := kind <= organizationv1.Unit_KIND_DISTRICT; {
		case bureau && err != nil:
			t.Errorf("a root of %s is refused: %v", name, err)
		case !bureau && (!errors.Is(err, organization.ErrRootKind) || fault.As(err).Fields[0].Path != "root.kind"):
			t.Errorf("a root of %s = %v, want it refused at root.kind", name, err)
		}
	}
	id := metadata.AppendToOutgoingContext(t.Context(), "idempotency-key", strings.Repeat("a", 129))
	_, err := s.Organization(s.Bootstrap).Initialize(id, &organizationv1.InitializeRequest{
		Root: &organizationv1.Unit{DisplayName: "演示单位", Kind: organizationv1.Unit_KIND_CITY}, RootId: "root", SystemAdmin: "张三", SecurityAdmin: "李四", Auditor: "王五",
	})
	if f := fault.As(err); f == nil || len(f.Fields) != 1 || f.Fields[0].Path != "Idempotency-Key" {
		t.Errorf("a request id that is too long, of a request that has no field for it = %v, want it refused at the header", err)
	}
	s.Initialize() // the key is still good
}

func TestAGrantToSomebodyUnseenIsAGrantToNobody(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	d1 := s.Unit("d1", city, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", city, organizationv1.Unit_KIND_DISTRICT)
	admin := s.Person(d2, accessv1.Role_ROLE_SECURITY_ADMIN)
	for name, principal := range map[string]string{"another branch": s.Person(d1).Name, "nobody": d1 + "/members/none"} {
		_, err := s.Organization(admin.Key).CreateRoleGrant(t.Context(), &organizationv1.CreateRoleGrantRequest{
			RoleGrant: &organizationv1.RoleGrant{Principal: principal, Role: accessv1.Role_ROLE_VIEWER, Unit: d2},
		})
		if !errors.Is(err, organization.ErrPrincipalUnknown) {
			t.Errorf("a grant to %s = %v, want ErrPrincipalUnknown", name, err)
		}
	}
}

func TestTheLastGrantOfAnAdministratorStays(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SecurityAdmin)
	for who, role := range map[string]accessv1.Role{
		"system-admin": accessv1.Role_ROLE_SYSTEM_ADMIN, "security-admin": accessv1.Role_ROLE_SECURITY_ADMIN, "auditor": accessv1.Role_ROLE_AUDITOR,
	} {
		found, err := org.ListRoleGrants(t.Context(), &organizationv1.ListRoleGrantsRequest{Principal: s.Root + "/members/" + who})
		if err != nil || len(found.GetRoleGrants()) != 1 {
			t.Fatalf("the grants of %s = %v, %v", who, found, err)
		}
		end := func() error {
			_, err := org.DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: found.GetRoleGrants()[0].GetName(), ValidateOnly: true})
			return err
		}
		beneath := s.Unit("city-"+who, s.Root, organizationv1.Unit_KIND_CITY)
		s.Person(beneath, role)
		if err := end(); !errors.Is(err, organization.ErrGrantLast) {
			t.Errorf("ending the last grant of %s = %v, want ErrGrantLast", who, err)
		}
		s.Person(s.Root, role)
		if err := end(); err != nil {
			t.Errorf("ending the last but one of %s = %v", who, err)
		}
	}
}
