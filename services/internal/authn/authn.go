// Package authn says who is calling: it turns the key or token that a call
// carries into a principal. What the principal may do is for authz to say; keys
// are issued, and accounts linked, by the organization service, which this
// package asks. Tokens are verified by package oidc beneath.
package authn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// ErrUnauthenticated answers a missing key and one that does not hold alike.
var ErrUnauthenticated = fault.Of(faultv1.Reason_REASON_UNAUTHENTICATED)

// ErrTooManyFailures answers a network that has tried too many keys that do not
// hold: the call may be repeated a second later.
var ErrTooManyFailures = fault.Of(faultv1.Reason_REASON_RATE_LIMITED)

// Principal is who calls. The zero Principal is the public.
type Principal struct {
	Name      string          // units/{unit}/members/{member}, machines/{machine} or services/{service}
	Key       string          // the name of the key used
	Roles     []accessv1.Role // the roles that the key narrows to; empty: all
	Scopes    []string        // what the key may call, such as "complaint:read"; empty: all
	Unit      string          // the subtree that the key, or link, narrows to; empty: all
	Bootstrap bool            // the bootstrap key of the first start
	// SecondFactor says whether the principal may sign: it has proven itself by a
	// second factor, or by what the installation takes for as much.
	SecondFactor bool
	// Quota is that of the key used.
	Quota Quota
}

// Person says whether the principal is a human being.
func (p Principal) Person() bool { return strings.HasPrefix(p.Name, "units/") }

// Service returns the name of the service that calls in its own name, or "".
func (p Principal) Service() string {
	name, _ := strings.CutPrefix(p.Name, "services/")
	if name == p.Name {
		return ""
	}
	return name
}

// Carries says whether the key carries all of the roles; none are all that its principal
// holds.
func (p Principal) Carries(roles []accessv1.Role) bool {
	if len(p.Roles) == 0 {
		return true
	}
	missing := func(r accessv1.Role) bool { return !slices.Contains(p.Roles, r) }
	return len(roles) > 0 && !slices.ContainsFunc(roles, missing)
}

// Home returns the unit that the principal of a name is entered in, if it is a member,
// or "".
func Home(name string) string {
	unit, _, member := strings.Cut(name, "/members/")
	if !member {
		return ""
	}
	return unit
}

type principalKey struct{}

// With returns a context that carries the principal.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns the principal of the call.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

type callerKey struct{}

type caller struct {
	service string
	remote  bool
}

// WithCaller marks a call as made by a service of the suite in this process. Only
// the connection between services does so; nothing a client sends can.
func WithCaller(ctx context.Context, service string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{service: service})
}

// WithRemote marks a call as made by a service in another process, which its
// certificate proves. Only the listener for other processes does so.
func WithRemote(ctx context.Context, service string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{service: service, remote: true})
}

// Caller returns the service that makes the call, or "" for a client.
func Caller(ctx context.Context) string {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c.service
}

// Within says whether the call is made by a service of this process.
func Within(ctx context.Context) bool {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c.service != "" && !c.remote
}

type networkKey struct{}

// WithNetwork marks a call as made from a network, of which it is given a hash.
// Only the steps before authentication do so; nothing a client sends can.
func WithNetwork(ctx context.Context, network string) context.Context {
	return context.WithValue(ctx, networkKey{}, network)
}

// Network returns the hash of the network that a client calls from, or "" if none
// is known.
func Network(ctx context.Context) string {
	s, _ := ctx.Value(networkKey{}).(string)
	return s
}

// certified begins what stands for the network of who has shown a certificate.
const certified = "certificate "

// WithCertificate marks a call as made over a connection whose other side has proved
// that the certificate (DER) is its own: that is who calls, from whatever network.
func WithCertificate(ctx context.Context, der []byte) context.Context {
	sum := sha256.Sum256(der)
	return WithNetwork(ctx, certified+hex.EncodeToString(sum[:]))
}

// Certified says whether the caller has shown a certificate.
func Certified(ctx context.Context) bool { return strings.HasPrefix(Network(ctx), certified) }

// Forward returns a context on which a service calls another for its own caller:
// the key travels with the call, and the other decides by it. Without a key the
// call is the service's own.
func Forward(ctx context.Context) context.Context {
	for _, key := range metadata.ValueFromIncomingContext(ctx, "authorization") {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", key)
	}
	return ctx
}
