package server_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

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

// TestTheLastKeyGivesWayToNoShorterOne: those who govern keep a key for long, or for as
// long as they had one.
func TestTheLastKeyGivesWayToNoShorterOne(t *testing.T) {
	s, w := timed(t, asItIs)
	org := s.Organization(s.SecurityAdmin)
	last := own(t, s, s.SecurityAdmin)
	rotate := func(holds time.Duration) error {
		_, err := org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{
			Name: last, Overlap: durationpb.New(time.Hour), ExpireTime: timestamppb.New(w.now().Add(holds)), ValidateOnly: true,
		})
		return err
	}
	refused := func(what string, err error, field string) {
		t.Helper()
		if f := fault.As(err); !errors.Is(err, organization.ErrKeyLast) || len(f.Fields) != 1 || f.Fields[0].Path != field {
			t.Errorf("%s: %v, want ErrKeyLast at %s", what, err, field)
		}
	}
	refused("for seconds", rotate(4*time.Second), "expire_time")
	refused("for a day less", rotate(organization.KeyLifetime-24*time.Hour), "expire_time")
	if err := rotate(organization.KeyLifetime); err != nil {
		t.Errorf("for as long: %v", err)
	}
	second := s.Person(s.Root)
	s.Grant(second.Name, s.Root, accessv1.Role_ROLE_SECURITY_ADMIN)
	if _, err := org.RevokeApiKey(t.Context(), &organizationv1.RevokeApiKeyRequest{Name: own(t, s, second.Key)}); err != nil {
		t.Fatal(err)
	}
	grant := held(t, s, s.SecurityAdmin)
	for _, c := range []struct {
		holds  time.Duration // the other's key
		enough bool
	}{{4 * time.Second, false}, {organization.KeyReserve - time.Second, false}, {organization.KeyReserve, true}} {
		if _, err := org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
			ApiKey: &organizationv1.ApiKey{Principal: second.Name, ExpireTime: timestamppb.New(w.now().Add(c.holds))},
		}); err != nil {
			t.Fatal(err)
		}
		_, revoking := org.RevokeApiKey(t.Context(), &organizationv1.RevokeApiKeyRequest{Name: last, ValidateOnly: true})
		_, ending := s.Organization(s.SecurityAdmin).DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: grant, ValidateOnly: true})
		rotating := rotate(4 * time.Second)
		if c.enough {
			if err := errors.Join(revoking, ending, rotating); err != nil {
				t.Errorf("with another's key for %v: %v", c.holds, err)
			}
			continue
		}
		refused(fmt.Sprintf("revoking, with another's for %v", c.holds), revoking, "name")
		refused(fmt.Sprintf("ending the grant, with another's for %v", c.holds), ending, "name")
		refused(fmt.Sprintf("rotating, with another's for %v", c.holds), rotating, "expire_time")
	}
}

// TestAKeysTimesAreOfOneClock: in a simulation too a key is rotated with itself for no
// longer than it was issued for.
func TestAKeysTimesAreOfOneClock(t *testing.T) {
	s, w := timed(t, asItIs)
	who := s.Person(s.Root, accessv1.Role_ROLE_SECURITY_ADMIN)
	until := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(w.now().Add(d)) }
	issued, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: who.Name, ExpireTime: until(8 * time.Second)},
	})
	if err != nil {
		t.Fatal(err)
	}
	k := issued.GetApiKey()
	if !k.GetCreateTime().AsTime().Equal(w.now()) || !k.GetUpdateTime().AsTime().Equal(w.now()) {
		t.Errorf("issued at %v, and says %v", w.now(), k)
	}
	w.moved.Add(int64(4 * time.Second))
	org := s.Organization(issued.GetSecret())
	_, err = org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: k.GetName(), ExpireTime: until(24 * time.Hour)})
	bound := until(8 * time.Second).AsTime().Format(time.RFC3339)
	if f := fault.As(err); !errors.Is(err, organization.ErrExpiryOutOfRange) || f.Fields[0].Path != "expire_time" || f.Facts["latest"] != bound {
		t.Errorf("for a day: %v; want ErrExpiryOutOfRange that tells %s", err, bound)
	}
	next, err := org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: k.GetName()})
	if err != nil || !next.GetApiKey().GetExpireTime().AsTime().Equal(w.now().Add(8*time.Second)) {
		t.Errorf("as long as before: %v, %v", next.GetApiKey(), err)
	}
}

// TestACallerIsToldWhatItsKeyOpens, which may be less than it was granted.
func TestACallerIsToldWhatItsKeyOpens(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	d1 := s.Unit("d1", city, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", city, organizationv1.Unit_KIND_DISTRICT)
	school := s.Unit("school", d1, organizationv1.Unit_KIND_SCHOOL)
	who := s.Person(d1)
	ask := &organizationv1.ApiKey{Principal: who.Name}
	issued, err := s.Organization(s.Person(d1, accessv1.Role_ROLE_SECURITY_ADMIN).Key).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: ask})
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{city, d2, school} {
		s.Grant(who.Name, unit, accessv1.Role_ROLE_VIEWER)
	}
	ask.Unit = school
	narrow, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: ask})
	if err != nil {
		t.Fatal(err)
	}
	s.CatchUp()
	for _, c := range []struct {
		secret, unit string
		on           []string // the units of the grants that it is told of
	}{
		{who.Key, "", []string{city, d2, school}},
		{issued.GetSecret(), d1, []string{city, school}},
		{narrow.GetSecret(), school, []string{city, school}},
	} {
		me, err := s.Organization(c.secret).GetCaller(t.Context(), &organizationv1.GetCallerRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var on []string
		for _, g := range me.GetGrants() {
			on = append(on, g.GetUnit())
		}
		if slices.Sort(on); !slices.Equal(on, c.on) || me.GetUnit() != c.unit || me.GetExpireTime() == nil {
			t.Errorf("it is told of grants on %v in %q until %v; want %v in %q", on, me.GetUnit(), me.GetExpireTime(), c.on, c.unit)
		}
	}
}
