package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/organization"
)

// issue issues a key to a new viewer of the root.
func issue(t *testing.T, s *suitetest.Suite, k *organizationv1.ApiKey) *organizationv1.IssuedApiKey {
	t.Helper()
	k.Principal = s.Person(s.Root, accessv1.Role_ROLE_VIEWER).Name
	issued, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: k})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// Whoever calls with a key that does not hold is told what is left to its network.
func TestWhoIsNotKnownIsToldOfItsNetwork(t *testing.T) {
	s := suitetest.Run(t)
	answer := knock(t, s, authn.Real.Join("unknown", "secret"), "192.0.2.1")
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong key: %d", answer.StatusCode)
	}
	told, policy := answer.Header.Get("RateLimit"), answer.Header.Get("RateLimit-Policy")
	if !strings.HasPrefix(told, `"network";r=`) || !strings.Contains(told, `, "calls";r=`) || !strings.HasPrefix(policy, `"network";q=`) {
		t.Errorf("it is told of %q by %q", told, policy)
	}
}

func TestAKeyHoldsInItsNetworks(t *testing.T) {
	s := suitetest.Run(t)
	office := issue(t, s, &organizationv1.ApiKey{AllowedNetworks: []string{"192.0.2.0/24", "2001:db8::/32"}}).GetSecret()
	for from, want := range map[string]int{
		"192.0.2.77": http.StatusOK, "::ffff:192.0.2.1": http.StatusOK, "2001:db8:1::1": http.StatusOK,
		"192.0.3.1": http.StatusForbidden, "2001:db9::1": http.StatusForbidden, "nowhere": http.StatusForbidden,
	} {
		answer := knock(t, s, office, from)
		if got := answer.StatusCode; got != want {
			t.Errorf("from %s: %d, want %d", from, got, want)
		}
		if told := answer.Header.Get("RateLimit"); !strings.HasPrefix(told, `"calls";r=`) {
			t.Errorf("from %s is told of no limits: %q", from, told)
		}
	}
	if got := knock(t, s, issue(t, s, &organizationv1.ApiKey{}).GetSecret(), "198.51.100.1").StatusCode; got != http.StatusOK {
		t.Errorf("a key without networks: %d", got)
	}
	for name, networks := range map[string][]string{"host bits": {"192.0.2.1/24"}, "an address": {"192.0.2.1"}, "twice": {"10.0.0.0/8", "10.0.0.0/8"}} {
		_, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
			ApiKey: &organizationv1.ApiKey{Principal: s.Person(s.Root, accessv1.Role_ROLE_VIEWER).Name, AllowedNetworks: networks},
		})
		if err == nil {
			t.Errorf("%s: issued", name)
		}
	}
}

// TestOverTCPTheConnectionSaysWhereAClientIs, and nothing that it sends.
func TestOverTCPTheConnectionSaysWhereAClientIs(t *testing.T) {
	s := suitetest.Run(t)
	conn, err := grpc.NewClient(s.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	call := func(key, claimed string) error {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key, "duban-address", claimed)
		_, err := organizationv1.NewOrganizationServiceClient(conn).GetCaller(ctx, &organizationv1.GetCallerRequest{})
		return err
	}
	here := issue(t, s, &organizationv1.ApiKey{AllowedNetworks: []string{"127.0.0.0/8"}}).GetSecret()
	there := issue(t, s, &organizationv1.ApiKey{AllowedNetworks: []string{"192.0.2.0/24"}}).GetSecret()
	if err := call(here, "192.0.2.1"); err != nil {
		t.Errorf("a key for this machine: %v", err)
	}
	if err := call(there, "192.0.2.1"); err == nil || !strings.Contains(err.Error(), "network") {
		t.Errorf("a key for elsewhere: %v", err)
	}
}

// scoped issues a key that is narrowed to scopes.
func scoped(t *testing.T, s *suitetest.Suite, principal string, scopes ...string) *organizationv1.IssuedApiKey {
	t.Helper()
	issued, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: principal, Scopes: scopes},
	})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// A key opens what its scopes name, says so itself, and so does its successor.
func TestAKeyIsNarrowedToScopes(t *testing.T) {
	s := suitetest.Run(t)
	who := s.Person(s.Root, accessv1.Role_ROLE_SYSTEM_ADMIN).Name
	reading := scoped(t, s, who, "organization:read", "complaint:write")
	next, err := s.Organization(s.SecurityAdmin).RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{
		Name: reading.GetApiKey().GetName(), Overlap: durationpb.New(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"the key": reading.GetSecret(), "its successor": next.GetSecret()} {
		org := s.Organization(key)
		caller, err := org.GetCaller(t.Context(), &organizationv1.GetCallerRequest{})
		if err != nil || !slices.Equal(caller.GetScopes(), []string{"organization:read", "complaint:write"}) {
			t.Errorf("%s says of itself: %v, %v", name, caller.GetScopes(), err)
		}
		if _, err := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: s.Root}); err != nil {
			t.Errorf("%s reads: %v", name, err)
		}
		_, err = org.CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{Unit: &organizationv1.Unit{
			DisplayName: "新设单位", Kind: organizationv1.Unit_KIND_CITY, Parent: s.Root,
		}})
		if !errors.Is(err, authz.ErrScope) || fault.As(err).Facts["scope"] != "organization:write" {
			t.Errorf("%s writes: %v", name, err)
		}
	}
	for scope, field := range map[string]string{"nothing:read": "api_key.scopes[0]", "complaint": "api_key.scopes[0]", "fault:read": "api_key.scopes[0]"} {
		_, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
			ApiKey: &organizationv1.ApiKey{Principal: who, Scopes: []string{scope}},
		})
		f := fault.As(err)
		if f == nil || len(f.Fields) != 1 || f.Fields[0].Path != field || strings.Contains(scope, ":") && f.Reason != organization.ErrScopeUnknown.Reason {
			t.Errorf("a key narrowed to %q: %v", scope, err)
		}
	}
}

// Who calls with a key that is narrowed to scopes hands out nothing wider, to whomever.
func TestANarrowedKeyHandsOutNothingWider(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(scoped(t, s, s.Person(s.Root, accessv1.Role_ROLE_SECURITY_ADMIN).Name, "organization:write").GetSecret())
	who := s.Person(s.Root, accessv1.Role_ROLE_VIEWER).Name
	issue := func(scopes ...string) error {
		_, err := org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: who, Scopes: scopes}})
		return err
	}
	rotate := func(scopes ...string) error {
		_, err := org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: scoped(t, s, who, scopes...).GetApiKey().GetName()})
		return err
	}
	_, linked := org.CreateIdentity(t.Context(), &organizationv1.CreateIdentityRequest{
		Identity: &organizationv1.Identity{Principal: who, Issuer: "https://issuer.example", Subject: "x"},
	})
	for name, err := range map[string]error{
		"issuing one that is not narrowed": issue(), "issuing a wider one": issue("organization:write", "organization:read"),
		"rotating one that is not narrowed": rotate(), "rotating another": rotate("complaint:read"), "linking": linked,
	} {
		if !errors.Is(err, organization.ErrScopeWider) || len(fault.As(err).Fields) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{"issuing": issue("organization:write"), "rotating": rotate("organization:write")} {
		if err != nil {
			t.Errorf("%s one as narrow: %v", name, err)
		}
	}
}

// Who calls with a key that holds in some networks hands out nothing that holds elsewhere;
// what names none holds in the same.
func TestAKeyOfANetworkHandsOutNothingForAnother(t *testing.T) {
	s := suitetest.Run(t)
	issued, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{
		Principal: s.Person(s.Root, accessv1.Role_ROLE_SECURITY_ADMIN).Name, AllowedNetworks: []string{"127.0.0.0/8", "::1/128"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(s.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(
		func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return call(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+issued.GetSecret()), method, req, reply, cc, opts...)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	org := organizationv1.NewOrganizationServiceClient(conn)
	who := s.Person(s.Root, accessv1.Role_ROLE_VIEWER).Name
	issue := func(networks ...string) (*organizationv1.IssuedApiKey, error) {
		return org.CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: who, AllowedNetworks: networks}})
	}
	_, wider := issue("126.0.0.0/7")
	_, other := issue("127.0.0.0/16", "192.0.2.0/24")
	free := suitetest.OK[*organizationv1.IssuedApiKey](t)(s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: who}}))
	_, rotated := org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: free.GetApiKey().GetName()})
	_, linked := org.CreateIdentity(t.Context(), &organizationv1.CreateIdentityRequest{
		Identity: &organizationv1.Identity{Principal: who, Issuer: "https://issuer.example", Subject: "x"},
	})
	for name, err := range map[string]error{"a wider one": wider, "another": other, "rotating one of all networks": rotated, "linking": linked} {
		if !strings.Contains(fmt.Sprint(err), "holds in 127.0.0.0/8, ::1/128 alone") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if none, err := issue(); err != nil || !slices.Equal(none.GetApiKey().GetAllowedNetworks(), []string{"127.0.0.0/8", "::1/128"}) {
		t.Errorf("one that names none: %v, %v", none, err)
	}
	narrow, err := issue("127.0.0.0/16")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: narrow.GetApiKey().GetName()}); err != nil {
		t.Errorf("rotating one as narrow: %v", err)
	}
	if _, err := org.RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: issued.GetApiKey().GetName()}); err != nil {
		t.Errorf("rotating itself: %v", err)
	}
}

func TestAQuotaOfTheDayIsSpent(t *testing.T) {
	s, w := timed(t, asItIs)
	key := issue(t, s, &organizationv1.ApiKey{Quota: &organizationv1.Quota{PerDay: 3, PerMinute: 100}}).GetSecret()
	for left := 2; left >= 0; left-- {
		answer := knock(t, s, key, "192.0.2.1")
		if answer.StatusCode != http.StatusOK || !strings.Contains(answer.Header.Get("RateLimit"), `"day";r=`+string(rune('0'+left))+";t=") {
			t.Errorf("with %d left: %d, %q", left, answer.StatusCode, answer.Header.Get("RateLimit"))
		}
		if p := answer.Header.Get("RateLimit-Policy"); !strings.HasSuffix(p, `"minute";q=100;w=60, "day";q=3;w=86400`) {
			t.Errorf("the policy is %q", p)
		}
	}
	answer := knock(t, s, key, "192.0.2.1")
	wait, err := time.ParseDuration(answer.Header.Get("Retry-After") + "s")
	if midnight := calendar.On(w.now()).End(); answer.StatusCode != http.StatusTooManyRequests || err != nil || !w.now().Add(wait).Equal(midnight) {
		t.Errorf("one too many: %d, repeat after %q", answer.StatusCode, answer.Header.Get("Retry-After"))
	}
	if !strings.Contains(answer.Header.Get("RateLimit"), `"day";r=0;`) {
		t.Errorf("one too many says %q", answer.Header.Get("RateLimit"))
	}
}

// TestTheMinuteSpendsNothingOfTheDay: what one limit refuses is left by the other.
func TestTheMinuteSpendsNothingOfTheDay(t *testing.T) {
	s, _ := timed(t, asItIs)
	key := issue(t, s, &organizationv1.ApiKey{Quota: &organizationv1.Quota{PerDay: 5, PerMinute: 1}}).GetSecret()
	for _, want := range []int{http.StatusOK, http.StatusTooManyRequests, http.StatusTooManyRequests, http.StatusTooManyRequests} {
		answer := knock(t, s, key, "192.0.2.1")
		if told := answer.Header.Get("RateLimit"); answer.StatusCode != want || !strings.Contains(told, `"day";r=4;`) {
			t.Errorf("answered %d, %q, want %d with 4 left of the day", answer.StatusCode, told, want)
		}
	}
}

// TestASuccessorSharesTheQuota: a key that is rotated has no new day.
func TestASuccessorSharesTheQuota(t *testing.T) {
	s, _ := timed(t, asItIs)
	issued := issue(t, s, &organizationv1.ApiKey{Quota: &organizationv1.Quota{PerDay: 2}})
	knock(t, s, issued.GetSecret(), "192.0.2.1")
	for range 2 {
		next, err := s.Organization(s.SecurityAdmin).RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{Name: issued.GetApiKey().GetName()})
		if err != nil {
			t.Fatal(err)
		}
		if first := next.GetApiKey().GetFirstKey(); first == "" || issued.GetApiKey().GetFirstKey() != "" && first != issued.GetApiKey().GetFirstKey() {
			t.Errorf("the successor of %v goes back to %q", issued.GetApiKey(), first)
		}
		issued = next
		s.CatchUp()
	}
	for _, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		answer := knock(t, s, issued.GetSecret(), "192.0.2.1")
		if told := answer.Header.Get("RateLimit"); answer.StatusCode != want || !strings.Contains(told, `"day";r=0;`) {
			t.Errorf("the successor's call: %d, %q, want %d", answer.StatusCode, told, want)
		}
	}
}

// TestUsesOutlastTheProcess: the last day and the calls of that day, once they
// were told, whatever the key's own record says.
func TestUsesOutlastTheProcess(t *testing.T) {
	s, w := timed(t, asItIs)
	issued := issue(t, s, &organizationv1.ApiKey{Quota: &organizationv1.Quota{PerDay: 3}})
	last := func(s *suitetest.Suite, admin string) *organizationv1.ApiKey {
		k, err := s.Organization(admin).GetApiKey(t.Context(), &organizationv1.GetApiKeyRequest{Name: issued.GetApiKey().GetName()})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	admin, auditor := s.SecurityAdmin, s.Auditor
	if k := last(s, admin); k.GetLastUseDate() != "" {
		t.Errorf("before its first use: %v", k)
	}
	knock(t, s, issued.GetSecret(), "192.0.2.1")
	knock(t, s, issued.GetSecret(), "192.0.2.1")
	if k := last(s, admin); k.GetLastUseDate() != calendar.On(w.now()).String() || k.GetEtag() != issued.GetApiKey().GetEtag() {
		t.Errorf("after its first use: %v", k)
	}
	tell(t, s, issued)
	s.Stop()
	s = suitetest.RunOn(t, s.Folder, w.now, asItIs)
	if k := last(s, auditor); k.GetLastUseDate() != calendar.On(w.now()).String() {
		t.Errorf("after a restart: %v", k)
	}
	if answer := knock(t, s, issued.GetSecret(), "192.0.2.1"); !strings.Contains(answer.Header.Get("RateLimit"), `"day";r=0;`) {
		t.Errorf("after a restart: %q", answer.Header.Get("RateLimit"))
	}
}

// tell lets the process ask about the key once more, as it has changed, by which
// organization is told how often it was used.
func tell(t *testing.T, s *suitetest.Suite, issued *organizationv1.IssuedApiKey) {
	t.Helper()
	_, err := s.Organization(s.SecurityAdmin).RotateApiKey(t.Context(), &organizationv1.RotateApiKeyRequest{
		Name: issued.GetApiKey().GetName(), Overlap: durationpb.New(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.CatchUp()
	knock(t, s, issued.GetSecret(), "192.0.2.1")
}
