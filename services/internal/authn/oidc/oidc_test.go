package oidc_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authn/oidc"
	"github.com/duban-project/duban/services/internal/authn/oidc/oidctest"
)

var start = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)

// provider is an identity provider with the time of these tests.
type provider struct{ *oidctest.Provider }

type m = oidctest.M

func (p provider) claims(changes m) m { return p.Claims(start, changes) }

func (p provider) good() string { return p.Token(m{"alg": "RS256", "kid": "r1"}, p.claims(nil)) }

// reader is a verifier of the provider's tokens, with a clock and a log.
type reader struct {
	*oidc.Verifier
	now time.Time
	log bytes.Buffer
}

func (p provider) reader(t *testing.T, more func(*oidc.Issuer)) *reader {
	t.Helper()
	i := oidc.Issuer{Issuer: p.URL, Audience: "duban", SecondFactor: oidc.Factor{Claim: "amr", Values: []string{"otp", "hwk"}}}
	if more != nil {
		more(&i)
	}
	if err := i.Check(); err != nil {
		t.Fatal(err)
	}
	r := &reader{now: start.Add(time.Minute)}
	r.Verifier = oidc.New([]oidc.Issuer{i}, func() time.Time { return r.now }, slog.New(slog.NewTextHandler(&r.log, nil)))
	return r
}

func TestATokenOfTheIssuerIsItsAccount(t *testing.T) {
	p := provider{oidctest.New(t)}
	for name, token := range map[string]string{
		"RS256":            p.good(),
		"ES256":            p.Token(m{"alg": "ES256", "kid": "e1"}, p.claims(nil)),
		"EdDSA":            p.Token(m{"alg": "EdDSA", "kid": "d1"}, p.claims(nil)),
		"many audiences":   p.Token(m{"alg": "RS256", "kid": "r1"}, p.claims(m{"aud": []string{"other", "duban"}})),
		"a clock a bit on": p.Token(m{"alg": "RS256", "kid": "r1"}, p.claims(m{"iat": start.Add(85 * time.Second).Unix()})),
	} {
		got, err := p.reader(t, nil).Verify(t.Context(), token)
		if err != nil || got.Issuer != p.URL || got.Subject != "alice" || got.SecondFactor {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if want := start.Add(10*time.Minute + 30*time.Second); !got.Until.Equal(want) {
			t.Errorf("%s: until %v, want %v", name, got.Until, want)
		}
	}
}

// TestATokenOfAnotherTypeIsRefused, whoever signed it for whom.
func TestATokenOfAnotherTypeIsRefused(t *testing.T) {
	p := provider{oidctest.New(t)}
	strict := []string{"at+jwt"}
	for name, c := range map[string]struct {
		typ    any
		claims m
		types  []string
		taken  bool
	}{
		"none":                           {taken: true},
		"JWT":                            {typ: "JWT", taken: true},
		"jwt":                            {typ: "jwt", taken: true},
		"at+jwt":                         {typ: "at+jwt", taken: true},
		"application/at+JWT":             {typ: "application/at+JWT", taken: true},
		"logout+jwt":                     {typ: "logout+jwt"},
		"secevent+jwt":                   {typ: "secevent+jwt"},
		"a type that begins like one":    {typ: "at+jwt2"},
		"an empty type":                  {typ: ""},
		"a type that is no text":         {typ: 7},
		"an ID token's nonce":            {typ: "JWT", claims: m{"nonce": "n"}},
		"an ID token's hash":             {claims: m{"at_hash": "h"}},
		"an ID token's hash of a code":   {claims: m{"c_hash": "h"}},
		"an event":                       {claims: m{"events": m{}}},
		"an access token with a nonce":   {typ: "at+jwt", claims: m{"nonce": "n"}, taken: true},
		"at+jwt where it is asked for":   {typ: "at+jwt", types: strict, taken: true},
		"none where at+jwt is asked for": {types: strict},
		"JWT where at+jwt is asked for":  {typ: "JWT", types: strict},
		"at+jwt where none is to be":     {typ: "at+jwt", types: []string{""}},
		"none where none is to be":       {types: []string{""}, taken: true},
	} {
		header := m{"alg": "RS256", "kid": "r1"}
		if c.typ != nil {
			header["typ"] = c.typ
		}
		r := p.reader(t, func(i *oidc.Issuer) { i.Types = c.types })
		_, err := r.Verify(t.Context(), p.Token(header, p.claims(c.claims)))
		if (err == nil) != c.taken || err != nil && !errors.Is(err, authn.ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (oidc.Issuer{Issuer: p.URL, Audience: "duban", Types: []string{"logout+jwt"}}).Check(); err == nil {
		t.Error("logout tokens can be asked for")
	}
}

func TestASecondFactorIsShownByItsClaim(t *testing.T) {
	p := provider{oidctest.New(t)}
	for _, c := range []struct {
		claims m
		factor oidc.Factor
		want   bool
	}{
		{m{"amr": []string{"pwd", "otp"}}, oidc.Factor{Claim: "amr", Values: []string{"otp"}}, true},
		{m{"amr": []string{"pwd"}}, oidc.Factor{Claim: "amr", Values: []string{"otp"}}, false},
		{m{"amr": []any{7, nil}}, oidc.Factor{Claim: "amr", Values: []string{"otp"}}, false},
		{m{"acr": "gold"}, oidc.Factor{Claim: "acr", Values: []string{"silver", "gold"}}, true},
		{m{"acr": "golden"}, oidc.Factor{Claim: "acr", Values: []string{"gold"}}, false},
		{m{}, oidc.Factor{Claim: "acr", Values: []string{"gold"}}, false},
		{m{}, oidc.Factor{}, true},
	} {
		r := p.reader(t, func(i *oidc.Issuer) { i.SecondFactor = c.factor })
		got, err := r.Verify(t.Context(), p.Token(m{"alg": "RS256", "kid": "r1"}, p.claims(c.claims)))
		if err != nil || got.SecondFactor != c.want {
			t.Errorf("%v by %v: %v, %v; want %v", c.claims, c.factor, got.SecondFactor, err, c.want)
		}
	}
}

// confused signs with the public key as if it were a shared secret.
func (p provider) confused(header m, secret []byte) string {
	unsigned := strings.TrimSuffix(p.Token(header, p.claims(nil)), ".")
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(unsigned))
	return unsigned + "." + oidctest.Base64(mac.Sum(nil))
}

func TestEveryAttackIsRefused(t *testing.T) {
	p, other := provider{oidctest.New(t)}, provider{oidctest.New(t)}
	der, err := x509.MarshalPKIXPublicKey(&p.RSA.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	rs := m{"alg": "RS256", "kid": "r1"}
	hs := m{"alg": "HS256", "kid": "r1"}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p.Publish(append(p.Keys(), oidctest.RSAKey("small", &small.PublicKey), m{"kty": "oct", "kid": "shared", "k": oidctest.Base64([]byte("a shared secret of 32 bytes, yes"))},
		m{"kty": "RSA", "kid": "enc", "use": "enc", "n": oidctest.RSAKey("", &p.RSA.PublicKey)["n"], "e": "AQAB"},
		m{"kty": "RSA", "kid": "ps", "alg": "PS256", "n": oidctest.RSAKey("", &p.RSA.PublicKey)["n"], "e": "AQAB"},
		m{"kty": "mystery", "kid": "mystery"})...)
	weak := &oidctest.Provider{Server: p.Server, RSA: small}
	good := p.good()
	at := func(d time.Duration) int64 { return start.Add(d).Unix() }
	for name, token := range map[string]string{
		"wrong audience":              p.Token(rs, p.claims(m{"aud": "portal"})),
		"a part of the audience":      p.Token(rs, p.claims(m{"aud": "duban2"})),
		"no audience":                 p.Token(rs, p.claims(m{"aud": nil})),
		"wrong issuer":                p.Token(rs, p.claims(m{"iss": "https://id.example"})),
		"no issuer":                   p.Token(rs, p.claims(m{"iss": nil})),
		"another issuer's signature":  other.Token(rs, p.claims(nil)),
		"alg none":                    p.Token(m{"alg": "none", "kid": "r1"}, p.claims(nil)),
		"alg None":                    p.Token(m{"alg": "None", "kid": "r1"}, p.claims(nil)),
		"HS256 with the public key":   p.confused(hs, der),
		"HS256 with the modulus":      p.confused(hs, p.RSA.N.Bytes()),
		"HS256 with a published key":  p.confused(m{"alg": "HS256", "kid": "shared"}, []byte("a shared secret of 32 bytes, yes")),
		"PS256, which is not asked":   p.Token(m{"alg": "PS256", "kid": "r1"}, p.claims(nil)),
		"RS256 by the EC key":         p.Token(m{"alg": "RS256", "kid": "e1"}, p.claims(nil)),
		"RS256 by a key for PS256":    p.Token(m{"alg": "RS256", "kid": "ps"}, p.claims(nil)),
		"ES256 by the RSA key":        p.Token(m{"alg": "ES256", "kid": "r1"}, p.claims(nil)),
		"a key of 1024 bits":          weak.Token(m{"alg": "RS256", "kid": "small"}, p.claims(nil)),
		"a key for encryption":        p.Token(m{"alg": "RS256", "kid": "enc"}, p.claims(nil)),
		"a key it brings along":       other.Token(m{"alg": "RS256", "kid": "x", "jwk": oidctest.RSAKey("x", &other.RSA.PublicKey)}, p.claims(nil)),
		"a key it says where to find": other.Token(m{"alg": "RS256", "kid": "x", "jku": other.URL + "/keys"}, p.claims(nil)),
		"no kid":                      p.Token(m{"alg": "RS256"}, p.claims(nil)),
		"unknown kid":                 p.Token(m{"alg": "RS256", "kid": "r2"}, p.claims(nil)),
		"an extension it must know":   p.Token(m{"alg": "RS256", "kid": "r1", "crit": []string{"x"}, "x": 1}, p.claims(nil)),
		"expired":                     p.Token(rs, p.claims(m{"iat": at(-time.Minute), "exp": at(29 * time.Second)})),
		"not yet valid":               p.Token(rs, p.claims(m{"nbf": at(2 * time.Minute)})),
		"issued in the future":        p.Token(rs, p.claims(m{"iat": at(2 * time.Minute)})),
		"over before it began":        p.Token(rs, p.claims(m{"iat": at(85 * time.Second), "exp": at(65 * time.Second)})),
		"over as it begins":           p.Token(rs, p.claims(m{"iat": at(time.Minute), "exp": at(time.Minute)})),
		"no end":                      p.Token(rs, p.claims(m{"exp": nil})),
		"no beginning":                p.Token(rs, p.claims(m{"iat": nil})),
		"made for a year":             p.Token(rs, p.claims(m{"exp": at(365 * 24 * time.Hour)})),
		"an end beyond all time":      p.Token(rs, p.claims(m{"exp": 1e18})),
		"times as text":               p.Token(rs, p.claims(m{"exp": "never"})),
		"no subject":                  p.Token(rs, p.claims(m{"sub": nil})),
		"an empty subject":            p.Token(rs, p.claims(m{"sub": ""})),
		"a subject that is no text":   p.Token(rs, p.claims(m{"sub": 7})),
		"a changed claim":             good[:strings.Index(good, ".")+1] + oidctest.Base64([]byte(`{"sub":"bob"}`)) + good[strings.LastIndex(good, "."):],
		"a changed signature":         good[:len(good)-4] + "AAAA",
		"no signature":                good[:strings.LastIndex(good, ".")+1],
		"an encrypted one":            good + ".a.b",
		"nothing":                     "..",
	} {
		r := p.reader(t, nil)
		got, err := r.Verify(t.Context(), token)
		if !errors.Is(err, authn.ErrUnauthenticated) || got != (authn.Account{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if parts := strings.Split(token, "."); err != nil && len(parts[1]) > 0 && strings.Contains(err.Error()+r.log.String(), parts[1]) {
			t.Errorf("%s: the token is told: %v, %s", name, err, &r.log)
		}
	}
	if _, err := p.reader(t, nil).Verify(t.Context(), good); err != nil {
		t.Errorf("the good one: %v", err) // or the attacks prove nothing
	}
	pinned := p.reader(t, func(i *oidc.Issuer) { i.Algorithms = []string{"ES256"} })
	if _, err := pinned.Verify(t.Context(), good); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("RS256 where ES256 is pinned: %v", err)
	}
}

func TestKeysRotate(t *testing.T) {
	p := provider{oidctest.New(t)}
	r := p.reader(t, nil)
	verify := func(kid string) error {
		_, err := r.Verify(t.Context(), p.Token(m{"alg": "RS256", "kid": kid}, p.claims(m{"iat": r.now.Unix(), "exp": r.now.Add(time.Minute).Unix()})))
		return err
	}
	if err := verify("r1"); err != nil {
		t.Fatal(err)
	}
	p.Publish(oidctest.RSAKey("r2", &p.RSA.PublicKey))
	if err := verify("r2"); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("a new key within the interval: %v", err)
	}
	r.now = r.now.Add(30 * time.Second)
	if err := verify("r2"); err != nil {
		t.Errorf("a new key after the interval: %v", err)
	}
	if err := verify("r1"); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("the key that was taken away: %v", err)
	}
	if n := p.Fetched(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

func TestAKeyThatIsTakenAwayEndsWithinAQuarterOfAnHour(t *testing.T) {
	p := provider{oidctest.New(t)}
	r := p.reader(t, nil)
	token := p.Token(m{"alg": "RS256", "kid": "r1"}, p.claims(m{"exp": start.Add(time.Hour).Unix()}))
	if _, err := r.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	p.Publish()
	r.now = r.now.Add(15 * time.Minute)
	if _, err := r.Verify(t.Context(), token); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("a quarter of an hour later: %v", err)
	}
}

func TestMadeUpKeysCauseNoStorm(t *testing.T) {
	p := provider{oidctest.New(t)}
	r := p.reader(t, nil)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			token := p.Token(m{"alg": "RS256", "kid": rand.Text()}, p.claims(nil))
			if _, err := r.Verify(t.Context(), token); !errors.Is(err, authn.ErrUnauthenticated) && !errors.Is(err, authn.ErrIssuerUnavailable) {
				t.Errorf("a made-up key: %v", err)
			}
		})
	}
	all.Wait()
	if n := p.Fetched(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestAnIssuerThatIsDown(t *testing.T) {
	for name, broken := range map[string]func(provider, http.ResponseWriter){
		"an error": func(_ provider, w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"too much": func(p provider, w http.ResponseWriter) { // what can be read is as it should be
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"keys":[]}%s`, p.URL, p.URL+"/keys", bytes.Repeat([]byte(" "), 300<<10))
		},
		"no JSON": func(_ provider, w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) },
		"a redirect": func(_ provider, w http.ResponseWriter) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusFound)
		},
		"another one": func(_ provider, w http.ResponseWriter) {
			_, _ = w.Write([]byte(`{"issuer":"https://id.example","jwks_uri":"x"}`))
		},
	} {
		p := provider{oidctest.New(t)}
		p.Break(func(w http.ResponseWriter) { broken(p, w) })
		r := p.reader(t, nil)
		for range 3 {
			if _, err := r.Verify(t.Context(), p.good()); !errors.Is(err, authn.ErrIssuerUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := p.Fetched(); n != 1 {
			t.Errorf("%s: %d fetches, want 1", name, n)
		}
		if n := strings.Count(r.log.String(), "\n"); n != 1 {
			t.Errorf("%s: %d lines are logged, want 1: %s", name, n, &r.log)
		}
		p.Break(nil)
		r.now = r.now.Add(30 * time.Second)
		if _, err := r.Verify(t.Context(), p.good()); err != nil {
			t.Errorf("%s, up again: %v", name, err)
		}
	}
}

func TestKeysAreBelievedForADayWhileTheIssuerIsDown(t *testing.T) {
	p := provider{oidctest.New(t)}
	r := p.reader(t, nil)
	verify := func(after time.Duration) error {
		r.now = start.Add(after)
		_, err := r.Verify(t.Context(), p.Token(m{"alg": "RS256", "kid": "r1"}, p.claims(m{"iat": r.now.Unix(), "exp": r.now.Add(time.Minute).Unix()})))
		return err
	}
	if err := verify(0); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if err := verify(23 * time.Hour); err != nil {
		t.Errorf("within the day: %v", err)
	}
	if err := verify(25 * time.Hour); !errors.Is(err, authn.ErrIssuerUnavailable) {
		t.Errorf("after the day: %v", err)
	}
}

func TestAConfigurationIsChecked(t *testing.T) {
	good := oidc.Issuer{Issuer: "https://id.example.gov.cn/realms/edu", Audience: "duban"}
	for name, c := range map[string]struct {
		change func(*oidc.Issuer)
		want   string
	}{
		"as it should be":    {func(*oidc.Issuer) {}, ""},
		"this machine":       {func(i *oidc.Issuer) { i.Issuer = "http://127.0.0.1:8081" }, ""},
		"mapped":             {func(i *oidc.Issuer) { i.Issuer = "http://[::ffff:127.0.0.1]:8081" }, ""},
		"plain http":         {func(i *oidc.Issuer) { i.Issuer = "http://id.example" }, "issuer:"},
		"nearly localhost":   {func(i *oidc.Issuer) { i.Issuer = "http://localhost.example" }, "issuer:"},
		"a password":         {func(i *oidc.Issuer) { i.Issuer = "https://a:b@id.example" }, "issuer:"},
		"a query":            {func(i *oidc.Issuer) { i.Issuer = "https://id.example?a" }, "issuer:"},
		"a trailing blank":   {func(i *oidc.Issuer) { i.Issuer = "https://id.example/a " }, "issuer:"},
		"no audience":        {func(i *oidc.Issuer) { i.Audience = "" }, "audience:"},
		"none":               {func(i *oidc.Issuer) { i.Algorithms = []string{"none"} }, "algorithms:"},
		"a shared secret":    {func(i *oidc.Issuer) { i.Algorithms = []string{"RS256", "HS256"} }, "algorithms:"},
		"too long":           {func(i *oidc.Issuer) { i.Lifetime = 25 * time.Hour }, "max_lifetime:"},
		"too wide":           {func(i *oidc.Issuer) { i.Skew = time.Hour }, "skew:"},
		"too short":          {func(i *oidc.Issuer) { i.Lifetime = time.Minute - 1 }, "max_lifetime: must be from 1m to 24h"},
		"below nothing":      {func(i *oidc.Issuer) { i.Lifetime = -1 }, "max_lifetime:"},
		"too narrow":         {func(i *oidc.Issuer) { i.Skew = 1 }, "skew: must be from 1s to 2m"},
		"at the bounds":      {func(i *oidc.Issuer) { i.Lifetime, i.Skew = time.Minute, time.Second }, ""},
		"a claim for naught": {func(i *oidc.Issuer) { i.SecondFactor.Claim = "acr" }, "second_factor:"},
	} {
		i := good
		c.change(&i)
		err := i.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Accounts are linked at issuers that are configured, to the letter; where none is yet, at
// what could be one.
func TestOnlyABelievedIssuerIsLinked(t *testing.T) {
	one := oidc.Issuers{{Issuer: "https://id.example/a"}}
	for name, want := range map[string]struct{ none, one bool }{
		"https://id.example/a": {true, true}, "https://id.example/a/": {true, false}, "https://id.example/b": {true, false},
		"https://id.example/a ": {}, "not a url": {}, "htp:/x": {}, "http://id.example/a": {}, "": {}, "https://": {},
		"http://localhost:8081/a": {true, false},
	} {
		if none, some := oidc.Issuers(nil).Believed(name), one.Believed(name); none != want.none || some != want.one {
			t.Errorf("%q: %v where no issuer is configured, %v beside another, want %v", name, none, some, want)
		}
	}
}
