package oidc

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/duban-project/duban/services/internal/network"
)

// Issuer is an identity provider whose tokens are believed.
type Issuer struct {
	// Issuer is its name, as its tokens have it, and where its configuration is
	// found: https, or http on the machine itself.
	Issuer string `yaml:"issuer"`
	// Audience is what its tokens for this installation name as their audience.
	Audience string `yaml:"audience"`
	// Algorithms are those of its signatures: RS256, ES256 or EdDSA; empty: any of
	// the three.
	Algorithms []string `yaml:"algorithms"`
	// Types are the types (typ) of token that are access tokens of its: at+jwt (RFC
	// 9068), JWT, or the empty one of tokens that say none; empty: any of the three.
	// No token of another type is believed: a logout token has the same issuer,
	// audience and subject.
	Types []string `yaml:"types"`
	// Subject is the claim by which accounts are linked; empty: sub. It MUST be one
	// that a person can neither change nor leave to another.
	Subject string `yaml:"subject_claim"`
	// Lifetime is how long a token may be made for; 0: an hour.
	Lifetime time.Duration `yaml:"max_lifetime"`
	// Skew is how far its clock may be from ours; 0: half a minute.
	Skew time.Duration `yaml:"skew"`
	// SecondFactor says by what its tokens show a second factor. Without a claim,
	// they sign as they are.
	SecondFactor Factor `yaml:"second_factor"`
}

// Factor is a claim and the values of it that show a second factor: one of them
// is the claim, as with acr, or stands in its list, as with amr.
type Factor struct {
	Claim  string   `yaml:"claim"`
	Values []string `yaml:"values"`
}

// What a configuration may ask for: providers make tokens for minutes, and clocks are told
// by whole seconds.
const (
	shortestLifetime, longestLifetime = time.Minute, 24 * time.Hour
	narrowestSkew, widestSkew         = time.Second, 2 * time.Minute
)

// algorithms are those that can be asked for: never none, and none whose key
// would be a shared secret.
var algorithms = []string{string(jose.RS256), string(jose.ES256), string(jose.EdDSA)}

// accessToken is the type by which a token says of itself what it is for.
const accessToken = "at+jwt"

// types are those that can be asked for.
var types = []string{accessToken, "JWT", ""}

// Check returns every mistake at once, each beginning with its key.
func (i Issuer) Check() error {
	var mistakes []error
	check := func(ok bool, text string) {
		if !ok {
			mistakes = append(mistakes, errors.New(text))
		}
	}
	check(safe(i.Issuer), "issuer: must be an https URL without query or fragment, or http on this machine")
	check(i.Audience != "", "audience: must be given")
	for _, a := range i.Algorithms {
		check(slices.Contains(algorithms, a), fmt.Sprintf("algorithms: must be of %q", algorithms))
	}
	for _, t := range i.Types {
		check(slices.Contains(types, t), fmt.Sprintf("types: must be of %q", types))
	}
	check(i.Lifetime == 0 || i.Lifetime >= shortestLifetime && i.Lifetime <= longestLifetime, "max_lifetime: must be from 1m to 24h")
	check(i.Skew == 0 || i.Skew >= narrowestSkew && i.Skew <= widestSkew, "skew: must be from 1s to 2m")
	check((i.SecondFactor.Claim == "") == (len(i.SecondFactor.Values) == 0), "second_factor: must have a claim and values, or neither")
	return errors.Join(mistakes...)
}

// filled is i with the defaults in place of what it leaves open.
func (i Issuer) filled() Issuer {
	if len(i.Algorithms) == 0 {
		i.Algorithms = algorithms
	}
	if len(i.Types) == 0 {
		i.Types = types
	}
	if i.Subject == "" {
		i.Subject = "sub"
	}
	if i.Lifetime == 0 {
		i.Lifetime = time.Hour
	}
	if i.Skew == 0 {
		i.Skew = 30 * time.Second
	}
	return i
}

// Issuers are all that are configured.
type Issuers []Issuer

// Believed says whether the tokens of an issuer of that name are believed, or, where no
// issuer is configured yet, could be.
func (all Issuers) Believed(name string) bool {
	return len(all) == 0 && safe(name) || slices.ContainsFunc(all, func(i Issuer) bool { return i.Issuer == name })
}

// safe says whether nobody between here and the address can change what it says.
func safe(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.String() != address || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && network.Loopback(u.Hostname())
}
