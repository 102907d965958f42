package server

import (
	"context"
	"errors"
	"time"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/organization"
)

// Readmit issues a key to a security administrator of the root whom nobody else can issue
// one to, for the operator of the machine: no call comes to this. The feed has it as an
// event of its own, key.readmitted, which goes up like any other.
func (s *Service) Readmit(ctx context.Context, principal string, lost bool) (issued *organizationv1.IssuedApiKey, err error) {
	err = s.book.Own(ctx, "organization", func(tx *change.Tx) error {
		root, err := s.topmost(tx)
		if err != nil {
			return err
		}
		held, keys, err := s.governing(tx, root)
		if err != nil {
			return err
		}
		how := organization.Readmission{Name: "apiKeys/" + tx.NewID(), Principal: principal, Lost: lost}
		k, ended, err := organization.Readmit(how, held, keys, s.book.Clock())
		if err != nil {
			return err
		}
		for _, old := range ended {
			if _, err := s.keys.PutAs(tx, "key.revoked", old); err != nil {
				return err
			}
		}
		issued, err = s.issue(tx, "key.readmitted", k)
		return err
	})
	return issued, err
}

// topmost is the name of the root.
func (s *Service) topmost(tx *change.Tx) (string, error) {
	for u, err := range s.units.Scan(tx, "", "") {
		if err != nil || u.GetParent() == "" {
			return u.GetName(), err
		}
	}
	return "", errors.New("the installation is not set up: that is done with the bootstrap key, which a start prints")
}

// GovernedUntil is when the last key ends by itself by which a security administrator of
// the root can issue others, whether or not it has ended; in seconds since 1970, 0 if there
// is none.
func (s *Service) GovernedUntil(ctx context.Context, root string) (seconds uint64, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		held, keys, err := s.governing(&change.Tx{Tx: tx}, root)
		if until := organization.Governed(held, keys, time.Time{}); !until.IsZero() {
			seconds = uint64(until.Unix())
		}
		return err
	})
	return seconds, err
}
