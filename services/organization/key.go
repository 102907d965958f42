package organization

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// KeyLifetime is how long a key holds at most, and if nothing else is asked.
const KeyLifetime = 2 * 365 * 24 * time.Hour

// NewKey returns the key that k asks for, under name. Keys go by real time.
func NewKey(name string, k *organizationv1.ApiKey, by string, now time.Time) (*organizationv1.ApiKey, error) {
	if k.GetPrincipal() == by {
		return nil, ErrSelfGrant.At("api_key.principal", "是您自己", "is yourself")
	}
	expire := now.Add(KeyLifetime)
	if k.GetExpireTime() != nil {
		expire = k.GetExpireTime().AsTime()
		if err := inRange("api_key.expire_time", expire, now); err != nil {
			return nil, err
		}
	}
	return &organizationv1.ApiKey{
		Name: name, Principal: k.GetPrincipal(), DisplayName: k.GetDisplayName(),
		Roles: k.GetRoles(), Unit: k.GetUnit(), ExpireTime: timestamppb.New(expire),
		Quota: k.GetQuota(), AllowedNetworks: k.GetAllowedNetworks(),
	}, nil
}

func inRange(field string, expire, now time.Time) error {
	if !expire.After(now) || expire.After(now.Add(KeyLifetime)) {
		return ErrExpiryOutOfRange.At(field, "须在今后两年之内", "must lie within the next two years")
	}
	return nil
}

// Opens refuses a key that is narrowed to nothing. held is what its principal has
// or had; meets says whether a grant on the unit reaches into the key's subtree,
// or lies in it.
func Opens(k *organizationv1.ApiKey, held []*organizationv1.RoleGrant, meets func(unit string) (bool, error)) error {
	field := "api_key.roles"
	for _, g := range held {
		if !Carries(k, g) {
			continue
		}
		field = "api_key.unit"
		if ok, err := meets(g.GetUnit()); ok || err != nil {
			return err
		}
	}
	switch {
	case len(k.GetRoles()) == 0 && k.GetUnit() == "":
		return nil // it carries whatever is granted later
	case len(k.GetRoles()) == 0:
		field = "api_key.unit"
	}
	return ErrKeyOpensNothing.At(field, "持有者在此范围内没有授权", "its principal holds nothing there")
}

// Carries says whether k has the role of a grant of its principal's.
func Carries(k *organizationv1.ApiKey, g *organizationv1.RoleGrant) bool {
	return g.GetEndTime() == nil && (len(k.GetRoles()) == 0 || slices.Contains(k.GetRoles(), g.GetRole()))
}

// Holds says whether k opens anything at the time.
func Holds(k *organizationv1.ApiKey, now time.Time) bool {
	return k.GetRevokeTime() == nil && now.Before(k.GetExpireTime().AsTime())
}

// RotateKey returns the successor of k, under name, and k as it ends after the
// overlap. The successor ends when req asks, or after the time that k was issued
// for, and shares the quota of k.
func RotateKey(name string, k *organizationv1.ApiKey, req *organizationv1.RotateApiKeyRequest, by string, now time.Time) (successor, old *organizationv1.ApiKey, err error) {
	if !Holds(k, now) {
		return nil, nil, ErrKeyEnded
	}
	expire := now.Add(lifetime(k))
	if req.GetExpireTime() != nil {
		expire = req.GetExpireTime().AsTime()
		if err := inRange("expire_time", expire, now); err != nil {
			return nil, nil, err
		}
	}
	next := proto.CloneOf(k)
	next.ExpireTime = timestamppb.New(expire)
	if successor, err = NewKey(name, next, by, now); err != nil {
		return nil, nil, err
	}
	successor.FirstKey = cmp.Or(k.GetFirstKey(), k.GetName())
	old = proto.CloneOf(k)
	if end := now.Add(req.GetOverlap().AsDuration()); end.Before(old.GetExpireTime().AsTime()) {
		old.ExpireTime = timestamppb.New(end)
	}
	return successor, old, nil
}

// lifetime is how long k was issued for. Where that cannot be told, as in a
// simulation, whose keys alone go by real time, it is the longest.
func lifetime(k *organizationv1.ApiKey) time.Duration {
	d := k.GetExpireTime().AsTime().Sub(k.GetCreateTime().AsTime())
	if k.GetCreateTime() == nil || d <= 0 {
		return KeyLifetime
	}
	return min(d, KeyLifetime)
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
