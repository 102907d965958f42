package server_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// refused calls until the key is refused, and says how long that took.
func refused(t *testing.T, s *suitetest.Suite, key string) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		_, err := s.Organization(key).GetCaller(t.Context(), &organizationv1.GetCallerRequest{})
		took := time.Since(start)
		if errors.Is(err, authn.ErrUnauthenticated) || took > 10*time.Second {
			return took
		}
	}
}

func TestARevokedKeyIsRefusedWithinASecond(t *testing.T) {
	s := suitetest.Run(t)
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
	if took := refused(t, s, who.Key); took > authn.Lifetime/2 { // the feed tells of it at once
		t.Errorf("the key was believed for %v after its revocation", took)
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
