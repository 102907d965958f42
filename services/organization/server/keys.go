package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/organization"
)

// digests keeps the SHA-256 of each key's secret under the key's id, outside of
// the feed and of what fsck folds. A secret has 256 random bits, so that a slow
// hash would add nothing.
const digests = "key.digests"

// mayKey decides about a key by the unit that answers for its principal.
func (s *Service) mayKey(tx *change.Tx, k *organizationv1.ApiKey) error {
	return s.mayPrincipal(tx, k.GetPrincipal())
}

// mayPrincipal decides about what belongs to a principal.
func (s *Service) mayPrincipal(tx *change.Tx, principal string) error {
	unit, err := s.answers(tx, principal)
	if err != nil {
		return err
	}
	return tx.Check(unit)
}

// CreateApiKey implements the RPC.
func (s *Service) CreateApiKey(ctx context.Context, req *organizationv1.CreateApiKeyRequest) (*organizationv1.IssuedApiKey, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*organizationv1.IssuedApiKey, error) {
		if err := s.mayKey(tx, req.GetApiKey()); err != nil {
			return nil, hidden(tx, err, "api_key.principal")
		}
		k, err := organization.NewKey("apiKeys/"+tx.NewID(), req.GetApiKey(), tx.Access.Principal.Name, s.book.Clock())
		if err != nil {
			return nil, err
		}
		if k.Unit, err = s.opens(tx, k); err != nil {
			return nil, err
		}
		return s.issue(tx, "key.created", k)
	})
}

// hidden answers alike, at the field, for a principal that is not there and one
// that the caller may not see.
func hidden(tx *change.Tx, err error, field string) error {
	tx.Trusted("refused anyway")
	return change.Unknown(err, stranger(field))
}

// issue gives k its secret and stores both, by the event.
func (s *Service) issue(tx *change.Tx, event string, k *organizationv1.ApiKey) (*organizationv1.IssuedApiKey, error) {
	id := idOf(k.GetName())
	secret := strings.ToLower(rand.Text() + rand.Text())
	digest := sha256.Sum256([]byte(secret))
	if err := tx.Put(digests, []byte(id), digest[:]); err != nil {
		return nil, err
	}
	k, err := s.keys.PutAs(tx, event, k)
	return &organizationv1.IssuedApiKey{ApiKey: k, Secret: s.form.Join(id, secret)}, err
}

// GetApiKey implements the RPC.
func (s *Service) GetApiKey(ctx context.Context, req *organizationv1.GetApiKeyRequest) (*organizationv1.ApiKey, error) {
	return s.keys.Get(ctx, req.GetName())
}

// ListApiKeys implements the RPC.
func (s *Service) ListApiKeys(ctx context.Context, req *organizationv1.ListApiKeysRequest) (*organizationv1.ListApiKeysResponse, error) {
	keys, next, err := s.keys.List(ctx, req, s.keys.By("principal", req.GetPrincipal()))
	return &organizationv1.ListApiKeysResponse{ApiKeys: keys, NextPageToken: next}, err
}

// RotateApiKey implements the RPC.
func (s *Service) RotateApiKey(ctx context.Context, req *organizationv1.RotateApiKeyRequest) (*organizationv1.IssuedApiKey, error) {
	return change.On(ctx, &s.keys, req, func(tx *change.Tx, k *organizationv1.ApiKey) (*organizationv1.IssuedApiKey, error) {
		next, err := s.succession(tx, k)
		if err != nil {
			return nil, err
		}
		successor, old, err := organization.RotateKey(k, req, next, s.book.Clock())
		if err != nil {
			return nil, err
		}
		if err := s.keepKey(tx, k.GetName(), successor); err != nil {
			return nil, err
		}
		if _, err := s.keys.PutAs(tx, "key.rotated", old); err != nil {
			return nil, err
		}
		return s.issue(tx, "key.created", successor)
	})
}

// RevokeApiKey implements the RPC.
func (s *Service) RevokeApiKey(ctx context.Context, req *organizationv1.RevokeApiKeyRequest) (*organizationv1.ApiKey, error) {
	return s.keys.Change(ctx, req, func(tx *change.Tx, k *organizationv1.ApiKey) (*organizationv1.ApiKey, error) {
		if by := tx.Access.Principal; !by.SecondFactor && by.Key != k.GetName() { // one that was stolen ends by itself at once
			return nil, authz.ErrSecondFactor
		}
		ended, err := organization.RevokeKey(k, s.book.Clock())
		if err != nil {
			return nil, err
		}
		return ended, s.keepKey(tx, k.GetName(), nil)
	})
}

// Introspect implements the RPC.
func (s *Service) Introspect(ctx context.Context, req *organizationv1.IntrospectRequest) (answer *organizationv1.IntrospectResponse, err error) {
	err = s.book.View(ctx, func(tx *change.Tx) error {
		answer, err = s.introspect(tx, req)
		return err
	})
	return answer, err
}

func (s *Service) introspect(tx *change.Tx, req *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error) {
	if req.GetKeyId() == "" {
		return s.holder(tx, req.GetDigest())
	}
	none := &organizationv1.IntrospectResponse{}
	digest, there, err := store.Seek(tx, digests, []byte(req.GetKeyId()))
	if err != nil || !there || subtle.ConstantTimeCompare(digest, req.GetDigest()) != 1 {
		return none, err
	}
	if req.GetKeyId() == bootstrapID {
		return &organizationv1.IntrospectResponse{Bootstrap: true}, nil
	}
	k, err := s.keys.Find(tx, "apiKeys/"+req.GetKeyId())
	if errors.Is(err, authz.ErrNotFound) || err == nil && !organization.Holds(k, s.book.Clock()) {
		return none, nil
	}
	if err != nil {
		return nil, err
	}
	calls, err := s.uses.note(tx, k, s.today(), req.GetCalls())
	return &organizationv1.IntrospectResponse{ApiKey: k, CallsToday: calls}, err
}
