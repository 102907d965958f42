package server

import (
	"context"
	"errors"
	"io"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/internal/store"
)

// Import takes what a bundle carries: the messages of a stream, which next answers
// one by one, and then io.EOF. They are believed for what the logs have signed; when
// they were said does not matter, but for when heads count as shown. A log that has
// a gap before it ends the import before any entry is taken. It answers, log by
// log, Ack or Reject, and for whom the greeting wants them sealed, "" if that is
// not believed; the error says that it could not be finished, or what next answered.
func (s *Service) Import(ctx context.Context, next func() (*federationv1.ReplicateRequest, error)) (answers []*federationv1.ReplicateResponse, recipient string, err error) {
	first, err := next()
	if err != nil {
		return nil, "", err
	}
	var r *refusal
	c, err := s.carried(ctx, first.GetHello())
	if errors.As(err, &r) {
		return []*federationv1.ReplicateResponse{r.message()}, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	i := &imported{session: c, proofs: map[string]*federationv1.Prove{}, refused: map[string]*refusal{}}
	for _, head := range first.GetHello().GetLogs() {
		if err := i.note(head.GetOrigin(), i.greeted(ctx, head)); err != nil {
			return nil, "", err
		}
	}
	if err := i.play(ctx, next); err != nil {
		return nil, "", err
	}
	answers, err = i.answers(ctx, first.GetHello().GetLogs())
	return answers, c.said.Recipient, err
}

// carried believes a greeting that came in a file.
func (s *Service) carried(ctx context.Context, hello *federationv1.Hello) (*session, error) {
	c, err := s.believe(ctx, hello)
	if err != nil {
		return nil, err
	}
	if bundle.CheckRecipient(c.said.Recipient) != nil {
		return nil, &refusal{code: federationv1.Code_CODE_BAD_SIGNATURE, detail: "the greeting was not made for a file: it does not say for whom the receipt is sealed"}
	}
	now := s.book.Clock()
	if c.said.At.After(now.Add(federation.Skew)) {
		return nil, skewed(c.said.At, now)
	}
	if c.shown = c.said.At; c.shown.After(now) {
		c.shown = now
	}
	return c, nil
}

// imported is a session that nobody listens to.
type imported struct {
	*session
	proofs  map[string]*federationv1.Prove
	refused map[string]*refusal
	gap     bool
}

// note remembers why a log is not taken; other errors stay what they are.
func (i *imported) note(origin string, err error) error {
	var r *refusal
	if errors.As(err, &r) {
		i.refused[origin] = r
		return nil
	}
	return err
}

// play does what the messages ask, until there are no more or a gap shows.
func (i *imported) play(ctx context.Context, next func() (*federationv1.ReplicateRequest, error)) error {
	for {
		m, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch m := m.GetMessage().(type) {
		case *federationv1.ReplicateRequest_Prove:
			err = i.proved(ctx, m.Prove)
		case *federationv1.ReplicateRequest_Append:
			if i.gap {
				return nil
			}
			err = i.appended(ctx, m.Append)
		default:
			err = federation.ErrStreamEnded
		}
		if err != nil {
			return err
		}
	}
}

func (i *imported) proved(ctx context.Context, p *federationv1.Prove) error {
	i.proofs[p.GetOrigin()] = p
	if i.refused[p.GetOrigin()] != nil {
		return nil
	}
	err := i.note(p.GetOrigin(), i.prove(ctx, p))
	if r := i.refused[p.GetOrigin()]; r != nil && r.code == federationv1.Code_CODE_GAP {
		i.gap = true
	}
	return err
}

// appended takes a run of a log that is not refused. One that was not known may be
// by now: entries before these have enrolled it.
func (i *imported) appended(ctx context.Context, a *federationv1.Append) error {
	origin := a.GetOrigin()
	if r := i.refused[origin]; r != nil {
		if r.code != federationv1.Code_CODE_UNKNOWN_LOG || i.proofs[origin] == nil {
			return nil
		}
		delete(i.refused, origin)
		if err := i.note(origin, i.prove(ctx, i.proofs[origin])); err != nil || i.refused[origin] != nil {
			delete(i.proofs, origin)
			return err
		}
	}
	_, err := i.take(ctx, a)
	return i.note(origin, err)
}

// greeted judges the head of a log that a greeting shows: more than is mirrored is
// to be proved yet. Less was said by an older bundle too, and means nothing unless
// it was said after more had been cosigned here.
func (i *imported) greeted(ctx context.Context, head *federationv1.Head) error {
	i.relays(head.GetOrigin(), head.GetRelayed())
	err := i.on(ctx, head.GetOrigin(), func(m *held) error {
		h, err := open(m, head)
		switch {
		case err != nil || h.Size > m.size:
			return err
		case h.Size == m.size:
			return i.compare(m, head)
		}
		at, err := federation.Cosigned(i.s.parts.Cosigner.VerifierKey(), m.row.GetNote())
		if err != nil || i.said.At.Before(at.Add(federation.Skew)) {
			return nil
		}
		i.heard(m)
		return i.shorter(m, h)
	})
	var r *refusal
	if errors.As(err, &r) && r.code == federationv1.Code_CODE_UNKNOWN_LOG {
		return nil // entries that come may enrol it
	}
	return err
}

// answers says how the logs stand now, refused or not.
func (i *imported) answers(ctx context.Context, logs []*federationv1.Head) (all []*federationv1.ReplicateResponse, err error) {
	err = i.s.book.Store.View(ctx, func(tx store.Tx) error {
		for _, head := range logs {
			origin := head.GetOrigin()
			if r := i.refused[origin]; r != nil {
				all = append(all, r.message())
			}
			e, err := i.s.enrolled(tx, origin)
			if err != nil {
				return err
			}
			if e.refused(i.name) != federationv1.Code_CODE_UNSPECIFIED {
				continue
			}
			m, err := i.s.hold(tx, e, origin)
			if err != nil {
				return err
			}
			all = append(all, &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Ack{
				Ack: &federationv1.Ack{Origin: origin, Size: m.size, Note: m.row.GetNote()},
			}})
		}
		return nil
	})
	return all, err
}
