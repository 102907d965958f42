package server

import (
	"context"
	"errors"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/organization"
)

// accounts keeps, under the digest of each linked account, the name of its link,
// outside of the feed: an account could be guessed from its digest.
const accounts = "identity.accounts"

// CreateIdentity implements the RPC.
func (s *Service) CreateIdentity(ctx context.Context, req *organizationv1.CreateIdentityRequest) (*organizationv1.Identity, error) {
	i := req.GetIdentity()
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*organizationv1.Identity, error) {
		if err := s.mayPrincipal(tx, i.GetPrincipal()); err != nil {
			return nil, hidden(tx, err, "identity.principal")
		}
		link, err := organization.NewIdentity("identities/"+tx.NewID(), i, tx.Access.Principal.Name, s.signs.Believed(i.GetIssuer()))
		if err != nil {
			return nil, err
		}
		if link.Unit, err = s.lends(tx, &organizationv1.ApiKey{Principal: i.GetPrincipal()}, "identity.principal"); err != nil {
			return nil, err
		}
		if err := s.claim(tx, link); err != nil {
			return nil, err
		}
		return s.identities.Put(tx, link)
	})
}

// claim takes the account for the link, unless another has it.
func (s *Service) claim(tx *change.Tx, link *organizationv1.Identity) error {
	digest := authn.Digest(link.GetIssuer(), link.GetSubject())
	switch _, there, err := store.Seek(tx, accounts, digest); {
	case err != nil:
		return err
	case there:
		return organization.ErrIdentityExists.At("identity.subject", "已绑定", "is linked already")
	default:
		return tx.Put(accounts, digest, []byte(link.GetName()))
	}
}

// GetIdentity implements the RPC.
func (s *Service) GetIdentity(ctx context.Context, req *organizationv1.GetIdentityRequest) (*organizationv1.Identity, error) {
	return s.identities.Get(ctx, req.GetName())
}

// ListIdentities implements the RPC.
func (s *Service) ListIdentities(ctx context.Context, req *organizationv1.ListIdentitiesRequest) (*organizationv1.ListIdentitiesResponse, error) {
	links, next, err := s.identities.List(ctx, req, s.identities.By("principal", req.GetPrincipal()))
	return &organizationv1.ListIdentitiesResponse{Identities: links, NextPageToken: next}, err
}

// DeleteIdentity implements the RPC.
func (s *Service) DeleteIdentity(ctx context.Context, req *organizationv1.DeleteIdentityRequest) (*organizationv1.Identity, error) {
	return s.identities.Change(ctx, req, func(tx *change.Tx, i *organizationv1.Identity) (*organizationv1.Identity, error) {
		ended, err := organization.EndIdentity(i, tx.Now)
		if err != nil {
			return nil, err
		}
		if err := s.keepKey(tx, i.GetName(), nil); err != nil {
			return nil, err
		}
		return ended, tx.Delete(accounts, authn.Digest(i.GetIssuer(), i.GetSubject()))
	})
}

// holder tells whose the account with that digest is.
func (s *Service) holder(tx *change.Tx, digest []byte) (*organizationv1.IntrospectResponse, error) {
	name, there, err := store.Seek(tx, accounts, digest)
	if err != nil || !there {
		return &organizationv1.IntrospectResponse{}, err
	}
	link, err := s.identities.Find(tx, string(name))
	if errors.Is(err, authz.ErrNotFound) {
		return &organizationv1.IntrospectResponse{}, nil
	}
	return &organizationv1.IntrospectResponse{Principal: link.GetPrincipal(), Unit: link.GetUnit()}, err
}
