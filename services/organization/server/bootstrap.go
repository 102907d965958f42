package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/organization"
)

// bootstrapID is the id of the one key that no one holds.
const bootstrapID = "bootstrap"

// dead stands for the digest of the bootstrap key that nobody can use any more.
const dead = "dead"

// unshown has a row while nobody has been shown the bootstrap key.
const unshown = "bootstrap.unshown"

// Bootstrap returns the bootstrap key, which has that secret, until Shown says
// that the operator has it, and "" from then on. A process that is killed before
// it could show the key is thus not the end of the installation. It writes at
// the first start only, so that a later one needs no room on the disk.
func (s *Service) Bootstrap(ctx context.Context, secret string) (string, error) {
	switch waiting, late, err := s.unseen(ctx); {
	case err != nil:
		return "", fmt.Errorf("reading the bootstrap key: %w", err)
	case late:
		err := s.book.Store.Update(ctx, func(tx store.Tx) error { return s.bury(&change.Tx{Tx: tx}) })
		if errors.Is(err, store.ErrFull) { // it opens nothing: the next start is soon enough
			err = nil
		}
		return "", err
	case waiting:
		return s.form.Join(bootstrapID, secret), s.hatch(ctx, secret)
	default:
		return "", nil
	}
}

// unseen says whether the key is still to be made or shown; or lives, and is late: units are
// there, as when they came back from above after a start on an empty folder.
func (s *Service) unseen(ctx context.Context) (waiting, late bool, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		digest, made, err := store.Seek(tx, digests, []byte(bootstrapID))
		if err != nil || string(digest) == dead { // of which nobody is to be shown anything any more
			return err
		}
		for _, err := range s.units.Scan(&change.Tx{Tx: tx}, "", "") { // what set them up is used, or lost with their log
			late = made
			return err
		}
		if !made {
			waiting = true
			return nil
		}
		_, waiting, err = store.Seek(tx, unshown, []byte(bootstrapID))
		return err
	})
	return waiting, late, err
}

// hatch makes the key, if that was not done before.
func (s *Service) hatch(ctx context.Context, secret string) error {
	digest := sha256.Sum256([]byte(secret))
	return s.book.Store.Update(ctx, func(tx store.Tx) error {
		return errors.Join(
			tx.Put(digests, []byte(bootstrapID), digest[:]),
			tx.Put(unshown, []byte(bootstrapID), nil),
		)
	})
}

// Shown notes that the operator has been shown the bootstrap key.
func (s *Service) Shown(ctx context.Context) error {
	return s.book.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(unshown, []byte(bootstrapID)) })
}

// setup is an InitializeRequest as the pipeline takes it: nothing is repeated,
// because the key is dead afterwards.
type setup struct {
	*organizationv1.InitializeRequest
}

func (setup) GetRequestId() string { return "" }

// Initialize implements the RPC.
func (s *Service) Initialize(ctx context.Context, req *organizationv1.InitializeRequest) (*organizationv1.InitializeResponse, error) {
	return change.Do(ctx, s.book, setup{req}, func(tx *change.Tx) (*organizationv1.InitializeResponse, error) {
		tx.Trusted("the bootstrap key")
		if err := errors.Join(organization.Heads(req.GetRoot()), organization.Named(req)); err != nil {
			return nil, err
		}
		root, err := s.root(tx, req)
		if err != nil {
			return nil, err
		}
		answer, err := s.administrators(tx, root, req)
		if err != nil {
			return nil, err
		}
		return answer, s.bury(tx)
	})
}

// administrators enters the first three members, each with a role of their own.
func (s *Service) administrators(tx *change.Tx, root *organizationv1.Unit, req *organizationv1.InitializeRequest) (*organizationv1.InitializeResponse, error) {
	answer := &organizationv1.InitializeResponse{Root: root}
	for _, first := range []struct {
		name string
		role accessv1.Role
		key  **organizationv1.IssuedApiKey
	}{
		{req.GetSystemAdmin(), accessv1.Role_ROLE_SYSTEM_ADMIN, &answer.SystemAdmin},
		{req.GetSecurityAdmin(), accessv1.Role_ROLE_SECURITY_ADMIN, &answer.SecurityAdmin},
		{req.GetAuditor(), accessv1.Role_ROLE_AUDITOR, &answer.Auditor},
	} {
		issued, err := s.administrator(tx, root.GetName(), first.name, first.role)
		if err != nil {
			return nil, err
		}
		*first.key = issued
	}
	return answer, nil
}

// root makes the unit that all others lie beneath.
func (s *Service) root(tx *change.Tx, req *organizationv1.InitializeRequest) (*organizationv1.Unit, error) {
	for range s.units.Scan(tx, "", "") {
		return nil, organization.ErrAlreadyInitialized
	}
	if req.GetRoot().GetParent() != "" {
		return nil, organization.ErrFieldImmutable.At("root.parent", "根单位没有上级", "the root has no parent")
	}
	root, err := s.newUnit(tx, req.GetRootId(), req.GetRoot())
	if err != nil {
		return nil, err
	}
	return s.units.PutAs(tx, "unit.created", root)
}

// administrator enters a person with one of the three roles and a key.
func (s *Service) administrator(tx *change.Tx, unit, display string, role accessv1.Role) (*organizationv1.IssuedApiKey, error) {
	id := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(role.String(), "ROLE_")), "_", "-")
	m, err := s.newMember(tx, unit, id, &organizationv1.Member{DisplayName: display})
	if err != nil {
		return nil, err
	}
	if _, err = s.members.PutAs(tx, "member.created", m); err != nil {
		return nil, err
	}
	g, err := s.newGrant(tx, &organizationv1.RoleGrant{Principal: m.GetName(), Role: role, Unit: unit})
	if err != nil {
		return nil, err
	}
	if _, err = s.grants.PutAs(tx, "grant.created", g); err != nil {
		return nil, err
	}
	k, err := organization.NewKey("apiKeys/"+tx.NewID(), &organizationv1.ApiKey{Principal: m.GetName()}, "", s.book.Clock())
	if err != nil {
		return nil, err
	}
	return s.issue(tx, "key.created", k)
}

// bury kills the bootstrap key for good: what is left matches no digest.
func (s *Service) bury(tx *change.Tx) error {
	return errors.Join(
		tx.Put(digests, []byte(bootstrapID), []byte(dead)),
		tx.Delete(unshown, []byte(bootstrapID)),
	)
}
