package server

import (
	"context"
	"errors"
	"fmt"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
)

// prove takes a head, which must be what is mirrored, or have grown out of it, or
// be the start of it: then there is nothing to take.
func (c *session) prove(ctx context.Context, p *federationv1.Prove) error {
	delete(c.heads, p.GetOrigin())
	c.relays(p.GetOrigin(), p.GetRelayed())
	return c.on(ctx, p.GetOrigin(), func(m *held) error {
		h, err := open(m, &federationv1.Head{Note: p.GetNote()})
		if err != nil {
			return err
		}
		if p.GetSize() > m.size {
			return m.refuse(federationv1.Code_CODE_GAP, fmt.Sprintf("it goes on after %d entries, and %d are here", p.GetSize(), m.size))
		}
		if err := c.grown(m, h, p); err != nil {
			return err
		}
		if h.Size >= m.size {
			c.stands(m)
		}
		if h.Size == m.size || h.Size > m.size && p.GetSize() == m.size {
			if err := c.regained(m); err != nil {
				return err
			}
		}
		c.heads[p.GetOrigin()] = h
		return nil
	})
}

// grown holds a head against what is mirrored: all of it, or as much as the proof
// is about. What lies between is compared entry by entry when the run comes.
func (c *session) grown(m *held, h federation.Head, p *federationv1.Prove) error {
	size, proved := p.GetSize(), h.Size > m.size
	if !proved {
		size = h.Size
	}
	if size == 0 {
		return nil
	}
	root, err := m.log.Root(m.tx, size)
	if err != nil {
		return err
	}
	if !proved {
		if root != h.Root {
			return c.fork(m, h, size, federation.NewBranch(h, h.Root, nil))
		}
		return nil
	}
	claimed, err := federation.Hash(p.GetRoot())
	proof, err2 := federation.Hashes(p.GetConsistency())
	if errors.Join(err, err2) != nil {
		return m.refuse(federationv1.Code_CODE_BAD_PROOF, "the proof cannot be read")
	}
	fork, err := federation.Grown(h, size, root, claimed, proof)
	switch {
	case err != nil:
		return m.refuse(federationv1.Code_CODE_BAD_PROOF, "the proof does not hold")
	case fork:
		return c.fork(m, h, size, federation.NewBranch(h, claimed, proof))
	default:
		return nil
	}
}
