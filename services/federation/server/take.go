package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/heads"
	"github.com/duban-project/duban/services/internal/feed"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/store"
)

// take stores a run of entries beneath the head that was proved last: all of it,
// once its tree has turned out to be the start of that head's, or nothing.
func (c *session) take(ctx context.Context, a *federationv1.Append) (*federationv1.ReplicateResponse, error) {
	head, ok := c.heads[a.GetOrigin()]
	if !ok {
		return nil, &refusal{origin: a.GetOrigin(), code: federationv1.Code_CODE_GAP, detail: "no head is proved for these entries"}
	}
	ack := &federationv1.Ack{Origin: a.GetOrigin(), Credit: federation.Credit}
	log, _ := federation.ParseLog(a.GetOrigin())
	run, err := federation.ReadRun(log, a.GetRecords(), c.s.book.Clock())
	if err != nil {
		return nil, refused(a.GetOrigin(), err)
	}
	if err := c.ready(ctx, a.GetOrigin()); err != nil {
		return nil, err
	}
	var mirror *feed.Log
	err = c.on(ctx, a.GetOrigin(), func(m *held) error {
		mirror = m.log
		if err := c.extend(m, head, run, a); err != nil {
			return refused(a.GetOrigin(), err)
		}
		ack.Size = m.size
		if m.size == head.Size {
			ack.Note = m.row.GetNote()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	mirror.Grown(ack.GetSize())
	return &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Ack{Ack: ack}}, nil
}

// ready brings the tree here up to date before units of another are held against
// it. Without it the stream ends: the installation dials again.
func (c *session) ready(ctx context.Context, origin string) error {
	if o, _ := federation.ParseLog(origin); o.Service != "organization" && o.Service != federation.Service {
		return nil
	}
	if c.s.parts.Tree.CatchUp(ctx) != nil {
		return federation.ErrStreamEnded
	}
	return nil
}

// refused turns what is wrong with a run into the answer to it. Other errors stay
// what they are.
func refused(origin string, err error) error {
	var p *federation.Problem
	switch {
	case errors.As(err, &p):
		return &refusal{origin: origin, code: p.Code, detail: p.What}
	case errors.Is(err, feed.ErrEntry):
		return &refusal{origin: origin, code: federationv1.Code_CODE_BAD_ENTRY, detail: err.Error()}
	default:
		return err
	}
}

// extend adds the run, what opens its commitments and what it teaches, and finds
// out whether that is what the log has signed.
func (c *session) extend(m *held, head federation.Head, run []*feedv1.Entry, a *federationv1.Append) error {
	skip, err := m.overlap(run, a.GetRecords())
	if errors.Is(err, errOther) {
		return cmp.Or(c.branched(m, head, run[0].GetSeq(), a), err)
	}
	if err != nil || skip == len(run) { // all of it came before
		return err
	}
	records := a.GetRecords()[skip:]
	raw := make([][]byte, len(records))
	for i, r := range records {
		raw[i] = r.GetEntry()
	}
	known, err := m.carried(run[skip:], records)
	if err != nil {
		return err
	}
	if err := c.date(m, run[skip+known:]); err != nil {
		return err
	}
	if err := m.log.Extend(m.tx, run[skip:], raw); err != nil {
		return err
	}
	if err := m.openings(run[skip:], records); err != nil {
		return err
	}
	if err := c.s.witness.Learn(m.all, m.row, run[skip+known:]); err != nil {
		return err
	}
	if err := m.measure(); err != nil {
		return err
	}
	return c.cover(m, head, a)
}

// date counts what of the run is backdated (倒签嫌疑): a head without it was shown after
// the time that it claims.
func (c *session) date(m *held, run []*feedv1.Entry) error {
	if len(run) == 0 {
		return nil
	}
	without, _, err := m.bracket(run[0].GetSeq())
	if err != nil {
		return err
	}
	return m.dated(c.s.parts.Simulated).Count(m.row, run, without)
}

// office is the label of what is sealed and goes upward all the same.
const office = feedserver.Office

func leafOf(r *feedv1.Record) tlog.Hash { return tlog.RecordHash(r.GetEntry()) }

var errOther = errors.New("it is here with other bytes")

// overlap returns how many entries of the run are here already. They must be the
// same ones.
func (m *held) overlap(run []*feedv1.Entry, records []*feedv1.Record) (int, error) {
	if len(run) == 0 || run[0].GetSeq() > m.size {
		return 0, m.refuse(federationv1.Code_CODE_GAP, "entries are missing before these")
	}
	skip := min(m.size-run[0].GetSeq(), uint64(len(run)))
	for i := range skip {
		leaf, err := m.log.Leaf(m.tx, run[i].GetSeq())
		if err != nil {
			return 0, err
		}
		if leaf != leafOf(records[i]) {
			return 0, fmt.Errorf("%w: entry %d: %w", feed.ErrEntry, run[i].GetSeq(), errOther)
		}
	}
	return int(skip), nil
}

// openings stores what opens commitments and goes upward: what stands under other
// labels stays below, and is refused here.
func (m *held) openings(run []*feedv1.Entry, records []*feedv1.Record) error {
	for i, r := range records {
		for _, o := range r.GetOpenings() {
			if o.GetLabel() != office {
				return fmt.Errorf("%w: what is sealed as %.32q stays below", feed.ErrEntry, o.GetLabel())
			}
			if err := m.log.KeepOpening(m.tx, run[i], o.GetLabel(), o.GetOpening()); err != nil {
				return err
			}
		}
	}
	return nil
}

// cover holds the tree after the run against the head, and cosigns the head if
// the run ends with it.
func (c *session) cover(m *held, head federation.Head, a *federationv1.Append) error {
	proof, err := federation.Hashes(a.GetConsistency())
	if err == nil {
		err = head.Starts(m.size, m.root, proof)
	}
	if err != nil {
		return m.refuse(federationv1.Code_CODE_BAD_PROOF, "the entries are not what is signed")
	}
	if err := m.keepCover(federation.NewBranch(head, m.root, proof)); err != nil {
		return err
	}
	now := c.s.book.Clock()
	m.row.Size = m.size
	if of := c.relayed[m.name]; m.origin.Unit != "" && of.Heard.IsZero() { // nothing else says when it was heard of
		of.Heard = c.moment()
		of.Hear(m.row, of.Heard)
	}
	c.stands(m)
	if m.size != head.Size {
		return nil
	}
	if m.row.Note, err = c.s.parts.Cosigner.Cosign(head.Note, now); err != nil {
		return err
	}
	return errors.Join(
		m.log.KeepCheckpoint(m.tx, []byte(m.row.GetNote())),
		heads.Cosigned(m.tx, m.size, now, c.moment()),
		c.s.witness.Testify(m.all, m.row, m.row.GetNote(), false),
	)
}

// beat notes that the log's head was shown again. One that contradicts the mirror
// is judged like any.
func (c *session) beat(ctx context.Context, b *federationv1.Beat) error {
	c.relays(b.GetHead().GetOrigin(), b.GetHead().GetRelayed())
	return c.on(ctx, b.GetHead().GetOrigin(), func(m *held) error {
		h, err := open(m, b.GetHead())
		if err != nil || h.Size > m.size {
			return err
		}
		if h.Size < m.size { // shown before the last run came, or replayed: no head of now
			return nil
		}
		if h.Root != m.root {
			return c.fork(m, h, m.size, federation.NewBranch(h, h.Root, nil))
		}
		now := c.s.book.Clock()
		c.heard(m)
		return errors.Join(heads.Shown(m.tx, h.Size, now), c.tell(m))
	})
}

// tell says in the own log how the log stands, whose head that is cosigned is shown again:
// what is backdated may have been counted since, or heard of from who relays it.
func (c *session) tell(m *held) error {
	if cosigned, err := heads.Known(m.tx, m.size); err != nil || !cosigned {
		return err
	}
	return c.s.witness.Testify(m.all, m.row, m.row.GetNote(), false)
}

// fetch gives entries back to the installation that lost them.
func (c *session) fetch(ctx context.Context, f *federationv1.Fetch) (*federationv1.ReplicateResponse, error) {
	back := &federationv1.Entries{Origin: f.GetOrigin()}
	err := c.s.book.Store.View(ctx, func(tx store.Tx) error {
		e, err := c.enrolled(tx, f.GetOrigin())
		if err != nil {
			return err
		}
		m, err := c.s.hold(tx, e, f.GetOrigin())
		if err != nil {
			return err
		}
		if back.Records, err = m.log.Records(m.tx, f.GetStart(), federation.MaxRun); err != nil {
			return err
		}
		return m.log.Open(m.tx, back.GetRecords(), office)
	})
	return &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Entries{Entries: back}}, err
}
