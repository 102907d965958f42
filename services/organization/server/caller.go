package server

import (
	"context"
	"fmt"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
)

// GetCaller implements the RPC. Who was just granted a right is told of it: the gateway
// refuses by what this answers.
func (s *Service) GetCaller(ctx context.Context, _ *organizationv1.GetCallerRequest) (caller *organizationv1.Caller, err error) {
	a := authz.From(ctx)
	if err := a.Renew(ctx); err != nil {
		return nil, fmt.Errorf("bringing the tree up to date: %w", err)
	}
	err = s.book.View(ctx, func(tx *change.Tx) error {
		k, err := s.keys.Seek(tx, a.Principal.Key)
		if err != nil {
			return err
		}
		caller = &organizationv1.Caller{Principal: a.Principal.Name, ApiKey: a.Principal.Key, Unit: a.Principal.Unit, Scopes: a.Principal.Scopes, ExpireTime: k.GetExpireTime()}
		if caller.Grants, err = s.usable(tx, a.Grants(), a.Principal.Unit); err != nil {
			return err
		}
		caller.Dormant, err = s.usable(tx, a.Dormant(), a.Principal.Unit)
		return err
	})
	return caller, err
}

// usable are the grants that reach into the subtree that the caller's key narrows to.
func (s *Service) usable(tx *change.Tx, grants []authz.Grant, subtree string) (usable []*organizationv1.RoleGrant, err error) {
	for _, held := range grants {
		switch place, err := s.meet(tx, held.Unit, subtree); {
		case err != nil:
			return nil, err
		case place == "":
			continue
		}
		g, err := s.grants.Find(tx, held.Name)
		if err != nil {
			return nil, err
		}
		if g, err = s.awake(tx, g); err != nil {
			return nil, err
		}
		usable = append(usable, g)
	}
	return usable, nil
}
