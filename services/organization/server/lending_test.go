package server_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/organization"
)

// own is the key that a secret is of.
func own(t *testing.T, s *suitetest.Suite, secret string) string {
	t.Helper()
	me, err := s.Organization(secret).GetCaller(t.Context(), &organizationv1.GetCallerRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return me.GetApiKey()
}

func TestTheLastSecurityAdministratorKeepsAKey(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SecurityAdmin)
	revoke := func(name string) error {
		_, err := org.RevokeApiKey(t.Context(), &organizationv1.RevokeApiKeyRequest{Name: name})
		return err
	}
	last := own(t, s, s.SecurityAdmin)
	second := s.Person(s.Root)
	grant := s.Grant(second.Name, s.Root, accessv1.Role_ROLE_SECURITY_ADMIN)
	if err := revoke(own(t, s, second.Key)); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*organizationv1.ApiKey{
		"by another role":   {Roles: []accessv1.Role{accessv1.Role_ROLE_VIEWER}},
		"in another's name": {Principal: s.Person(s.Root, accessv1.Role_ROLE_VIEWER).Name},
		"in a subtree":      {Unit: s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)},
	} {
		if k.GetPrincipal() == "" {
			k.Principal = second.Name
		}
		if len(k.GetRoles()) > 0 {
			s.Grant(second.Name, s.Root, accessv1.Role_ROLE_VIEWER)
		}
		if _, err := org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: k}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	wantLast(t, "the last key", revoke(last))
	_, err := org.DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: held(t, s, s.SecurityAdmin)})
	wantLast(t, "the last who has a key", err)
	k, err := org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: second.Name}})
	if err != nil {
		t.Fatal(err)
	}
	if err := revoke(last); err != nil {
		t.Fatalf("once another has one: %v", err)
	}
	org = s.Organization(k.GetSecret())
	wantLast(t, "the other's", revoke(k.GetApiKey().GetName()))
	if _, err := org.DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: grant}); !errors.Is(err, organization.ErrKeyLast) {
		t.Errorf("the other's grant: %v", err)
	}
}

// held is the one grant of whoever calls with the key.
func held(t *testing.T, s *suitetest.Suite, secret string) string {
	t.Helper()
	me, err := s.Organization(secret).GetCaller(t.Context(), &organizationv1.GetCallerRequest{})
	if err != nil || len(me.GetGrants()) != 1 {
		t.Fatalf("GetCaller = %v, %v", me, err)
	}
	if g := me.GetGrants()[0]; g.GetEtag() == "" || g.GetCreateTime() == nil || g.GetUpdateTime() == nil {
		t.Errorf("the caller's grant is %v: not as it is stored", g)
	}
	return me.GetGrants()[0].GetName()
}

func wantLast(t *testing.T, what string, err error) {
	t.Helper()
	if f := fault.As(err); !errors.Is(err, organization.ErrKeyLast) || len(f.Fields) != 1 || f.Fields[0].Path != "name" {
		t.Errorf("%s: %v, want ErrKeyLast at the name", what, err)
	}
}

// Who calls with a key may rotate it: that gives nothing that they have not. Any
// other key of their own would be one that they issue to themselves.
func TestAKeyIsRotatedByItself(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SecurityAdmin)
	first := own(t, s, s.SecurityAdmin)
	rotate := func(secret, name string) (*organizationv1.IssuedApiKey, error) {
		return s.Organization(secret).RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: name, Overlap: durationpb.New(time.Hour)})
	}
	next, err := rotate(s.SecurityAdmin, first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rotate(s.SecurityAdmin, first); !errors.Is(err, organization.ErrKeyRotated) {
		t.Errorf("twice: %v", err)
	}
	if _, err := rotate(s.SecurityAdmin, next.GetApiKey().GetName()); err != nil { // its secret was lost
		t.Errorf("the successor, by the key before: %v", err)
	}
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	second := s.Person(s.Root, accessv1.Role_ROLE_SECURITY_ADMIN)
	narrow, err := org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{
		Principal: second.Name, Roles: []accessv1.Role{accessv1.Role_ROLE_SECURITY_ADMIN},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rotate(narrow.GetSecret(), own(t, s, second.Key)); !errors.Is(err, organization.ErrSelfGrant) || fault.As(err).Fields[0].Path != "name" {
		t.Errorf("a wider key of one's own: %v", err)
	}
	if _, err := rotate(second.Key, own(t, s, s.Person(city, accessv1.Role_ROLE_VIEWER).Key)); err != nil {
		t.Errorf("another's: %v", err)
	}
}

// TestNoLaterGrantCarriesAKeyBeyondItsIssuer: whoever hands out a secret could keep
// it until its principal is granted more.
func TestNoLaterGrantCarriesAKeyBeyondItsIssuer(t *testing.T) {
	s, p := signIn(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	d1 := s.Unit("d1", city, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", city, organizationv1.Unit_KIND_DISTRICT)
	who := s.Person(d1)
	security := s.Person(d1, accessv1.Role_ROLE_SECURITY_ADMIN)
	org := s.Organization(security.Key)
	ask := &organizationv1.ApiKey{Principal: who.Name}
	kept, err := org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: ask})
	if err != nil || kept.GetApiKey().GetUnit() != d1 {
		t.Fatalf("a key of no narrowing: %v, %v; want one that holds in %s", kept, err, d1)
	}
	rotated, err := org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: own(t, s, who.Key)})
	if err != nil || rotated.GetApiKey().GetUnit() != d1 {
		t.Fatalf("the root's key, rotated: %v, %v", rotated, err)
	}
	i, err := org.CreateIdentity(t.Context(), &organizationv1.CreateIdentityRequest{
		Identity: &organizationv1.Identity{Principal: who.Name, Issuer: p.URL, Subject: "alice"},
	})
	if err != nil || i.GetUnit() != d1 {
		t.Fatalf("a link: %v, %v", i, err)
	}
	s.Grant(who.Name, d1, accessv1.Role_ROLE_VIEWER)
	ask.Unit = city
	_, err = org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: ask})
	wantWider(t, "a key for a unit above", err, "api_key.unit")
	above, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: ask})
	if err != nil {
		t.Fatal(err)
	}
	_, err = org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: above.GetApiKey().GetName()})
	wantWider(t, "rotating a key for a unit above", err, "name")
	s.Grant(who.Name, d2, accessv1.Role_ROLE_LEADER)
	for name, c := range map[string]struct {
		credential string
		unit       string
		want       error
	}{
		"the key, in the district":      {kept.GetSecret(), d1, nil},
		"the key, beyond":               {kept.GetSecret(), d2, authz.ErrNotFound},
		"the successor, in there":       {rotated.GetSecret(), d1, nil},
		"the successor, beyond":         {rotated.GetSecret(), d2, authz.ErrNotFound},
		"the account, in the district":  {token(p, nil), d1, nil},
		"the account, beyond":           {token(p, nil), d2, authz.ErrNotFound},
		"a key that the root's issued":  {above.GetSecret(), d2, nil},
		"the same, beyond what it says": {above.GetSecret(), s.Root, authz.ErrNotFound},
	} {
		_, err := s.Organization(c.credential).GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: c.unit})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
