package recovery

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is that of a log that grows, without its entries: the hashes of its largest
// whole subtrees, from the left. (RFC 6962, 2.1)
type tree struct {
	size uint64
	tops []tlog.Hash
}

// newTree is that of the first size entries, whose hashes nodes reads.
func newTree(size uint64, nodes tlog.HashReader) (*tree, error) {
	var places []int64
	for level := bits.Len64(size) - 1; level >= 0; level-- {
		if n := size >> level; n&1 == 1 {
			places = append(places, tlog.StoredHashIndex(level, int64(n-1)))
		}
	}
	tops, err := nodes.ReadHashes(places)
	return &tree{size, tops}, err
}

// add makes leaf the next entry's.
func (t *tree) add(leaf tlog.Hash) {
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.tops) - 1
		leaf, t.tops = tlog.NodeHash(t.tops[last], leaf), t.tops[:last]
	}
	t.tops = append(t.tops, leaf)
	t.size++
}

// root is the hash of all of it, zero while it is empty.
func (t *tree) root() (root tlog.Hash) {
	for i := len(t.tops) - 1; i >= 0; i-- {
		if root == (tlog.Hash{}) {
			root = t.tops[i]
		} else {
			root = tlog.NodeHash(t.tops[i], root)
		}
	}
	return root
}
