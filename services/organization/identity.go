package organization

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// NewIdentity returns the link that i asks for, under name; by is who links, and believed
// says whether tokens of that issuer are.
func NewIdentity(name string, i *organizationv1.Identity, by string, believed bool) (*organizationv1.Identity, error) {
	switch {
	case i.GetPrincipal() == by:
		return nil, ErrSelfGrant.At("identity.principal", "是您自己", "is yourself")
	case !believed:
		return nil, ErrIdentityIssuerUnknown.At("identity.issuer", "不是已配置的身份提供方", "is no issuer whose tokens are believed")
	}
	return &organizationv1.Identity{Name: name, Principal: i.GetPrincipal(), Issuer: i.GetIssuer(), Subject: i.GetSubject()}, nil
}

// EndIdentity ends i.
func EndIdentity(i *organizationv1.Identity, now time.Time) (*organizationv1.Identity, error) {
	if i.GetEndTime() != nil {
		return nil, ErrIdentityEnded
	}
	i = proto.CloneOf(i)
	i.EndTime = timestamppb.New(now)
	return i, nil
}

// KeyOf is the key that a link is to whoever has the account: it holds where the link
// does, and does not end by itself.
func KeyOf(i *organizationv1.Identity) *organizationv1.ApiKey {
	return &organizationv1.ApiKey{Name: i.GetName(), Principal: i.GetPrincipal(), Unit: i.GetUnit(), ExpireTime: timestamppb.New(forever)}
}

// forever is the last second that the API can say.
var forever = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
