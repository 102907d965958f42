package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/evidence"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/store"
)

// ListMirrors implements the RPC.
func (s *Service) ListMirrors(ctx context.Context, req *federationv1.ListMirrorsRequest) (*federationv1.ListMirrorsResponse, error) {
	filter, err := page.ParseFilter(req.GetFilter(), (*federationv1.Mirror)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	after, err := s.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	res, prefix, known := &federationv1.ListMirrorsResponse{}, req.GetParent()+"/mirrors/", false
	if req.GetParent() == "installations/-" {
		prefix, known = "", true
	}
	err = s.book.View(ctx, func(tx *change.Tx) error {
		tx.Trusted("each mirror is checked by its unit")
		var next string
		res.Mirrors, next, err = page.Collect(rows.Table.Scan(tx, after, ""), page.Most{Items: page.Size(req.GetPageSize())}, func(m *federationv1.Mirror) (*federationv1.Mirror, bool, error) {
			if !strings.HasPrefix(m.GetName(), prefix) || !tx.Access.Inside(m.GetUnit()) {
				return m, false, nil
			}
			known = true
			err := s.told(tx, m)
			return m, err == nil && filter.Match(m), err
		}, rows.Feed)
		res.NextPageToken = s.book.Tokens.Encode(next, req)
		if err == nil && !known { // enrolled here, and nothing of it has come
			_, err = s.installations.Reach(tx, req.GetParent())
		}
		return err
	})
	for _, m := range res.GetMirrors() {
		s.listen(m)
	}
	return res, err
}

// listen says how long ago the log was heard of.
func (s *Service) listen(m *federationv1.Mirror) {
	now, heard := s.book.Clock(), m.GetHeardTime().AsTime()
	m.HeardAgo = durationpb.New(max(0, now.Sub(heard).Truncate(time.Second)))
	silence := s.parts.Silence
	if o, _ := federation.ParseLog(federation.LogOf(m)); o.Unit != "" { // who relays it says so a heartbeat later
		silence += federation.Slack
	}
	if m.GetState() == federationv1.Mirror_STATE_ACTIVE && federation.Silent(heard, now, silence) {
		m.State = federationv1.Mirror_STATE_SILENT
	}
}

// told lets the row of a log that is revoked, or whose relay is, say so, which the enrolment
// knows, and that of one that is relayed what is wrong with it below. What two histories have
// proved stands.
func (s *Service) told(tx store.Tx, m *federationv1.Mirror) error {
	e, err := s.enrolled(tx, federation.LogOf(m))
	if err != nil {
		return err
	}
	by, err := s.find(tx, m.GetVia())
	if err != nil && !errors.Is(err, authz.ErrNotFound) {
		return err
	}
	switch below := m.GetRelayedState(); {
	case m.GetState() == federationv1.Mirror_STATE_FROZEN:
	case below == federationv1.Mirror_STATE_FROZEN:
		m.State = below
	case federation.Revoked(e.in, m.GetOrigin()), federation.Revoked(by, ""):
		m.State = federationv1.Mirror_STATE_REVOKED
	case below == federationv1.Mirror_STATE_BEHIND:
		m.State = below
	}
	return nil
}

// Relays is what who is above is told of how the mirror of that feed stands here.
func (s *Service) Relays(ctx context.Context, feed string) (r *federationv1.Relayed, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		m, err := rows.Table.Get(tx, feed)
		if err != nil {
			return err
		}
		if err := s.told(tx, m); err != nil {
			return err
		}
		r = federation.Relays(m, s.book.Clock())
		return nil
	})
	return r, err
}

// GetBracket implements the RPC.
func (s *Service) GetBracket(ctx context.Context, req *federationv1.GetBracketRequest) (b *federationv1.Bracket, err error) {
	err = s.mirrored(ctx, req.GetName(), func(m *held) error {
		records, err := m.log.Records(m.tx, req.GetSeq(), 1)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return authz.ErrNotFound
		}
		e, err := federation.ReadEntry(records[0].GetEntry())
		if err != nil {
			return err
		}
		without, with, err := m.bracket(req.GetSeq())
		claimed, err2 := m.of(req.GetSeq()).dated(s.parts.Simulated).Claimed(e)
		b = federation.NewBracket(without, with, claimed)
		b.Backdated = b.Backdated || slices.Contains(m.row.GetBackdatedSeqs(), e.GetSeq())
		return errors.Join(err, err2)
	})
	return b, err
}

// GetEvidence implements the RPC.
func (s *Service) GetEvidence(ctx context.Context, req *federationv1.GetEvidenceRequest) (e *federationv1.Evidence, err error) {
	err = s.mirrored(ctx, req.GetName(), func(m *held) error {
		if e, err = evidence.Of(m.all, m.name); errors.Is(err, store.ErrNotFound) {
			return federation.ErrNoEvidence
		}
		return err
	})
	return e, err
}

// mirrored reads a mirror of which the caller may know.
func (s *Service) mirrored(ctx context.Context, name string, read func(*held) error) error {
	return s.book.View(ctx, func(tx *change.Tx) error {
		tx.Trusted("unless the mirror is found")
		installation, service, ok := strings.Cut(strings.TrimPrefix(name, "installations/"), "/mirrors/")
		r, log, err := s.logOf(tx, installation+"."+service)
		if !ok || errors.Is(err, store.ErrNotFound) {
			return authz.ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := tx.Knows(r.GetUnit(), r); err != nil {
			return err
		}
		e, err := s.enrolled(tx, log.GetOrigin())
		if err != nil {
			return err
		}
		e.key = log.GetVerifierKey()
		m, err := s.hold(tx, e, log.GetOrigin())
		if err != nil {
			return err
		}
		return read(m)
	})
}

// GetReceipt implements the RPC.
func (s *Service) GetReceipt(ctx context.Context, req *federationv1.GetReceiptRequest) (*federationv1.Evidence, error) {
	a := authz.From(ctx)
	if err := a.Check(a.Tree().Root()); err != nil {
		return nil, err
	}
	return s.parts.Own.Receipt(ctx, req.GetName(), req.GetSeq())
}
