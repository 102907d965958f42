package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/duban-project/duban/services/internal/store"
)

// A start looks at some leaves, however many there are; who inspects looks at all.
func TestAStartLooksAtSomeLeaves(t *testing.T) {
	const most = 50
	path := filepath.Join(t.TempDir(), "db")
	e, err := Open(path, Options{MapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Update(context.Background(), func(tx store.Tx) (err error) {
		for i := range 4 * most {
			err = errors.Join(err, tx.Put("b", fmt.Appendf(nil, "%03d", i), make([]byte, os.Getpagesize()/2)))
		}
		return err
	})
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(whole(path, most), whole(path, 0)); err != nil {
		t.Fatal(err)
	}
	file, leaves := leavesOf(t, path)
	for at, want := range map[int][2]bool{most - 1: {true, true}, most + 10: {false, true}} {
		harmed := append([]byte(nil), file...)
		harmed[leaves[at]*os.Getpagesize()+kindAt] = byte(branch)
		if err := os.WriteFile(path, harmed, 0o600); err != nil {
			t.Fatal(err)
		}
		for i, n := range []int{most, 0} {
			if err := Guard(path, func() error { return whole(path, n) }); (err != nil) != want[i] {
				t.Errorf("leaf %d leads to others, %d are looked at: %v", at, n, err)
			}
		}
	}
}

// leavesOf is a file, and the numbers of the leaves in it, in order.
func leavesOf(t *testing.T, path string) (file []byte, leaves []int) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for id := range int(tx.Size()) / os.Getpagesize() {
			if p, err := tx.Page(id); err == nil && p.Type == "leaf" {
				leaves = append(leaves, id)
			}
		}
		return nil
	})
	file, read := os.ReadFile(path)
	if err := errors.Join(err, db.Close(), read); err != nil {
		t.Fatal(err)
	}
	return file, leaves
}
