package federation

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Frontier knows the tree that a head has signed as far as it can be known from its
// first entries and the proof of where they end: every subtree within them, and
// every one right of them. It shows how the tree stood at any size before, though
// nobody has proved that one.
type Frontier struct {
	head  Head
	end   int64 // of the entries that are known
	nodes tlog.HashReader
	right map[[2]int64]tlog.Hash // subtrees beyond end, by their first entry and the one after
}

// NewFrontier holds the first end entries, whose tree nodes reads, against the
// head. It answers ErrProof unless the proof shows that they are its start.
func NewFrontier(h Head, end uint64, nodes tlog.HashReader, proof []tlog.Hash) (*Frontier, error) {
	root, err := tlog.TreeHash(int64(end), nodes)
	if err != nil {
		return nil, err
	}
	if end == 0 {
		return nil, ErrProof
	}
	if err := h.Starts(end, root, proof); err != nil {
		return nil, err
	}
	f := &Frontier{h, int64(end), nodes, map[[2]int64]tlog.Hash{}}
	rest := f.learn(0, int64(h.Size), proof)
	if len(rest) > 0 {
		return nil, ErrProof
	}
	return f, nil
}

// learn takes from a consistency proof (RFC 6962, 2.1.2) the subtrees right of the
// end, and returns what of the proof is about others.
func (f *Frontier) learn(lo, hi int64, proof []tlog.Hash) []tlog.Hash {
	if f.end == hi {
		if lo > 0 { // the known entries end with a subtree, which comes first
			return proof[1:]
		}
		return proof
	}
	middle := lo + half(hi-lo)
	if f.end > middle {
		return f.learn(middle, hi, proof)[1:] // the left one is known
	}
	rest := f.learn(lo, middle, proof)
	f.right[[2]int64{middle, hi}] = rest[0]
	return rest[1:]
}

// At returns the root of the head's tree at size, at most that of the entries that
// are known, and the proof that it is the start of the head's.
func (f *Frontier) At(size uint64) (root tlog.Hash, proof []tlog.Hash, err error) {
	if size == 0 || int64(size) > f.end {
		return root, nil, fmt.Errorf("%w: nothing is known at %d", ErrProof, size)
	}
	if root, err = tlog.TreeHash(int64(size), f.nodes); err != nil {
		return root, nil, err
	}
	proof, err = f.prove(int64(size), 0, int64(f.head.Size))
	return root, proof, err
}

func (f *Frontier) prove(size, lo, hi int64) ([]tlog.Hash, error) {
	if size == hi {
		if lo == 0 {
			return nil, nil
		}
		h, err := f.subtree(lo, hi)
		return []tlog.Hash{h}, err
	}
	middle := lo + half(hi-lo)
	in, beside := [2]int64{lo, middle}, [2]int64{middle, hi}
	if size > middle {
		in, beside = beside, in
	}
	proof, err := f.prove(size, in[0], in[1])
	if err != nil {
		return nil, err
	}
	h, err := f.subtree(beside[0], beside[1])
	return append(proof, h), err
}

// subtree is the hash over the entries from lo to before hi, which must be one of
// the head's tree.
func (f *Frontier) subtree(lo, hi int64) (tlog.Hash, error) {
	if h, ok := f.right[[2]int64{lo, hi}]; ok {
		return h, nil
	}
	if level, whole := height(hi - lo); whole && hi <= f.end {
		read, err := f.nodes.ReadHashes([]int64{tlog.StoredHashIndex(level, lo>>level)})
		if err != nil {
			return tlog.Hash{}, err
		}
		return read[0], nil
	}
	if hi-lo == 1 {
		return tlog.Hash{}, fmt.Errorf("%w: entry %d is not known", ErrProof, lo)
	}
	middle := lo + half(hi-lo)
	left, err := f.subtree(lo, middle)
	if err != nil {
		return left, err
	}
	right, err := f.subtree(middle, hi)
	return tlog.NodeHash(left, right), err
}

// half is the largest power of two below n, which is at least 2.
func half(n int64) int64 {
	k := int64(1)
	for 2*k < n {
		k *= 2
	}
	return k
}

// height says of which level a whole subtree of n entries is.
func height(n int64) (level int, whole bool) {
	for ; n > 1 && n&1 == 0; n >>= 1 {
		level++
	}
	return level, n == 1
}

// Nodes are those of a tree that begins as another and goes its own way. They implement
// tlog.HashReader.
type Nodes struct {
	common tlog.HashReader
	own    map[int64]tlog.Hash
}

// Grow returns the nodes of a tree that begins as common, before anything else is added.
func Grow(common tlog.HashReader) Nodes { return Nodes{common, map[int64]tlog.Hash{}} }

// ReadHashes implements tlog.HashReader.
func (n Nodes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
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

// Add adds the leaf of an entry, behind all that are there.
func (n Nodes) Add(seq int64, leaf tlog.Hash) error {
	made, err := tlog.StoredHashesForRecordHash(seq, leaf, n)
	for i, h := range made {
		n.own[tlog.StoredHashIndex(0, seq)+int64(i)] = h
	}
	return err
}
