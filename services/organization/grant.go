package organization

import (
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// NewGrant returns the grant that g asks for, under name. held is what the
// principal has or had; by is who grants.
func NewGrant(name string, g *organizationv1.RoleGrant, held []*organizationv1.RoleGrant, by string) (*organizationv1.RoleGrant, error) {
	switch {
	case g.GetPrincipal() == by:
		return nil, ErrSelfGrant.At("role_grant.principal", "是您自己", "is yourself")
	case !suits(g.GetRole(), g.GetPrincipal()):
		return nil, ErrRoleNotForPrincipal.At("role_grant.role", "不适用于此类主体", "is not for a principal of this kind")
	}
	for _, h := range held {
		switch {
		case h.GetEndTime() != nil:
		case h.GetRole() == g.GetRole() && h.GetUnit() == g.GetUnit():
			return nil, ErrGrantExists.At("role_grant.role", "已在该单位持有", "is held on the unit already")
		case !together(h.GetRole(), g.GetRole()):
			return nil, ErrAdministratorsSeparate.At("role_grant.role", "与已持有的角色不得兼任", "does not go with a role that is held")
		}
	}
	return &organizationv1.RoleGrant{Name: name, Principal: g.GetPrincipal(), Role: g.GetRole(), Unit: g.GetUnit()}, nil
}

// suits says whether a person, or a machine, may hold the role.
func suits(r accessv1.Role, principal string) bool {
	machine := strings.HasPrefix(principal, "machines/")
	switch r {
	case accessv1.Role_ROLE_REPORTER, accessv1.Role_ROLE_PORTAL:
		return machine
	case accessv1.Role_ROLE_VIEWER:
		return true
	default:
		return !machine
	}
}

// together says whether one person may hold both roles (三员分立): an
// administrator holds no other kind of role, beside reading.
func together(a, b accessv1.Role) bool {
	if a == b || a == accessv1.Role_ROLE_VIEWER || b == accessv1.Role_ROLE_VIEWER {
		return true
	}
	return !administrator(a) && !administrator(b)
}

// administrator says whether the role is one of the three administrators'.
func administrator(r accessv1.Role) bool {
	return r == accessv1.Role_ROLE_SYSTEM_ADMIN || r == accessv1.Role_ROLE_SECURITY_ADMIN || r == accessv1.Role_ROLE_AUDITOR
}

// EndGrant ends g.
func EndGrant(g *organizationv1.RoleGrant, now time.Time) (*organizationv1.RoleGrant, error) {
	if g.GetEndTime() != nil {
		return nil, ErrGrantEnded
	}
	g = proto.CloneOf(g)
	g.EndTime = timestamppb.New(now)
	return g, nil
}

// Spare says whether g can be ended where others, which may have g among them,
// are held on the root: each administrator's role remains with somebody.
func Spare(g *organizationv1.RoleGrant, others []*organizationv1.RoleGrant) error {
	if !administrator(g.GetRole()) || g.GetEndTime() != nil {
		return nil
	}
	for _, other := range others {
		if other.GetName() != g.GetName() && other.GetRole() == g.GetRole() && other.GetEndTime() == nil {
			return nil
		}
	}
	return ErrGrantLast
}
