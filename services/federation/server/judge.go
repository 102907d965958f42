package server

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/store"
)

// heard notes when the log's installation has shown its head, and says whether it
// has not said anything later: a bundle tells it late.
func (c *session) heard(m *held) bool {
	at := c.moment()
	if !c.shown.IsZero() && at.Before(m.row.GetHeardTime().AsTime()) {
		return false
	}
	m.row.HeardTime = timestamppb.New(at)
	return true
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
	e, err := evidence(m.all, m.row.GetOrigin())
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || e.GetRollback() == nil || !c.heard(m) {
		return err
	}
	return m.all.Delete(evidenceBucket, []byte(m.origin.Feed()))
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
	r := &refusal{origin: m.row.GetOrigin(), code: federationv1.Code_CODE_ROLLBACK, size: m.size, detail: "less is shown than is mirrored"}
	if claim, ok := c.said.Claimed(m.row.GetOrigin()); ok && claim.Size < m.size && m.row.GetNote() != "" {
		r.evidence = federation.NewRollback(m.row.GetOrigin(), m.row.GetNote(), c.statement)
		if err := accuse(m.all, r.evidence); err != nil {
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
	if err := accuse(m.all, e); err != nil {
		return err
	}
	if err := c.s.witness.Testify(m.all, m.row, h.Note, true); err != nil {
		return err
	}
	return &refusal{
		origin: m.row.GetOrigin(), code: federationv1.Code_CODE_FORK, size: m.size, evidence: e,
		detail: fmt.Sprintf("two histories differ within the first %d entries", size),
	}
}

// branched judges a run that differs from what is mirrored. If the log has signed
// it, there are two histories; if that is not shown, it is no more than a run that
// is refused, and the answer is nil.
func (c *session) branched(m *held, h federation.Head, start uint64, a *federationv1.Append) error {
	theirs := nodes{m.log.Nodes(m.tx), map[int64]tlog.Hash{}}
	for i, r := range a.GetRecords() {
		if err := theirs.add(int64(start)+int64(i), leafOf(r)); err != nil {
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

// nodes are those of a tree that begins as the mirror's and goes another way. It
// implements tlog.HashReader.
type nodes struct {
	common tlog.HashReader
	own    map[int64]tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (n nodes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	all := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if h, ok := n.own[index]; ok {
			all[i] = h
			continue
		}
		read, err := n.common.ReadHashes([]int64{index})
		if err != nil {
			return nil, err
		}
		all[i] = read[0]
	}
	return all, nil
}

func (n nodes) add(seq int64, leaf tlog.Hash) error {
	made, err := tlog.StoredHashesForRecordHash(seq, leaf, n)
	for i, h := range made {
		n.own[tlog.StoredHashIndex(0, seq)+int64(i)] = h
	}
	return err
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

func (m *held) cover() (*federationv1.Branch, error) {
	b, err := m.tx.Get(coverBucket, []byte(newest))
	if err != nil {
		return nil, fmt.Errorf("reading what covers %s: %w", m.origin.Feed(), err)
	}
	cover := &federationv1.Branch{}
	return cover, proto.Unmarshal(b, cover)
}

// accuse keeps evidence about a log. That of an era before stays beside it.
func accuse(tx store.Tx, e *federationv1.Evidence) error {
	o, _ := federation.ParseOrigin(e.GetOrigin())
	was, err := evidenceAt(tx, o.Feed())
	if err == nil && was.GetOrigin() != e.GetOrigin() {
		of, _ := federation.ParseOrigin(was.GetOrigin())
		err = put(tx, evidenceBucket, past(of), was)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return put(tx, evidenceBucket, o.Feed(), e)
}

// past is the name of an era's mirror that is not the newest.
func past(o federation.Origin) string { return fmt.Sprintf("%s.%d", o.Feed(), o.Era) }

// evidence reads why a log is refused, or store.ErrNotFound. What is said of it in another
// era is nothing against this one.
func evidence(tx store.Tx, origin string) (*federationv1.Evidence, error) {
	o, _ := federation.ParseOrigin(origin)
	for _, key := range []string{o.Feed(), past(o)} {
		e, err := evidenceAt(tx, key)
		if err == nil && e.GetOrigin() != origin || errors.Is(err, store.ErrNotFound) {
			continue
		}
		return e, err
	}
	return nil, store.ErrNotFound
}

func evidenceAt(tx store.Tx, key string) (*federationv1.Evidence, error) {
	b, err := tx.Get(evidenceBucket, []byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	e := &federationv1.Evidence{}
	if err = errors.Join(err, proto.Unmarshal(b, e)); err != nil {
		return nil, fmt.Errorf("reading the evidence on %s: %w", key, err)
	}
	return e, nil
}
