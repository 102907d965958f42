package server

import (
	"cmp"
	"context"
	"errors"
	"iter"

	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

type installation = *federationv1.Installation

// CreateInstallation implements the RPC.
func (s *Service) CreateInstallation(ctx context.Context, req *federationv1.CreateInstallationRequest) (installation, error) {
	asked := req.GetInstallation()
	return s.installations.Create(ctx, req, asked.GetUnit(), func(tx *change.Tx) (installation, error) {
		in, err := federation.Enrol(asked)
		if err != nil {
			return nil, err
		}
		if err := s.free(tx, in); err != nil {
			return nil, err
		}
		if err := federation.Unclaimed(s.installations.Scan(tx, "", ""), in); err != nil {
			return nil, err
		}
		return in, s.await(tx, in)
	})
}

// await begins to listen for an installation's logs: one of which nothing ever comes is
// silent like one that has fallen silent.
func (s *Service) await(tx *change.Tx, in installation) error {
	for _, log := range in.GetLogs() {
		o, _ := federation.ParseOrigin(log.GetOrigin())
		_, err := rows.Table.Get(tx, o.Feed())
		if err == nil { // it is heard of, in this era or one before
			continue
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		m := enrolment{of: o, in: in, via: in.GetName(), key: log.GetVerifierKey()}.mirror(log.GetOrigin())
		m.HeardTime = timestamppb.New(s.book.Clock())
		if err := rows.Table.Put(tx, m); err != nil {
			return err
		}
	}
	return nil
}

// renew takes what was enrolled later of an installation: its logs may be no other's, they are
// listened for, and its enrolment is another now.
func (s *Service) renew(tx *change.Tx, in installation) error {
	if err := federation.Unclaimed(s.installations.Scan(tx, "", ""), in); err != nil {
		return err
	}
	return cmp.Or(s.await(tx, in), s.changed(tx, in))
}

// changed notes where greetings of an installation were refused that its enrolment is another now.
func (s *Service) changed(tx *change.Tx, in installation) error {
	return rows.Voice(tx, in.GetName(), func(m *federationv1.Mirror) { federation.EnrolGreeting(m, s.book.Clock()) })
}

// free says whether neither the installation's name nor its unit is taken.
func (s *Service) free(tx *change.Tx, in installation) error {
	switch _, err := s.installations.Find(tx, in.GetName()); {
	case err == nil:
		return federation.ErrInstallationExists.At("installation.logs", "该机构系统已登记", "are those of one that is enrolled")
	case !errors.Is(err, authz.ErrNotFound):
		return err
	}
	return s.unbound(tx, in)
}

// unbound says whether the unit of an installation is no other's: whoever brought something
// of it keeps it, as nobody else is given the units beneath it, nor taken off what is counted.
func (s *Service) unbound(tx *change.Tx, in installation) error {
	if !s.bindable(in.GetUnit()) {
		return federation.ErrUnitRefused
	}
	for other, err := range s.installations.Scan(tx, "", "") {
		if err != nil {
			return err
		}
		if other.GetUnit() != in.GetUnit() || other.GetName() == in.GetName() {
			continue
		}
		if brought, err := s.brought(tx, other); err != nil || brought || other.GetState() != federationv1.Installation_STATE_REVOKED {
			return cmp.Or(err, error(federation.ErrUnitRefused))
		}
	}
	return nil
}

// brought says whether anything of an installation's logs is here.
func (s *Service) brought(tx *change.Tx, in installation) (bool, error) {
	for _, log := range in.GetLogs() {
		m, err := s.mirrors.of(log.GetOrigin(), log.GetVerifierKey())
		if err != nil {
			return false, err
		}
		if size, err := m.log.Size(store.Under(tx, m.prefix)); err != nil || size > 0 {
			return size > 0, err
		}
	}
	return false, nil
}

// bindable says whether an installation's root may be the unit: it is kept here,
// and has nothing beneath it, which will come from below.
func (s *Service) bindable(unit string) bool {
	u := s.parts.Tree.Unit(unit)
	return u != nil && u.GetInstallation() == "" && unit != s.parts.Tree.Root() && len(s.parts.Tree.Subtree(unit)) == 1
}

// GetInstallation implements the RPC.
func (s *Service) GetInstallation(ctx context.Context, req *federationv1.GetInstallationRequest) (installation, error) {
	return s.installations.Get(ctx, req.GetName())
}

// ListInstallations implements the RPC.
func (s *Service) ListInstallations(ctx context.Context, req *federationv1.ListInstallationsRequest) (*federationv1.ListInstallationsResponse, error) {
	list, next, err := s.installations.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[installation, error], error) {
		return s.installations.Scan(tx, after, ""), nil
	})
	return &federationv1.ListInstallationsResponse{Installations: list, NextPageToken: next}, err
}

// ExtendInstallation implements the RPC.
func (s *Service) ExtendInstallation(ctx context.Context, req *federationv1.ExtendInstallationRequest) (installation, error) {
	return s.installations.Change(ctx, req, func(tx *change.Tx, in installation) (installation, error) {
		in, err := federation.Extend(in, req.GetLogs())
		if err != nil {
			return nil, err
		}
		return in, s.renew(tx, in)
	})
}

// SuspendInstallation implements the RPC.
func (s *Service) SuspendInstallation(ctx context.Context, req *federationv1.SuspendInstallationRequest) (installation, error) {
	return s.installations.Change(ctx, req, func(_ *change.Tx, in installation) (installation, error) {
		return federation.Moved(in, federation.Suspending, req.GetReason())
	})
}

// ResumeInstallation implements the RPC.
func (s *Service) ResumeInstallation(ctx context.Context, req *federationv1.ResumeInstallationRequest) (installation, error) {
	return s.installations.Change(ctx, req, func(tx *change.Tx, in installation) (installation, error) {
		in, err := federation.Moved(in, federation.Resuming, "")
		if err != nil {
			return nil, err
		}
		return in, s.changed(tx, in)
	})
}

// RevokeInstallation implements the RPC.
func (s *Service) RevokeInstallation(ctx context.Context, req *federationv1.RevokeInstallationRequest) (installation, error) {
	var all []installation
	in, err := s.installations.Change(ctx, req, func(tx *change.Tx, in installation) (out installation, err error) {
		if out, err = federation.Revoke(in, req.GetReason(), s.book.Clock()); err != nil {
			return nil, err
		}
		all, err = federation.Sharing(s.installations.Scan(tx, "", ""), out, s.book.Clock())
		for _, other := range all {
			if _, wrong := s.installations.Put(tx, other); wrong != nil {
				return nil, wrong
			}
		}
		return out, err
	})
	if err == nil && !req.GetValidateOnly() {
		for _, ended := range append(all, in) {
			s.streams.End(ended.GetName())
		}
	}
	return in, err
}

// ReenrolInstallation implements the RPC.
func (s *Service) ReenrolInstallation(ctx context.Context, req *federationv1.ReenrolInstallationRequest) (installation, error) {
	return s.installations.Change(ctx, req, func(tx *change.Tx, in installation) (installation, error) {
		in, err := federation.Reenrol(in, req.GetLogs(), req.GetReason(), s.book.Clock())
		if err != nil {
			return nil, err
		}
		return in, cmp.Or(s.renew(tx, in), s.unbound(tx, in))
	})
}
