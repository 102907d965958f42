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
		if h.GetEndTime() != nil {
			continue
		}
		if h.GetRole() == g.GetRole() && h.GetUnit() == g.GetUnit() {
			return nil, ErrGrantExists.At("role_grant.role", "已在该单位持有", "is held on the unit already")
		}
		if err := apart(h.GetRole(), g.GetRole(), "role_grant.role"); err != nil {
			return nil, err
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

// apart says, at the field, why one person may not hold both roles, on whatever units:
// an administrator holds no other kind of role, beside reading (三员分立), and who
// may work on complaints does not keep the complainants' identities.
func apart(a, b accessv1.Role, field string) error {
	const custodian, viewer = accessv1.Role_ROLE_CUSTODIAN, accessv1.Role_ROLE_VIEWER
	switch {
	case a == b, a == viewer, b == viewer:
		return nil
	case administrator(a), administrator(b):
		return ErrAdministratorsSeparate.At(field, "与另一角色不得由一人兼任", "does not go with another role")
	case handles(a) && b == custodian, a == custodian && handles(b):
		return ErrCustodianSeparate.At(field, "与另一角色不得由一人兼任", "does not go with another role")
	default:
		return nil
	}
}

// handles says whether the role may accept, reply to or close complaints.
func handles(r accessv1.Role) bool {
	return r == accessv1.Role_ROLE_COMPLAINT_OFFICER || r == accessv1.Role_ROLE_CLERK || r == accessv1.Role_ROLE_LEADER || r == accessv1.Role_ROLE_HEAD
}

// administrator says whether the role is one of the three administrators'.
func administrator(r accessv1.Role) bool {
	return r == accessv1.Role_ROLE_SYSTEM_ADMIN || r == accessv1.Role_ROLE_SECURITY_ADMIN || r == accessv1.Role_ROLE_AUDITOR
}

// Named refuses one name for two of the three administrators, however it is spaced.
func Named(req *organizationv1.InitializeRequest) error {
	plain := func(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), "")) }
	system, security, auditor := plain(req.GetSystemAdmin()), plain(req.GetSecurityAdmin()), plain(req.GetAuditor())
	switch {
	case security == system:
		return ErrAdministratorsSeparate.At("security_admin", "与系统管理员同名；确为两人的，请在姓名上加以区分", "is the system administrator's name: tell two persons apart by it")
	case auditor == system, auditor == security:
		return ErrAdministratorsSeparate.At("auditor", "与另一管理员同名；确为两人的，请在姓名上加以区分", "is another administrator's name: tell two persons apart by it")
	default:
		return nil
	}
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
