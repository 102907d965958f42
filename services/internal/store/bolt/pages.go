package bolt

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"

	"go.etcd.io/bbolt"
)

// What stands in a page of bbolt's, in bytes and in the order of the machine: its number
// (8), its kind (2), how many elements it has (2), how many pages it goes on for (4), and
// the elements. One that leads to another page ends with the number of that (8).
const (
	headSize, elementSize = 16, 16
	kindAt, countAt, toAt = 8, 10, 8

	branchKind, leafKind = 1, 2
)

// pages are those that the trees of a file are made of (页). They are read as they lie in
// the file: bbolt would follow a circle for ever, or until the stack ends, which nothing
// turns into an error.
type pages struct {
	file *os.File
	size int64  // of one, in bytes
	seen []bool // by number
	all  bool   // also those that lead to no others
	buf  []byte
}

// follow goes through every tree that t has, and says what is wrong if a page is led to
// twice, as in a circle, or is none. Unless all are looked at it reads those alone that
// lead to others, which are few.
func follow(t *bbolt.Tx, file *os.File, all bool) error {
	size := int64(t.DB().Info().PageSize)
	p := &pages{file: file, size: size, seen: make([]bool, t.Size()/size), all: all}
	if err := p.tree(uint64(t.Cursor().Bucket().Root())); err != nil {
		return err
	}
	return t.ForEach(func(name []byte, b *bbolt.Bucket) error {
		switch {
		case b == nil:
			return fmt.Errorf("what stands under %q is no bucket", name)
		case b.Root() == 0: // it stands in the page that names it
			return nil
		}
		return p.tree(uint64(b.Root()))
	})
}

// tree goes through one tree, level by level. Its leaves all lie on the last.
func (p *pages) tree(root uint64) error {
	level := []uint64{root}
	if err := p.visit(root); err != nil {
		return err
	}
	for below := []uint64(nil); len(level) > 0; level, below = below, level[:0] {
		for i, id := range level {
			var err error
			if below, err = p.leads(id, below); err != nil {
				return err
			}
			if i == 0 && len(below) == 0 && !p.all {
				return nil
			}
		}
	}
	return nil
}

// visit notes that a page is led to.
func (p *pages) visit(id uint64) error {
	switch {
	case id >= uint64(len(p.seen)):
		return fmt.Errorf("one of its pages leads nowhere, to %d of %d", id, len(p.seen))
	case p.seen[id]:
		return fmt.Errorf("its page %d is led to twice", id)
	}
	p.seen[id] = true
	return nil
}

// leads visits the pages that a page leads to, and adds them to below.
func (p *pages) leads(id uint64, below []uint64) ([]uint64, error) {
	head, err := p.read(id, headSize)
	if err != nil {
		return nil, err
	}
	kind, count := binary.NativeEndian.Uint16(head[kindAt:]), int(binary.NativeEndian.Uint16(head[countAt:]))
	if own := binary.NativeEndian.Uint64(head); own != id || kind != branchKind && kind != leafKind {
		return nil, fmt.Errorf("its page %d is none of a tree", id)
	}
	if kind == leafKind {
		return below, nil
	}
	elements, err := p.read(id, headSize+count*elementSize)
	if err != nil {
		return nil, err
	}
	for elements = elements[headSize:]; len(elements) > 0; elements = elements[elementSize:] {
		to := binary.NativeEndian.Uint64(elements[toAt:])
		if err := p.visit(to); err != nil {
			return nil, err
		}
		below = append(below, to)
	}
	return below, nil
}

// read reads the start of a page; it holds until the next.
func (p *pages) read(id uint64, n int) ([]byte, error) {
	p.buf = slices.Grow(p.buf[:0], n)[:n]
	_, err := p.file.ReadAt(p.buf, int64(id)*p.size)
	return p.buf, err
}
