package organization_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/organization"
)

func TestReadmission(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	grant := func(principal string) *organizationv1.RoleGrant {
		return &organizationv1.RoleGrant{Principal: principal, Role: accessv1.Role_ROLE_SECURITY_ADMIN, Unit: "units/root"}
	}
	key := func(principal string, holds time.Duration) *organizationv1.ApiKey {
		return &organizationv1.ApiKey{Name: "apiKeys/" + principal, Principal: principal, ExpireTime: timestamppb.New(now.Add(holds))}
	}
	reader := key("a", time.Hour)
	reader.Roles = []accessv1.Role{accessv1.Role_ROLE_VIEWER}
	both := []*organizationv1.RoleGrant{grant("a"), grant("b")}
	for _, c := range []struct {
		name   string
		asked  string
		lost   bool
		grants []*organizationv1.RoleGrant
		keys   []*organizationv1.ApiKey
		whose  string // "": refused
		ended  int
	}{
		{"the only one, whose key has ended", "", false, both[:1], []*organizationv1.ApiKey{key("a", -time.Hour)}, "a", 0},
		{"while it holds", "", false, both[:1], []*organizationv1.ApiKey{key("a", time.Hour)}, "", 0},
		{"while another's holds", "a", false, both, []*organizationv1.ApiKey{key("b", time.Hour)}, "", 0},
		{"beside one that does not govern", "", false, both[:1], []*organizationv1.ApiKey{reader}, "a", 0},
		{"all that hold were lost", "a", true, both, []*organizationv1.ApiKey{key("a", time.Hour), key("b", time.Hour), key("b", -1), reader}, "a", 2},
		{"one of two, not said which", "", false, both, nil, "", 0},
		{"one of two", "b", false, both, nil, "b", 0},
		{"somebody else", "c", false, both, nil, "", 0},
		{"nobody", "", false, nil, nil, "", 0},
	} {
		r := organization.Readmission{Name: "apiKeys/n", Principal: c.asked, Lost: c.lost}
		k, ended, err := organization.Readmit(r, c.grants, c.keys, now)
		if (err == nil) != (c.whose != "") || k.GetPrincipal() != c.whose || len(ended) != c.ended {
			t.Errorf("%s: %v, %d keys end, %v", c.name, k, len(ended), err)
		}
		if err == nil && (!k.GetExpireTime().AsTime().Equal(now.Add(organization.KeyReserve)) || len(k.GetRoles()) != 1 || k.GetRoles()[0] != accessv1.Role_ROLE_SECURITY_ADMIN) {
			t.Errorf("%s: %v carries more than it must", c.name, k)
		}
	}
	if _, _, err := organization.Readmit(organization.Readmission{}, both, []*organizationv1.ApiKey{key("b", time.Hour)}, now); !errors.Is(err, organization.ErrGoverned) {
		t.Errorf("while one holds: %v", err)
	}
}

// Who governs by a key that is narrowed to scopes could hand out none that is not: it is
// not what keeps an installation governed.
func TestANarrowedKeyGovernsNothing(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g := &organizationv1.RoleGrant{Principal: "a", Role: accessv1.Role_ROLE_SECURITY_ADMIN, Unit: "units/root"}
	for scopes, want := range map[string]bool{"": true, "organization:write": false} {
		k := &organizationv1.ApiKey{Name: "apiKeys/k", Principal: "a", ExpireTime: timestamppb.New(now.Add(time.Hour)), Scopes: strings.Fields(scopes)}
		if got := !organization.Governed([]*organizationv1.RoleGrant{g}, []*organizationv1.ApiKey{k}, now).IsZero(); got != want {
			t.Errorf("a key narrowed to %q governs: %v", scopes, got)
		}
	}
}

// TestTheBoundThatIsToldIsTaken, to the second, though keys end between seconds.
func TestTheBoundThatIsToldIsTaken(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g := &organizationv1.RoleGrant{Principal: "a", Role: accessv1.Role_ROLE_SECURITY_ADMIN, Unit: "units/root"}
	key := func(end time.Time) *organizationv1.ApiKey {
		return &organizationv1.ApiKey{Name: "apiKeys/k", Principal: "a", ExpireTime: timestamppb.New(end)}
	}
	last := key(now.Add(time.Hour + time.Millisecond))
	keep := func(end time.Time) error {
		return organization.KeepKey(last.GetName(), key(end), []*organizationv1.RoleGrant{g}, []*organizationv1.ApiKey{last}, now)
	}
	f := fault.As(keep(now.Add(time.Hour)))
	if f == nil {
		t.Fatal("a successor that ends before is not refused")
	}
	told := strings.Fields(f.Fields[0].En)
	bound, err := time.Parse(time.RFC3339, told[len(told)-1])
	if err != nil || keep(bound) != nil {
		t.Errorf("what it tells, %v, is refused: %v, %v", told, err, keep(bound))
	}
}
