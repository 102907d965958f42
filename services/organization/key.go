package organization

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// KeyLifetime is how long a key holds at most, and if nothing else is asked.
const KeyLifetime = 2 * 365 * 24 * time.Hour

// KeyReserve is for how long security administrators of the root must still have a key
// when another of theirs ends: time enough to be warned, and to issue more.
const KeyReserve = 30 * 24 * time.Hour

// NewKey returns the key that k asks for, under name. Keys go by real time.
func NewKey(name string, k *organizationv1.ApiKey, by string, now time.Time) (*organizationv1.ApiKey, error) {
	if k.GetPrincipal() == by {
		return nil, ErrSelfGrant.At("api_key.principal", "是您自己", "is yourself")
	}
	expire := now.Add(KeyLifetime)
	if k.GetExpireTime() != nil {
		expire = k.GetExpireTime().AsTime()
		if err := inRange("api_key.expire_time", expire, now, now.Add(KeyLifetime)); err != nil {
			return nil, err
		}
	}
	return &organizationv1.ApiKey{
		Name: name, Principal: k.GetPrincipal(), DisplayName: k.GetDisplayName(),
		Roles: k.GetRoles(), Unit: k.GetUnit(), ExpireTime: timestamppb.New(expire),
		Quota: k.GetQuota(), AllowedNetworks: k.GetAllowedNetworks(), Scopes: k.GetScopes(),
	}, nil
}

// Scoped refuses a key that is narrowed to a scope that there is not.
func Scoped(k *organizationv1.ApiKey, known []string) error {
	for i, scope := range k.GetScopes() {
		if !slices.Contains(known, scope) {
			return ErrScopeUnknown.With("scope", scope).With("scopes", strings.Join(known, ", ")).
				At(fmt.Sprintf("api_key.scopes[%d]", i), "没有此范围", "is no scope")
		}
	}
	return nil
}

// Lends refuses, at the field, to hand out by a key what is narrowed less than the key
// itself: used are its scopes, and lent those that it would hand out.
func Lends(used, lent []string, field string) error {
	wider := func(scope string) bool { return !slices.Contains(used, scope) }
	if len(used) == 0 || len(lent) > 0 && !slices.ContainsFunc(lent, wider) {
		return nil
	}
	return ErrScopeWider.With("scopes", strings.Join(used, ", ")).At(field, "超出您所用密钥的调用范围", "is wider than the key that you call with")
}

// LendsIn is Lends for networks: used are those that the key holds in, and lent those of
// what it would hand out; none are all.
func LendsIn(used, lent []string, field string) error {
	outside := func(network string) bool {
		return !slices.ContainsFunc(used, func(u string) bool { return contains(u, network) })
	}
	if len(used) == 0 || len(lent) > 0 && !slices.ContainsFunc(lent, outside) {
		return nil
	}
	return ErrNetworkWider.With("networks", strings.Join(used, ", ")).At(field, "超出您所用密钥的网络范围", "holds where the key that you call with does not")
}

// contains says whether all of a network lies in the other; the contract has looked at both.
func contains(outer, inner string) bool {
	o, err := netip.ParsePrefix(outer)
	i, wrong := netip.ParsePrefix(inner)
	return err == nil && wrong == nil && o.Bits() <= i.Bits() && o.Contains(i.Addr())
}

// inRange refuses, at the field, a time that has come or lies after the latest.
func inRange(field string, expire, now, latest time.Time) error {
	if !expire.After(now) || expire.After(latest) {
		last := stamp(latest)
		return ErrExpiryOutOfRange.With("latest", last).At(field, "须晚于现在，且不晚于 "+last, "must lie after now and not after "+last)
	}
	return nil
}

// stamp is a time as the API has it, to the second.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Opens refuses a key that is narrowed to nothing, or would carry two roles that no
// one person holds, which somebody may still do from before: carried are the grants of its
// principal's that it carries, and places where these reach into its subtree.
func Opens(k *organizationv1.ApiKey, carried []*organizationv1.RoleGrant, places []string) error {
	free := len(k.GetRoles()) == 0
	if err := united(k, carried); err != nil {
		return err
	}
	switch {
	case len(places) > 0, free && k.GetUnit() == "": // it carries what is granted later, within the issuer's reach
		return nil
	case free, len(carried) > 0:
		return ErrKeyOpensNothing.At("api_key.unit", "持有者在此范围内没有授权", "its principal holds nothing there")
	default:
		return ErrKeyOpensNothing.At("api_key.roles", "持有者在此范围内没有授权", "its principal holds nothing there")
	}
}

// united refuses a key that names or carries two roles that no one person holds.
func united(k *organizationv1.ApiKey, carried []*organizationv1.RoleGrant) error {
	roles := slices.Clone(k.GetRoles())
	for _, g := range carried {
		roles = append(roles, g.GetRole())
	}
	for i, a := range roles {
		for _, b := range roles[:i] {
			if err := apart(a, b, "api_key.roles"); err != nil {
				return err
			}
		}
	}
	return nil
}

// Carried are those of its principal's grants, which it has or had, whose roles k has.
func Carried(k *organizationv1.ApiKey, held []*organizationv1.RoleGrant) (carried []*organizationv1.RoleGrant) {
	for _, g := range held {
		if g.GetEndTime() == nil && (len(k.GetRoles()) == 0 || slices.Contains(k.GetRoles(), g.GetRole())) {
			carried = append(carried, g)
		}
	}
	return carried
}

// Holds says whether k opens anything at the time.
func Holds(k *organizationv1.ApiKey, now time.Time) bool {
	return k.GetRevokeTime() == nil && now.Before(k.GetExpireTime().AsTime())
}

// Line is the first of the keys of which k is one by rotation.
func Line(k *organizationv1.ApiKey) string { return cmp.Or(k.GetFirstKey(), k.GetName()) }

// Succession is how a key is rotated.
type Succession struct {
	Name string // the successor's, apiKeys/{key}
	Unit string // the subtree that it holds in; empty: all
	// Own says that its holder rotates it: it lives no longer than before.
	Own bool
}

// RotateKey returns the successor of k, and k as it ends after the overlap. The
// successor ends when req asks, or after the time that k was issued for, and
// shares the quota of k. A key has one successor.
func RotateKey(k *organizationv1.ApiKey, req *organizationv1.RotateApiKeyRequest, next Succession, now time.Time) (successor, old *organizationv1.ApiKey, err error) {
	switch {
	case !Holds(k, now):
		return nil, nil, ErrKeyEnded
	case k.GetRotateTime() != nil:
		return nil, nil, ErrKeyRotated.At("name", "已有后继密钥", "has a successor")
	}
	expire, err := succeeds(k, req, next.Own, now)
	if err != nil {
		return nil, nil, err
	}
	successor = &organizationv1.ApiKey{
		Name: next.Name, Principal: k.GetPrincipal(), DisplayName: k.GetDisplayName(),
		Roles: k.GetRoles(), Unit: next.Unit, ExpireTime: timestamppb.New(expire),
		Quota: k.GetQuota(), AllowedNetworks: k.GetAllowedNetworks(), Scopes: k.GetScopes(), FirstKey: Line(k),
	}
	old = proto.CloneOf(k)
	old.RotateTime = timestamppb.New(now)
	if end := now.Add(req.GetOverlap().AsDuration()); end.Before(old.GetExpireTime().AsTime()) {
		old.ExpireTime = timestamppb.New(end)
	}
	return successor, old, nil
}

// succeeds is when the successor of k ends: its holder may not ask for longer than k was
// issued for.
func succeeds(k *organizationv1.ApiKey, req *organizationv1.RotateApiKeyRequest, own bool, now time.Time) (time.Time, error) {
	usual, latest := now.Add(lifetime(k)), now.Add(KeyLifetime)
	if own {
		latest = usual
	}
	expire := usual
	if req.GetExpireTime() != nil {
		expire = req.GetExpireTime().AsTime()
	}
	return expire, inRange("expire_time", expire, now, latest)
}

// lifetime is how long k was issued for: both of its times are real ones.
func lifetime(k *organizationv1.ApiKey) time.Duration {
	return min(k.GetExpireTime().AsTime().Sub(k.GetCreateTime().AsTime()), KeyLifetime)
}

// RevokeKey ends k at once.
func RevokeKey(k *organizationv1.ApiKey, now time.Time) (*organizationv1.ApiKey, error) {
	if !Holds(k, now) {
		return nil, ErrKeyEnded
	}
	k = proto.CloneOf(k)
	k.RevokeTime = timestamppb.New(now)
	return k, nil
}

// KeepKey refuses to end what has that name, a grant or a key, if it leaves those who
// could still grant and issue with less than they had, and with less than the reserve: of
// the grants on the root, one of security administrator needs one of the keys. A key
// that is rotated has a successor, which counts for as long as it holds.
func KeepKey(ending string, successor *organizationv1.ApiKey, grants []*organizationv1.RoleGrant, keys []*organizationv1.ApiKey, now time.Time) error {
	before := Governed(grants, keys, now)
	grants = slices.DeleteFunc(slices.Clone(grants), func(g *organizationv1.RoleGrant) bool { return g.GetName() == ending })
	keys = slices.DeleteFunc(slices.Clone(keys), func(k *organizationv1.ApiKey) bool { return k.GetName() == ending })
	others, after := Governed(grants, keys, now), Governed(grants, append(keys, successor), now)
	switch {
	case !others.Before(now.Add(KeyReserve)), !after.Before(before):
		return nil
	case successor != nil:
		first := stamp(before.Add(time.Second - 1)) // the next whole one
		return ErrKeyLast.At("expire_time", "不得早于 "+first, "must not lie before "+first)
	default:
		return ErrKeyLast.At("name", "是最后的凭据", "is the last that is left")
	}
}

// Governed is until when somebody who is security administrator by one of the grants can
// act as such by one of the keys; zero if nobody can.
func Governed(grants []*organizationv1.RoleGrant, keys []*organizationv1.ApiKey, now time.Time) (until time.Time) {
	for _, g := range grants {
		for _, k := range keys {
			if end := k.GetExpireTime().AsTime(); governs(g, k, now) && end.After(until) {
				until = end
			}
		}
	}
	return until
}

// governs says whether somebody is security administrator by g and can act as such
// by k, for whomever: one that is narrowed to scopes hands out no key that is not.
func governs(g *organizationv1.RoleGrant, k *organizationv1.ApiKey, now time.Time) bool {
	return g.GetRole() == accessv1.Role_ROLE_SECURITY_ADMIN && k.GetPrincipal() == g.GetPrincipal() && Holds(k, now) &&
		len(k.GetScopes()) == 0 && len(Carried(k, []*organizationv1.RoleGrant{g})) > 0 && (k.GetUnit() == "" || k.GetUnit() == g.GetUnit())
}
