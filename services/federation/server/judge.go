package server

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/evidence"
	"github.com/duban-project/duban/services/internal/store"
)

// heard notes when the log's installation has shown its head, of what is relayed as who relays it
// says, and says whether it has not said anything later: a bundle tells it late.
func (c *session) heard(m *held) bool {
	at := c.moment()
	if !c.shown.IsZero() && at.Before(m.row.GetHeardTime().AsTime()) {
		return false
	}
	if m.origin.Unit != "" {
		c.relayed[m.name].Hear(m.row, at)
		return true
	}
	m.row.HeardTime = timestamppb.New(at)
	return true
}

// relays takes how a log stands with who relays it; of one's own nothing is taken.
func (c *session) relays(log string, said *federationv1.Relayed) {
	c.relayed[log] = federation.StandingOf(said, c.moment())
}

// stands notes that the log is here as its installation has shown it; one in a new era is
// behind until it has come as far as the era before.
func (c *session) stands(m *held) {
	switch {
	case !c.heard(m):
	case m.behind():
		m.row.State = federationv1.Mirror_STATE_BEHIND
	default:
		m.row.State = federationv1.Mirror_STATE_ACTIVE
	}
}

// regained forgets that the log was shown with less: all of what is mirrored is the
// start of what its installation has now. A fork is never forgotten.
func (c *session) regained(m *held) error {
	e, err := evidence.Of(m.all, m.name)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || e.GetRollback() == nil || !c.heard(m) {
		return err
	}
	return evidence.Forget(m.all, m.name)
}

// shorter judges a head that has less than is mirrored: the start of it is a log
// that has lost its tail, anything else a second history.
func (c *session) shorter(m *held, h federation.Head) error {
	if h.Size > 0 {
		root, err := m.log.Root(m.tx, h.Size)
		if err != nil {
			return err
		}
		if root != h.Root {
			return c.fork(m, h, h.Size, federation.NewBranch(h, h.Root, nil))
		}
	}
	cover, err := m.cover()
	if err != nil {
		return err
	}
	m.row.State, m.kept, m.lost = federationv1.Mirror_STATE_BEHIND, true, cover
	r := &refusal{origin: m.name, code: federationv1.Code_CODE_ROLLBACK, size: m.size, detail: "less is shown than is mirrored"}
	if claim, ok := c.said.Claimed(m.row.GetOrigin()); ok && m.origin.Unit == "" && claim.Size < m.size && m.row.GetNote() != "" {
		r.evidence = federation.NewRollback(m.row.GetOrigin(), m.row.GetNote(), c.statement)
		if err := evidence.Keep(m.all, m.name, r.evidence); err != nil {
			return err
		}
	}
	return r
}

// fork freezes a log of which two histories are signed: that of the mirror, and
// one that has another root at size, as the second branch shows.
func (c *session) fork(m *held, h federation.Head, size uint64, second *federationv1.Branch) error {
	first, err := m.branch(size)
	if err != nil {
		return err
	}
	e := federation.NewFork(m.row.GetOrigin(), size, first, second)
	m.row.State, m.kept = federationv1.Mirror_STATE_FROZEN, true
	if err := evidence.Keep(m.all, m.name, e); err != nil {
		return err
	}
	if err := c.s.witness.Testify(m.all, m.row, h.Note, true); err != nil {
		return err
	}
	return &refusal{
		origin: m.name, code: federationv1.Code_CODE_FORK, size: m.size, evidence: e,
		detail: fmt.Sprintf("two histories differ within the first %d entries", size),
	}
}

// branched judges a run that differs from what is mirrored. If the log has signed
// it, there are two histories; if that is not shown, it is no more than a run that
// is refused, and the answer is nil.
func (c *session) branched(m *held, h federation.Head, start uint64, a *federationv1.Append) error {
	theirs := federation.Grow(m.log.Nodes(m.tx))
	for i, r := range a.GetRecords() {
		if err := theirs.Add(int64(start)+int64(i), leafOf(r)); err != nil {
			return err
		}
	}
	proof, err := federation.Hashes(a.GetConsistency())
	if err != nil {
		return nil
	}
	end := start + uint64(len(a.GetRecords()))
	f, err := federation.NewFrontier(h, end, theirs, proof)
	if errors.Is(err, federation.ErrProof) {
		return nil
	}
	if err != nil {
		return err
	}
	size := min(end, m.size)
	root, proof, err := f.At(size)
	if err != nil {
		return err
	}
	return c.fork(m, h, size, federation.NewBranch(h, root, proof))
}

// branch shows that the mirror's tree of that size is the start of a head that the
// log has signed.
func (m *held) branch(size uint64) (*federationv1.Branch, error) {
	cover, err := m.cover()
	if err != nil {
		return nil, err
	}
	if size == m.size {
		return cover, nil
	}
	h, err := federation.OpenHead(m.row.GetVerifierKey(), m.row.GetNote())
	if err != nil || size > h.Size { // in the midst of a backlog: it is known when that is here
		return nil, m.refuse(federationv1.Code_CODE_BUSY, "no checkpoint covers this size yet")
	}
	root, err := m.log.Root(m.tx, size)
	if err != nil {
		return nil, err
	}
	proof, err := m.log.Consistency(m.tx, size, h.Size)
	if err != nil {
		return nil, err
	}
	return federation.NewBranch(h, root, proof), nil
}

// keepCover keeps that what is mirrored is the start of what was signed.
func (m *held) keepCover(b *federationv1.Branch) error {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(b)
	if err != nil {
		return fmt.Errorf("encoding what covers %s: %w", m.origin.Feed(), err)
	}
	return m.tx.Put(coverBucket, []byte(newest), raw)
}

func (m *held) cover() (*federationv1.Branch, error) {
	b, err := m.tx.Get(coverBucket, []byte(newest))
	if err != nil {
		return nil, fmt.Errorf("reading what covers %s: %w", m.origin.Feed(), err)
	}
	cover := &federationv1.Branch{}
	return cover, proto.Unmarshal(b, cover)
}
