package organization

import (
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
		return nil, ErrSelfGrant
	}
	expire := now.Add(KeyLifetime)
	if k.GetExpireTime() != nil {
		asked := k.GetExpireTime().AsTime()
		if !asked.After(now) || asked.After(expire) {
			return nil, ErrExpiryOutOfRange.At("api_key.expire_time", "须在今后两年之内", "must lie within the next two years")
		}
		expire = asked
	}
	return &organizationv1.ApiKey{
		Name: name, Principal: k.GetPrincipal(), DisplayName: k.GetDisplayName(),
		Roles: k.GetRoles(), Unit: k.GetUnit(), ExpireTime: timestamppb.New(expire),
	}, nil
}

// Holds says whether k opens anything at the time.
func Holds(k *organizationv1.ApiKey, now time.Time) bool {
	return k.GetRevokeTime() == nil && now.Before(k.GetExpireTime().AsTime())
}

// RotateKey returns the successor of k, under name, and k as it ends after the
// overlap.
func RotateKey(name string, k *organizationv1.ApiKey, overlap time.Duration, by string, now time.Time) (successor, old *organizationv1.ApiKey, err error) {
	if !Holds(k, now) {
		return nil, nil, ErrKeyEnded
	}
	next := proto.CloneOf(k)
	next.ExpireTime = nil
	if successor, err = NewKey(name, next, by, now); err != nil {
		return nil, nil, err
	}
	old = proto.CloneOf(k)
	if end := now.Add(overlap); end.Before(old.GetExpireTime().AsTime()) {
		old.ExpireTime = timestamppb.New(end)
	}
	return successor, old, nil
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
