package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/organization"
)

// watch is real time that stands unless a test moves it on.
type watch struct{ moved atomic.Int64 }

func (w *watch) now() time.Time {
	return time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC).Add(time.Duration(w.moved.Load())) // noon in Beijing
}

// timed starts a suite by a watch, in a new folder, and sets it up.
func timed(t *testing.T, set func(*suite.Config)) (*suitetest.Suite, *watch) {
	t.Helper()
	w := &watch{}
	s := suitetest.RunOn(t, t.TempDir(), w.now, set)
	s.Initialize()
	return s, w
}

func asItIs(*suite.Config) {}

// TestARevokedKeyIsRefusedAtOnce: the feed tells of it. Time stands, in which what is
// believed would be forgotten.
func TestARevokedKeyIsRefusedAtOnce(t *testing.T) {
	s, _ := timed(t, asItIs)
	who := s.Person(s.Root, accessv1.Role_ROLE_VIEWER)
	org := s.Organization(s.SecurityAdmin)
	keys, err := org.ListApiKeys(t.Context(), &organizationv1.ListApiKeysRequest{Principal: who.Name})
	if err != nil || len(keys.GetApiKeys()) != 1 {
		t.Fatalf("ListApiKeys = %v, %v", keys, err)
	}
	if _, err := s.Organization(who.Key).GetCaller(t.Context(), &organizationv1.GetCallerRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := org.RevokeApiKey(t.Context(), &organizationv1.RevokeApiKeyRequest{Name: keys.GetApiKeys()[0].GetName()}); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for err = nil; !errors.Is(err, authn.ErrUnauthenticated); {
		if _, err = s.Organization(who.Key).GetCaller(t.Context(), &organizationv1.GetCallerRequest{}); soon.Err() != nil {
			t.Fatalf("the key is still believed: %v", err)
		}
	}
}

func TestRotationOverlaps(t *testing.T) {
	s := suitetest.Run(t)
	who := s.Person(s.Root, accessv1.Role_ROLE_VIEWER)
	org := s.Organization(s.SecurityAdmin)
	keys, err := org.ListApiKeys(t.Context(), &organizationv1.ListApiKeysRequest{Principal: who.Name})
	if err != nil {
		t.Fatal(err)
	}
	next, err := org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{
		Name: keys.GetApiKeys()[0].GetName(), Overlap: durationpb.New(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"the old": who.Key, "the new": next.GetSecret()} {
		if _, err := s.Organization(key).GetCaller(t.Context(), &organizationv1.GetCallerRequest{}); err != nil {
			t.Errorf("%s key within the overlap = %v", name, err)
		}
	}
}

func TestAKeyOnlyNarrows(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	d1 := s.Unit("d1", city, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", city, organizationv1.Unit_KIND_DISTRICT)
	who := s.Person(city, accessv1.Role_ROLE_VIEWER, accessv1.Role_ROLE_LEADER)
	k, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: who.Name, Unit: d1, Roles: []accessv1.Role{accessv1.Role_ROLE_VIEWER, accessv1.Role_ROLE_HEAD}},
	})
	if err != nil {
		t.Fatal(err)
	}
	org := s.Organization(k.GetSecret())
	caller, err := org.GetCaller(t.Context(), &organizationv1.GetCallerRequest{})
	if err != nil || len(caller.GetGrants()) != 1 || caller.GetGrants()[0].GetRole() != accessv1.Role_ROLE_VIEWER {
		t.Errorf("the key carries %v, %v; want viewer alone: a key gives no role that its principal lacks", caller.GetGrants(), err)
	}
	if _, err := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: d1}); err != nil {
		t.Errorf("within the key's subtree = %v", err)
	}
	if _, err := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: d2}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("outside of it = %v, want ErrNotFound", err)
	}
}

// A security administrator issues, rotates and links nothing that carries rights
// to where they have none: whoever hands out a secret could use it.
func TestNobodyLendsThemselvesRights(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	d1 := s.Unit("d1", city, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", city, organizationv1.Unit_KIND_DISTRICT)
	who := s.Person(d1, accessv1.Role_ROLE_CLERK)
	if _, err := s.Organization(s.SecurityAdmin).CreateRoleGrant(t.Context(), &organizationv1.CreateRoleGrantRequest{
		RoleGrant: &organizationv1.RoleGrant{Principal: who.Name, Role: accessv1.Role_ROLE_SUPERVISOR, Unit: city},
	}); err != nil {
		t.Fatal(err)
	}
	above := s.Person(city, accessv1.Role_ROLE_SECURITY_ADMIN)
	narrowed, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: above.Name, Unit: d1},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.Organization(s.SecurityAdmin).ListApiKeys(t.Context(), &organizationv1.ListApiKeysRequest{Principal: who.Name})
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"the district's": s.Person(d1, accessv1.Role_ROLE_SECURITY_ADMIN).Key, "a narrowed key of the city's": narrowed.GetSecret()} {
		org := s.Organization(key)
		issue := func(k *organizationv1.ApiKey) (string, error) {
			issued, err := org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: k})
			return issued.GetSecret(), err
		}
		_, err := issue(&organizationv1.ApiKey{Principal: who.Name})
		wantWider(t, name+", issuing", err, "api_key.unit")
		_, err = org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: keys.GetApiKeys()[0].GetName()})
		wantWider(t, name+", rotating", err, "name")
		_, err = org.CreateIdentity(t.Context(), &organizationv1.CreateIdentityRequest{
			Identity: &organizationv1.Identity{Principal: who.Name, Issuer: "https://issuer.example", Subject: "x"},
		})
		wantWider(t, name+", linking", err, "identity.principal")
		if _, err := issue(&organizationv1.ApiKey{Principal: who.Name, Roles: []accessv1.Role{accessv1.Role_ROLE_CLERK}}); err != nil {
			t.Errorf("%s, issuing for the clerk in the district alone: %v", name, err)
		}
		within, err := issue(&organizationv1.ApiKey{Principal: who.Name, Unit: d1})
		if err != nil {
			t.Fatalf("%s, issuing for the district alone: %v", name, err)
		}
		if _, err := s.Organization(within).GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: d2}); !errors.Is(err, authz.ErrNotFound) {
			t.Errorf("%s: the key for the district opens another: %v", name, err)
		}
	}
}

func wantWider(t *testing.T, what string, err error, field string) {
	t.Helper()
	at := slices.ContainsFunc(status.Convert(err).Details(), func(d any) bool {
		bad, ok := d.(*errdetails.BadRequest)
		return ok && bad.GetFieldViolations()[0].GetField() == field
	})
	if !errors.Is(err, organization.ErrRightsWider) || !at {
		t.Errorf("%s = %v, want ErrRightsWider at %s", what, err, field)
	}
}

// knock calls over REST with a key, from an address behind the proxy.
func knock(t *testing.T, s *suitetest.Suite, key, from string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.HTTP+"/v1/caller", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("X-Forwarded-For", from)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	return answer
}

func TestAFloodOfWrongKeysIsStopped(t *testing.T) {
	s, _ := timed(t, asItIs)
	who := s.Person(s.Root, accessv1.Role_ROLE_VIEWER)
	answer := &http.Response{}
	for i := 0; i < 500 && answer.StatusCode != http.StatusTooManyRequests; i++ {
		answer = knock(t, s, authn.Real.Join(fmt.Sprintf("made-up-%d", i), "secret"), "10.1.1.1")
	}
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") != "1" {
		t.Errorf("the flood ends in %d, repeat after %q", answer.StatusCode, answer.Header.Get("Retry-After"))
	}
	if code := knock(t, s, who.Key, "10.1.1.2").StatusCode; code != http.StatusOK {
		t.Errorf("a neighbour with a key = %d, want 200", code)
	}
	if code := knock(t, s, authn.Real.Join("unknown", "secret"), "10.1.2.1").StatusCode; code != http.StatusUnauthorized {
		t.Errorf("a wrong key in another network = %d, want 401", code)
	}
}

func TestAKeyThatOpensNothingIsNotIssued(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	d1 := s.Unit("d1", city, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", city, organizationv1.Unit_KIND_DISTRICT)
	who, nobody := s.Person(d1, accessv1.Role_ROLE_VIEWER), s.Person(d1)
	viewer, head := []accessv1.Role{accessv1.Role_ROLE_VIEWER}, []accessv1.Role{accessv1.Role_ROLE_HEAD}
	for _, c := range []struct {
		name, principal, unit string
		roles                 []accessv1.Role
		field                 string // where it is refused
	}{
		{"all of its principal's", who.Name, "", nil, ""},
		{"the unit of the grant", who.Name, d1, viewer, ""},
		{"a unit above it", who.Name, city, viewer, ""},
		{"whatever is granted later", nobody.Name, "", nil, ""},
		{"a role that is not held", who.Name, "", head, "api_key.roles"},
		{"a unit beside it", who.Name, d2, nil, "api_key.unit"},
		{"the role, in a unit beside it", who.Name, d2, viewer, "api_key.unit"},
		{"a unit that is not there", who.Name, "units/x", nil, "api_key.unit"},
		{"a role of somebody without", nobody.Name, "", viewer, "api_key.roles"},
	} {
		k := &organizationv1.ApiKey{Principal: c.principal, Unit: c.unit, Roles: c.roles}
		_, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: k})
		switch refused := errors.Is(err, organization.ErrKeyOpensNothing); {
		case refused != (c.field != "") || !refused && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case refused && fault.As(err).Fields[0].Path != c.field:
			t.Errorf("%s: refused at %q, want %q", c.name, fault.As(err).Fields[0].Path, c.field)
		}
	}
}
