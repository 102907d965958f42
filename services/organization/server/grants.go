package server

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/organization"
)

// CreateRoleGrant implements the RPC.
func (s *Service) CreateRoleGrant(ctx context.Context, req *organizationv1.CreateRoleGrantRequest) (*organizationv1.RoleGrant, error) {
	g := req.GetRoleGrant()
	return s.grants.Create(ctx, req, g.GetUnit(), func(tx *change.Tx) (*organizationv1.RoleGrant, error) {
		if err := s.inUse(tx, g.GetUnit()); err != nil {
			return nil, err
		}
		return s.newGrant(tx, g)
	})
}

// newGrant makes a grant to a principal that exists.
func (s *Service) newGrant(tx *change.Tx, g *organizationv1.RoleGrant) (*organizationv1.RoleGrant, error) {
	home, err := s.answers(tx, g.GetPrincipal())
	if err == nil && !tx.Access.Sees(home) {
		err = authz.ErrNotFound // as if the principal were not there
	}
	if err != nil {
		return nil, change.Unknown(err, stranger("role_grant.principal"))
	}
	held, err := s.held(tx, g.GetPrincipal())
	if err != nil {
		return nil, err
	}
	return organization.NewGrant("roleGrants/"+tx.NewID(), g, held, tx.Access.Principal.Name)
}

// held returns the grants that the principal has or had.
func (s *Service) held(tx *change.Tx, principal string) ([]*organizationv1.RoleGrant, error) {
	return collected(s.grants.Lookup(tx, "principal", principal, ""))
}

func collected[T any](records iter.Seq2[T, error]) (list []T, err error) {
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// stranger says that nobody has the name at the field, whom the caller may see.
func stranger(field string) error {
	return organization.ErrPrincipalUnknown.At(field, "没有此人员或接入系统", "is neither a person nor a machine")
}

// GetRoleGrant implements the RPC.
func (s *Service) GetRoleGrant(ctx context.Context, req *organizationv1.GetRoleGrantRequest) (*organizationv1.RoleGrant, error) {
	return s.grants.Get(ctx, req.GetName())
}

// ListRoleGrants implements the RPC.
func (s *Service) ListRoleGrants(ctx context.Context, req *organizationv1.ListRoleGrantsRequest) (*organizationv1.ListRoleGrantsResponse, error) {
	grants, next, err := s.grants.List(ctx, req, s.grants.By("principal", req.GetPrincipal()))
	return &organizationv1.ListRoleGrantsResponse{RoleGrants: grants, NextPageToken: next}, err
}

// awake is a grant as it is shown: with the day since which it is dormant, by the posts of
// who holds it.
func (s *Service) awake(tx *change.Tx, g *organizationv1.RoleGrant) (*organizationv1.RoleGrant, error) {
	m, err := s.members.Seek(tx, g.GetPrincipal())
	since := s.past.DormantSince(g.GetRole(), g.GetUnit(), m.GetPosts(), s.book.Today())
	if err != nil || since == "" || g.GetEndTime() != nil {
		return g, err
	}
	g = proto.CloneOf(g)
	g.DormantSince = since
	return g, nil
}

// DeleteRoleGrant implements the RPC.
func (s *Service) DeleteRoleGrant(ctx context.Context, req *organizationv1.DeleteRoleGrantRequest) (*organizationv1.RoleGrant, error) {
	return s.grants.Change(ctx, req, func(tx *change.Tx, g *organizationv1.RoleGrant) (*organizationv1.RoleGrant, error) {
		if err := s.spare(tx, g); err != nil {
			return nil, err
		}
		return organization.EndGrant(g, tx.Now)
	})
}

// spare refuses to end an administrator's last grant on the root.
func (s *Service) spare(tx *change.Tx, g *organizationv1.RoleGrant) error {
	u, err := s.units.Find(tx, g.GetUnit())
	if err != nil || u.GetParent() != "" {
		return err
	}
	held, err := collected(s.grants.Lookup(tx, "unit", u.GetName(), ""))
	if err != nil {
		return err
	}
	if err := organization.Spare(g, held); err != nil {
		return err
	}
	return s.keepKey(tx, g.GetName(), nil)
}

// keepKey refuses to end the grant, key or link of that name, which the successor follows
// if it is a key that is rotated, if no security administrator of the root could act for
// long any more.
func (s *Service) keepKey(tx *change.Tx, ending string, successor *organizationv1.ApiKey) error {
	held, keys, err := s.governing(tx, tx.Access.Tree().Root())
	if err == nil && !s.signs.Keys {
		keys, err = s.linked(tx, held)
	}
	if err != nil {
		return err
	}
	return organization.KeepKey(ending, successor, held, keys, s.book.Clock())
}

// linked returns the links of those who hold the grants, as the keys that they are where
// keys do not sign.
func (s *Service) linked(tx *change.Tx, held []*organizationv1.RoleGrant) (keys []*organizationv1.ApiKey, err error) {
	for _, g := range held {
		links, err := collected(s.identities.Lookup(tx, "principal", g.GetPrincipal(), ""))
		if err != nil {
			return nil, err
		}
		for _, i := range links {
			if i.GetEndTime() == nil && s.signs.Believed(i.GetIssuer()) {
				keys = append(keys, organization.KeyOf(i))
			}
		}
	}
	return keys, nil
}

// governing returns who is security administrator on the root, and their keys.
func (s *Service) governing(tx *change.Tx, root string) (held []*organizationv1.RoleGrant, keys []*organizationv1.ApiKey, err error) {
	all, err := collected(s.grants.Lookup(tx, "unit", root, ""))
	if err != nil {
		return nil, nil, err
	}
	for _, g := range all {
		if g.GetRole() != accessv1.Role_ROLE_SECURITY_ADMIN || g.GetEndTime() != nil {
			continue
		}
		theirs, err := collected(s.keys.Lookup(tx, "principal", g.GetPrincipal(), ""))
		if err != nil {
			return nil, nil, err
		}
		held, keys = append(held, g), append(keys, theirs...)
	}
	return held, keys, nil
}
