package fsck

import "golang.org/x/mod/sumdb/tlog"

// tree is a Merkle tree (RFC 6962) of which only the roots of its full subtrees
// are kept, the largest first.
type tree struct {
	size uint64
	full []tlog.Hash
}

// push adds a leaf and returns it together with the nodes above that it
// completes, from below.
func (t *tree) push(node tlog.Hash) []byte {
	done := append([]byte(nil), node[:]...)
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.full) - 1
		node = tlog.NodeHash(t.full[last], node)
		t.full = t.full[:last]
		done = append(done, node[:]...)
	}
	t.full = append(t.full, node)
	t.size++
	return done
}

// root is the root of a tree that is not empty.
func (t *tree) root() tlog.Hash {
	last := len(t.full) - 1
	node := t.full[last]
	for i := last - 1; i >= 0; i-- {
		node = tlog.NodeHash(t.full[i], node)
	}
	return node
}
