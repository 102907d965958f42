package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authn/oidc"
	"github.com/duban-project/duban/services/internal/authn/oidc/oidctest"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/organization"
)

// signIn starts a suite that believes a provider, whose tokens show a second
// factor by amr.
func signIn(t *testing.T) (*suitetest.Suite, *provider) {
	t.Helper()
	p := oidctest.New(t)
	s, w := timed(t, func(c *suite.Config) {
		c.Identity.Issuers = []oidc.Issuer{{Issuer: p.URL, Audience: "duban", SecondFactor: oidc.Factor{Claim: "amr", Values: []string{"otp"}}}}
	})
	return s, &provider{p, w}
}

// provider is one whose tokens are made by the suite's time.
type provider struct {
	*oidctest.Provider
	*watch
}

func token(p *provider, changes oidctest.M) string {
	return p.Token(oidctest.M{"alg": "ES256", "kid": "e1"}, p.Claims(p.now(), changes))
}

// link links an account to a principal.
func link(t *testing.T, s *suitetest.Suite, p *provider, principal, subject string) *organizationv1.Identity {
	t.Helper()
	i, err := s.Organization(s.SecurityAdmin).CreateIdentity(t.Context(), &organizationv1.CreateIdentityRequest{
		Identity: &organizationv1.Identity{Principal: principal, Issuer: p.URL, Subject: subject},
	})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// caller asks who the token is.
func caller(t *testing.T, s *suitetest.Suite, token string) (string, error) {
	t.Helper()
	c, err := s.Organization(token).GetCaller(t.Context(), &organizationv1.GetCallerRequest{})
	return c.GetPrincipal(), err
}

func TestALinkedAccountCallsAsItsPrincipal(t *testing.T) {
	s, p := signIn(t)
	who := s.Person(s.Root, accessv1.Role_ROLE_VIEWER)
	if _, err := caller(t, s, token(p, nil)); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("an account that nobody has linked: %v", err)
	}
	i := link(t, s, p, who.Name, "alice")
	again := token(p, oidctest.M{"jti": "2"})
	if got, err := caller(t, s, again); err != nil || got != who.Name {
		t.Fatalf("once linked: %q, %v", got, err)
	}
	large := token(p, oidctest.M{"jti": "3", "groups": strings.Repeat("x", 11_000)})
	if got, err := caller(t, s, large); err != nil || got != who.Name {
		t.Errorf("with a token of %d bytes: %q, %v", len(large), got, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.HTTP+"/v1/caller", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+large)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("with a token of %d bytes by REST: %s, %v", len(large), res.Status, err)
	}
	org := s.Organization(s.SecurityAdmin)
	if _, err := org.DeleteIdentity(t.Context(), &organizationv1.DeleteIdentityRequest{Name: i.GetName()}); err != nil {
		t.Fatal(err)
	}
	p.moved.Add(int64(promised))
	if _, err := caller(t, s, again); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("the token %v after the link ended: %v", promised, err)
	}
	if _, err := org.DeleteIdentity(t.Context(), &organizationv1.DeleteIdentityRequest{Name: i.GetName()}); !errors.Is(err, organization.ErrIdentityEnded) {
		t.Errorf("ending the link again: %v", err)
	}
	link(t, s, p, who.Name, "alice") // the account is free again
}

// promised is how soon a link that has ended is refused, by the contract.
const promised = time.Second

func TestAnAccountIsLinkedOnce(t *testing.T) {
	s, p := signIn(t)
	who, other := s.Person(s.Root, accessv1.Role_ROLE_VIEWER), s.Person(s.Root, accessv1.Role_ROLE_VIEWER)
	link(t, s, p, who.Name, "alice")
	link(t, s, p, who.Name, "alice2")
	org := s.Organization(s.SecurityAdmin)
	me, err := caller(t, s, s.SecurityAdmin)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		principal, subject, issuer string
		want                       error
	}{
		"to somebody else": {other.Name, "alice", p.URL, organization.ErrIdentityExists},
		"to nobody":        {s.Root + "/members/none", "bob", p.URL, organization.ErrPrincipalUnknown},
		"to oneself":       {me, "bob", p.URL, organization.ErrSelfGrant},
		"at no issuer":     {other.Name, "bob", "https://id.example", organization.ErrIdentityIssuerUnknown},
		"at almost one":    {other.Name, "bob", p.URL + "/", organization.ErrIdentityIssuerUnknown},
	} {
		_, err := org.CreateIdentity(t.Context(), &organizationv1.CreateIdentityRequest{
			Identity: &organizationv1.Identity{Principal: c.principal, Issuer: c.issuer, Subject: c.subject},
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	all, err := org.ListIdentities(t.Context(), &organizationv1.ListIdentitiesRequest{Principal: who.Name})
	if err != nil || len(all.GetIdentities()) != 2 || all.GetIdentities()[0].GetSubject() != "alice" {
		t.Errorf("ListIdentities = %v, %v", all, err)
	}
}

// grant tries what counts as a signature: giving somebody a right.
func grant(t *testing.T, s *suitetest.Suite, credential string) error {
	t.Helper()
	_, err := s.Organization(credential).CreateRoleGrant(t.Context(), &organizationv1.CreateRoleGrantRequest{
		RoleGrant:    &organizationv1.RoleGrant{Principal: s.Person(s.Root).Name, Role: accessv1.Role_ROLE_VIEWER, Unit: s.Root},
		ValidateOnly: true,
	})
	return err
}

func TestASignatureTakesASecondFactor(t *testing.T) {
	s, p := signIn(t)
	security, viewer := s.Person(s.Root, accessv1.Role_ROLE_SECURITY_ADMIN), s.Person(s.Root, accessv1.Role_ROLE_VIEWER)
	link(t, s, p, security.Name, "alice")
	link(t, s, p, viewer.Name, "bob")
	for name, c := range map[string]struct {
		credential string
		want       error
	}{
		"a password alone": {token(p, oidctest.M{"amr": []string{"pwd"}}), authz.ErrSecondFactor},
		"with an OTP":      {token(p, oidctest.M{"amr": []string{"pwd", "otp"}}), nil},
		"an OTP, no right": {token(p, oidctest.M{"sub": "bob", "amr": []string{"otp"}}), authz.ErrDenied},
		"no right, no OTP": {token(p, oidctest.M{"sub": "bob"}), authz.ErrDenied},
		"a key":            {security.Key, nil},
	} {
		if err := grant(t, s, c.credential); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestAnIssuerThatIsDownHindersNoKey(t *testing.T) {
	s, p := signIn(t)
	who := s.Person(s.Root, accessv1.Role_ROLE_VIEWER)
	p.Break(func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
	if _, err := caller(t, s, token(p, nil)); !errors.Is(err, authn.ErrIssuerUnavailable) {
		t.Errorf("a token: %v", err)
	}
	if got, err := caller(t, s, who.Key); err != nil || got != who.Name {
		t.Errorf("a key: %q, %v", got, err)
	}
}

// Where keys do not sign, they take nothing from anybody either, but themselves; and what
// keeps the installation governed is a linked account.
func TestWhereKeysDoNotSignTheyTakeNothingAway(t *testing.T) {
	p, folder := &provider{oidctest.New(t), &watch{}}, t.TempDir()
	run := func(keysSign bool) *suitetest.Suite {
		return suitetest.RunOn(t, folder, p.now, func(c *suite.Config) {
			c.Identity.Issuers = []oidc.Issuer{{Issuer: p.URL, Audience: "duban", SecondFactor: oidc.Factor{Claim: "amr", Values: []string{"otp"}}}}
			c.Identity.KeysSign = keysSign
		})
	}
	before := run(true)
	before.Initialize()
	first, second := before.Person(before.Root, accessv1.Role_ROLE_SECURITY_ADMIN), before.Person(before.Root)
	others := before.Grant(second.Name, before.Root, accessv1.Role_ROLE_SECURITY_ADMIN)
	mine, theirs := link(t, before, p, first.Name, "alice"), link(t, before, p, second.Name, "bob")
	before.Stop()

	s := run(false)
	s.Root = before.Root
	key, signed := s.Organization(first.Key), s.Organization(token(p, oidctest.M{"amr": []string{"otp"}}))
	end := func(org organizationv1.OrganizationServiceClient, name string) (err error) {
		switch kind, _, _ := strings.Cut(name, "/"); kind {
		case "identities":
			_, err = org.DeleteIdentity(t.Context(), &organizationv1.DeleteIdentityRequest{Name: name})
		case "roleGrants":
			_, err = org.DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: name})
		default:
			_, err = org.RevokeApiKey(t.Context(), &organizationv1.RevokeApiKeyRequest{Name: name})
		}
		return err
	}
	for _, name := range []string{theirs.GetName(), others, own(t, s, second.Key)} {
		if err := end(key, name); !errors.Is(err, authz.ErrSecondFactor) {
			t.Errorf("%s by a key: %v", name, err)
		}
	}
	if err := end(key, own(t, s, first.Key)); err != nil {
		t.Errorf("a stolen key by itself: %v", err)
	}
	if err := end(signed, theirs.GetName()); err != nil {
		t.Errorf("with an OTP: %v", err)
	}
	wantLast(t, "the last account", end(signed, mine.GetName()))
	if err := end(signed, own(t, s, second.Key)); err != nil {
		t.Errorf("a key, which keeps nothing governed: %v", err)
	}
}
