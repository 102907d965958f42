package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"go.etcd.io/bbolt"
)

// What stands in a page of bbolt's, in bytes and in the order of the machine: its number
// (8), its kind (2), how many elements it has (2), how many pages it goes on for (4), and
// the elements. One that leads to another page ends with the number of that (8). One of a
// leaf says what it is (4), how far behind it its key stands (4), how long that is (4), and
// the value behind that (4); if it is a bucket the value is the number of its root (8), a
// count (8) and, if there is no root, a leaf. Free pages are numbers, before which their
// count stands if it is too large for its place.
const (
	headSize, elementSize         = 16, 16
	kindAt, countAt, moreAt, toAt = 8, 10, 12, 8
	posAt, keyAt, valueAt         = 4, 8, 12
	idSize, bucketSize            = 8, 16
	manyIDs                       = 0xFFFF

	// Of the two pages at the start that say how many there are: the list of free ones, and
	// of which transaction they are.
	freeAt, txAt = headSize + 32, headSize + 48
)

// kind is what a page is, as bbolt writes it, or what it is led to as.
type kind = uint16

const (
	branch, leaf, free kind = 1, 2, 16

	bucketFlag = 1
)

// pages are those of a file (页). They are looked at as they lie in it: bbolt would follow
// a circle for ever, or until the stack ends, which nothing turns into an error. What leads
// out of the file panics, which [guarded] turns into one.
type pages struct {
	data []byte // of the whole file
	size int    // of one, in bytes
	is   []kind // by number; 0 if nothing leads to it
}

// follow goes through every tree that t has, and says what is wrong if a page is led to
// twice, as in a circle, or although it is free, or is none. Of what leads to no other page
// it reads the head alone, and of the first so many leaves; 0: of all.
func follow(t *bbolt.Tx, file *os.File, leaves int) (err error) {
	size := t.DB().Info().PageSize
	data, err := syscall.Mmap(int(file.Fd()), 0, int(t.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mapping the file: %w", err)
	}
	defer func() { err = errors.Join(err, syscall.Munmap(data)) }()
	p := &pages{data: data, size: size, is: make([]kind, len(data)/size)}
	if err := p.spare(uint64(t.ID())); err != nil {
		return err
	}
	named, err := p.tree(uint64(t.Cursor().Bucket().Root()))
	if err != nil {
		return err
	}
	for _, id := range named {
		if err := p.buckets(id); err != nil {
			return err
		}
	}
	return p.leaves(leaves)
}

// spare notes which pages are free in a transaction, and those on which that stands.
func (p *pages) spare(tx uint64) error {
	meta := p.page(0)
	if u64(meta[txAt:]) != tx {
		meta = p.page(1)
	}
	id := u64(meta[freeAt:])
	if err := p.visit(id, free); err != nil {
		return err
	}
	ids, n := p.page(id)[headSize:], uint64(p.count(id))
	if n == manyIDs {
		ids, n = ids[idSize:], u64(ids)
	}
	if n > uint64(len(p.is)) {
		return fmt.Errorf("its page %d names %d free pages of %d", id, n, len(p.is))
	}
	for i := range n {
		if err := p.note(u64(ids[i*idSize:]), free); err != nil {
			return err
		}
	}
	return nil
}

// tree goes through one tree, level by level: each is of one kind, and the last of leaves,
// which it returns, and notes for [pages.leaves].
func (p *pages) tree(root uint64) (level []uint64, err error) {
	for level = []uint64{root}; p.kind(level[0]) == branch; {
		var below []uint64
		for _, id := range level {
			if below, err = p.leads(id, below); err != nil {
				return nil, err
			}
		}
		level = below
	}
	for _, id := range level {
		if err := p.note(id, leaf); err != nil {
			return nil, err
		}
	}
	return level, nil
}

// leads adds to below the pages that a branch leads to.
func (p *pages) leads(id uint64, below []uint64) ([]uint64, error) {
	if err := p.visit(id, branch); err != nil {
		return nil, err
	}
	n := p.count(id)
	if n == 0 {
		return nil, fmt.Errorf("its page %d should lead to others, and leads to none", id)
	}
	for i := range n {
		below = append(below, u64(p.element(id, i)[toAt:]))
	}
	return below, nil
}

// buckets goes through the trees that a leaf names.
func (p *pages) buckets(id uint64) error {
	if err := p.check(id, leaf); err != nil {
		return err
	}
	for i := range p.count(id) {
		e := p.element(id, i)
		value := e[uint64(u32(e[posAt:]))+uint64(u32(e[keyAt:])):][:u32(e[valueAt:])]
		if u32(e) != bucketFlag {
			return fmt.Errorf("its page %d names what is no bucket", id)
		}
		root := u64(value)
		if root == 0 { // its only page stands here
			if u16(value[bucketSize+kindAt:]) != leaf {
				return fmt.Errorf("its page %d has a bucket that is none", id)
			}
			continue
		}
		if _, err := p.tree(root); err != nil {
			return err
		}
	}
	return nil
}

// leaves looks at so many that were noted, in their order in the file; 0: at all.
func (p *pages) leaves(most int) error {
	for id := range uint64(len(p.is)) {
		if p.is[id] != leaf {
			continue
		}
		if err := errors.Join(p.check(id, leaf), p.goesOn(id)); err != nil {
			return err
		}
		if most--; most == 0 {
			return nil
		}
	}
	return nil
}

// note remembers what a page is led to as.
func (p *pages) note(id uint64, as kind) error {
	switch {
	case id >= uint64(len(p.is)):
		return fmt.Errorf("one of its pages leads nowhere, to %d of %d", id, len(p.is))
	case p.is[id] != 0:
		return fmt.Errorf("its page %d is led to twice", id)
	}
	p.is[id] = as
	return nil
}

// visit notes a page that is looked at at once.
func (p *pages) visit(id uint64, as kind) error {
	if err := p.note(id, as); err != nil {
		return err
	}
	return errors.Join(p.check(id, as), p.goesOn(id))
}

// check refuses a page that is not what it is led to as.
func (p *pages) check(id uint64, as kind) error {
	if own := u64(p.page(id)); own != id || p.kind(id) != as {
		return fmt.Errorf("its page %d is none of a tree, or not on its level", id)
	}
	return nil
}

// goesOn notes the pages that one goes on for.
func (p *pages) goesOn(id uint64) error {
	for i := range uint64(u32(p.page(id)[moreAt:])) {
		if err := p.note(id+1+i, free); err != nil {
			return err
		}
	}
	return nil
}

// page is the file from a page on.
func (p *pages) page(id uint64) []byte {
	_ = p.is[id] // before the product is too large for its number
	return p.data[id*uint64(p.size):]
}

func (p *pages) kind(id uint64) kind { return u16(p.page(id)[kindAt:]) }
func (p *pages) count(id uint64) int { return int(u16(p.page(id)[countAt:])) }

// element is the file from an element of a page on.
func (p *pages) element(id uint64, i int) []byte { return p.page(id)[headSize+i*elementSize:] }

func u16(b []byte) uint16 { return binary.NativeEndian.Uint16(b) }
func u32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
func u64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }
