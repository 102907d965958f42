package bolt_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

const mapped = 1 << 24

// lying is a file and where what lies in it: numbers of pages by what they are, the page
// that names the buckets, and the roots of the two that have pages of their own.
type lying struct {
	file             []byte
	is               map[string][]uint64
	names, root, low uint64
	leaves, branches []uint64 // of the bucket of many levels, in order; without its root
}

// lie makes such a file: a bucket of three levels, one of a leaf, one that lies in the
// page that names it, and pages that are free.
func lie(t *testing.T) (l lying) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	e, err := bolt.Open(path, bolt.Options{MapSize: mapped})
	want(t, "Open", err, nil)
	for _, n := range []int{20_000, 10} { // the second leaves pages behind
		want(t, "Update", e.Update(t.Context(), func(tx store.Tx) error {
			err := errors.Join(tx.Put("inline", []byte("k"), nil), tx.Put("low", []byte("k"), make([]byte, os.Getpagesize()/2)))
			for i := range n {
				err = errors.Join(err, tx.Put("b", fmt.Appendf(nil, "%040d", i), nil))
			}
			return err
		}), nil)
	}
	want(t, "Close", e.Close(), nil)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	want(t, "bbolt.Open", err, nil)
	l.is = map[string][]uint64{}
	want(t, "View", db.View(func(tx *bbolt.Tx) error {
		for id := range int(tx.Size()) / os.Getpagesize() {
			p, err := tx.Page(id)
			if err != nil {
				return err
			}
			l.is[p.Type] = append(l.is[p.Type], uint64(id))
		}
		l.names, l.root, l.low = uint64(tx.Cursor().Bucket().Root()), uint64(tx.Bucket([]byte("b")).Root()), uint64(tx.Bucket([]byte("low")).Root())
		return nil
	}), nil)
	want(t, "Close", db.Close(), nil)
	l.file, err = os.ReadFile(path)
	want(t, "ReadFile", err, nil)
	l.branches = l.below(l.root)
	for _, b := range l.branches {
		l.leaves = append(l.leaves, l.below(b)...)
	}
	if len(l.branches) < 3 || len(l.leaves) < 100 || len(l.is["free"]) == 0 || len(l.is["freelist"]) != 1 {
		t.Fatalf("%d branches and %d leaves, %v free", len(l.branches), len(l.leaves), l.is["free"])
	}
	return l
}

func (l lying) page(id uint64) []byte   { return l.file[id*uint64(os.Getpagesize()):] }
func (l lying) kind(id uint64, is byte) { l.page(id)[8] = is }
func (l lying) elements(id uint64) int  { return int(binary.NativeEndian.Uint16(l.page(id)[10:])) }

// to has an element of a branch lead to a page.
func (l lying) to(id uint64, element int, to uint64) {
	binary.NativeEndian.PutUint64(l.page(id)[16+16*element+8:], to)
}

// below are the pages that a branch leads to.
func (l lying) below(id uint64) (all []uint64) {
	for i := range l.elements(id) {
		all = append(all, binary.NativeEndian.Uint64(l.page(id)[16+16*i+8:]))
	}
	return all
}

// turn makes a leaf a branch of which every element leads to a page.
func (l lying) turn(id, to uint64) {
	l.kind(id, 1)
	for i := range l.elements(id) {
		l.to(id, i, to)
	}
}

// bucket is what the page that names the buckets has of one: its root, and its page if it
// has no root.
func (l lying) bucket(name string) []byte {
	for i := range l.elements(l.names) {
		e := l.page(l.names)[16+16*i:]
		key := e[binary.NativeEndian.Uint32(e[4:]):]
		if n := binary.NativeEndian.Uint32(e[8:]); string(key[:n]) == name {
			return key[n:]
		}
	}
	panic("no bucket " + name)
}

// A file whose pages lead in a circle, or to what is no page, is named as damaged where it is
// opened, and its readers neither go round for ever nor down until the stack ends.
func TestOpenRefusesACircle(t *testing.T) {
	sound := lie(t)
	last := func(ids []uint64) uint64 { return ids[len(ids)-1] }
	number := binary.NativeEndian.PutUint64
	for name, harm := range map[string]func(l lying){
		"a branch to itself":       func(l lying) { l.to(l.branches[1], 0, l.branches[1]) },
		"a branch up":              func(l lying) { l.to(l.branches[1], 2, l.root) },
		"a branch to the names":    func(l lying) { l.to(l.branches[1], 2, l.names) },
		"the root to itself":       func(l lying) { l.to(l.root, 0, l.root) },
		"two to one branch":        func(l lying) { l.to(l.root, 2, l.branches[0]) },
		"two to one leaf":          func(l lying) { l.to(l.branches[2], 0, l.leaves[0]) },
		"a branch past its level":  func(l lying) { l.to(l.root, 1, l.leaves[0]) },
		"a branch behind the end":  func(l lying) { l.to(l.branches[0], 0, 1<<40) },
		"a branch far behind":      func(l lying) { l.to(l.branches[0], 0, 1<<52) },
		"a branch to none":         func(l lying) { copy(l.page(l.branches[2])[10:], []byte{0, 0}) },
		"a branch to a free page":  func(l lying) { l.to(l.branches[0], 0, l.is["free"][0]) },
		"a branch to the list":     func(l lying) { l.to(l.branches[0], 3, l.is["freelist"][0]) },
		"a branch to the start":    func(l lying) { l.to(l.branches[0], 3, 0) },
		"a branch as a leaf":       func(l lying) { l.kind(l.branches[1], 2) },
		"the first branch a leaf":  func(l lying) { l.kind(l.branches[0], 2) },
		"the root as a leaf":       func(l lying) { l.kind(l.root, 4) },
		"the first leaf to itself": func(l lying) { l.turn(l.leaves[0], l.leaves[0]) },
		"a later leaf to itself":   func(l lying) { l.turn(l.leaves[7], l.leaves[7]) },
		"the last leaf to itself":  func(l lying) { l.turn(last(l.leaves), last(l.leaves)) },
		"the last leaf up":         func(l lying) { l.turn(last(l.leaves), last(l.branches)) },
		"the last leaf to the top": func(l lying) { l.turn(last(l.leaves), l.root) },
		"the last leaf sideways": func(l lying) {
			l.turn(last(l.leaves), l.leaves[8])
			l.turn(l.leaves[8], last(l.leaves))
		},
		"a leaf to another bucket": func(l lying) { l.turn(last(l.leaves), l.low) },
		"a leaf to the list":       func(l lying) { l.turn(last(l.leaves), l.is["freelist"][0]) },
		"all leaves to the first": func(l lying) {
			for _, id := range l.leaves {
				l.turn(id, l.leaves[0])
			}
		},
		"a leaf of another number":   func(l lying) { number(l.page(l.leaves[9]), l.leaves[8]) },
		"a leaf goes on over others": func(l lying) { l.page(l.leaves[9])[12] = 2 },
		"a leaf goes on for ever":    func(l lying) { copy(l.page(last(l.leaves))[12:], "\xff\xff\xff\xff") },
		"a branch goes on":           func(l lying) { l.page(l.branches[1])[12] = 1 },
		"a bucket of one leaf":       func(l lying) { l.turn(l.low, l.low) },
		"a bucket of the names":      func(l lying) { number(l.bucket("low"), l.names) },
		"a bucket of another's leaf": func(l lying) { number(l.bucket("low"), last(l.leaves)) },
		"two buckets of one root":    func(l lying) { number(l.bucket("low"), l.root) },
		"a bucket of the list":       func(l lying) { number(l.bucket("low"), l.is["freelist"][0]) },
		"a bucket among the names": func(l lying) { // its page, which has the number 0, leads to itself
			l.bucket("inline")[16+8] = 1
			number(l.bucket("inline")[16+16+8:], 0)
		},
		"the names to themselves": func(l lying) { l.turn(l.names, l.names) },
		"the names to a bucket":   func(l lying) { l.turn(l.names, l.root) },
		"the list as a branch":    func(l lying) { l.kind(l.is["freelist"][0], 1) },
		"the list has a leaf":     func(l lying) { number(l.page(l.is["freelist"][0])[16:], l.leaves[5]) },
		"the list has a branch":   func(l lying) { number(l.page(l.is["freelist"][0])[16:], l.branches[1]) },
		"the list has itself":     func(l lying) { number(l.page(l.is["freelist"][0])[16:], l.is["freelist"][0]) },
		"the list has the names":  func(l lying) { number(l.page(l.is["freelist"][0])[16:], l.names) },
		"the list has one behind": func(l lying) { number(l.page(l.is["freelist"][0])[16:], 1<<40) },
		"the list goes on for ever": func(l lying) {
			copy(l.page(l.is["freelist"][0])[10:], "\xff\xff")
			number(l.page(l.is["freelist"][0])[16:], 1<<61)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := sound
			l.file = append([]byte(nil), sound.file...)
			harm(l)
			refused(t, l.file)
		})
	}
}

// refused holds that a file is named as damaged by whoever opens or reads it.
func refused(t *testing.T, file []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	want(t, "harming", os.WriteFile(path, file, 0o600), nil)
	for how, open := range map[string]func(string) (store.Engine, error){
		"Open":    func(path string) (store.Engine, error) { return bolt.Open(path, bolt.Options{MapSize: mapped}) },
		"Inspect": bolt.Inspect, "Mend": bolt.Mend,
	} {
		e, err := open(path)
		if err == nil {
			err = errors.Join(errors.New("it was opened"), e.Close())
		}
		if !errors.Is(err, bolt.ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s = %v, want ErrDamaged with the path", how, err)
		}
	}
}

// What was put and deleted in any order, of any size, is never taken for damaged.
func TestOpenTakesWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 12 {
		e, err := bolt.Open(path, bolt.Options{MapSize: mapped})
		want(t, "Open", err, nil)
		want(t, "Update", e.Update(t.Context(), func(tx store.Tx) (err error) {
			for range 4000 {
				bucket, key := string('a'+rune(r.IntN(3))), fmt.Appendf(nil, "%0*d", 8+r.IntN(2)*300, r.IntN(3000))
				switch size := r.IntN(200); {
				case round%4 == 3 || size > 120:
					err = errors.Join(err, tx.Delete(bucket, key))
				case size == 0:
					err = errors.Join(err, tx.Put(bucket, key, make([]byte, 5*os.Getpagesize())))
				default:
					err = errors.Join(err, tx.Put(bucket, key, make([]byte, size)))
				}
			}
			for row, scanned := range tx.Scan("a", nil, nil) { // now and then a bucket has nothing left
				if round%4 == 3 {
					err = errors.Join(err, scanned, tx.Delete("a", row.Key))
				}
			}
			return err
		}), nil)
		want(t, "Close", e.Close(), nil)
		for _, open := range []func(string) (store.Engine, error){bolt.Inspect, bolt.Mend} {
			e, err := open(path)
			want(t, "opening", err, nil)
			want(t, "Close", e.Close(), nil)
		}
	}
}

// Nobody makes a bucket within a bucket, or follows one: a circle in it harms no reader.
func TestACircleWithinABucketIsFollowedByNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, nil)
	want(t, "bbolt.Open", err, nil)
	var root uint64
	want(t, "Update", db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		want(t, "CreateBucket", err, nil)
		in, err := b.CreateBucket([]byte("in"))
		want(t, "CreateBucket", err, nil)
		return errors.Join(b.Put([]byte("k"), nil), in.Put([]byte("k"), make([]byte, os.Getpagesize()/2)))
	}), nil)
	want(t, "View", db.View(func(tx *bbolt.Tx) error {
		root = uint64(tx.Bucket([]byte("b")).Bucket([]byte("in")).Root())
		return nil
	}), nil)
	want(t, "Close", db.Close(), nil)
	l := lying{}
	l.file, err = os.ReadFile(path)
	want(t, "ReadFile", err, nil)
	l.turn(root, root)
	want(t, "harming", os.WriteFile(path, l.file, 0o600), nil)
	for _, open := range []func(string) (store.Engine, error){
		bolt.Inspect, func(path string) (store.Engine, error) { return bolt.Open(path, bolt.Options{MapSize: mapped}) },
	} {
		e, err := open(path)
		want(t, "opening", err, nil)
		rows := 0
		want(t, "View", e.View(t.Context(), func(tx store.Tx) error {
			for _, err := range tx.Scan("b", nil, nil) {
				if rows++; err != nil {
					return err
				}
			}
			_, err := tx.Get("b", []byte("in"))
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("it is the row %v", err)
			}
			return nil
		}), nil)
		if rows != 2 {
			t.Errorf("%d rows, want 2", rows)
		}
		want(t, "Close", e.Close(), nil)
	}
	e, err := bolt.Open(path, bolt.Options{MapSize: mapped})
	want(t, "Open", err, nil)
	want(t, "Update", e.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.Delete("b", []byte("in")), tx.Delete("b", []byte("k")), tx.Put("b", []byte("l"), nil))
	}), nil)
	want(t, "Close", e.Close(), nil)
}
