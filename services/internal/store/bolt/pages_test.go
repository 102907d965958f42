package bolt_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// branches are where the pages of a file begin that lead to others.
func branches(file []byte) (at []int) {
	size := os.Getpagesize()
	for i := 2 * size; i < len(file); i += size {
		if binary.NativeEndian.Uint16(file[i+8:]) == 1 && binary.NativeEndian.Uint16(file[i+10:]) > 0 {
			at = append(at, i)
		}
	}
	return at
}

// A file whose pages lead in a circle, or to what is no page, is named as damaged where it is
// opened, and its readers neither go round for ever nor down until the stack ends.
func TestOpenRefusesACircle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	e, err := bolt.Open(path, bolt.Options{MapSize: 1 << 24})
	want(t, "Open", err, nil)
	want(t, "Update", e.Update(t.Context(), func(tx store.Tx) (err error) {
		for i := range 20_000 {
			err = errors.Join(err, tx.Put("b", fmt.Appendf(nil, "%040d", i), nil))
		}
		return err
	}), nil)
	want(t, "Close", e.Close(), nil)
	file, err := os.ReadFile(path)
	want(t, "ReadFile", err, nil)
	at := branches(file)
	if len(at) < 3 {
		t.Fatalf("%d branches, want two levels of them", len(at))
	}
	for name, harm := range map[string]func(file []byte, first, element int){
		"one element to itself": func(file []byte, first, _ int) { binary.NativeEndian.PutUint64(file[first+16+8:], page(first)) },
		"every element to itself": func(file []byte, _, element int) {
			binary.NativeEndian.PutUint64(file[element+8:], page(element))
		},
		"two to one branch": func(file []byte, first, _ int) { // the last branch is the root
			binary.NativeEndian.PutUint64(file[at[len(at)-1]+2*16+8:], page(first))
		},
		"one behind the end": func(file []byte, first, _ int) { binary.NativeEndian.PutUint64(file[first+16+8:], 1<<40) },
	} {
		t.Run(name, func(t *testing.T) {
			bad := append([]byte(nil), file...)
			for _, b := range at {
				for i := range int(binary.NativeEndian.Uint16(bad[b+10:])) {
					harm(bad, at[0], b+16+16*i)
				}
			}
			path := filepath.Join(t.TempDir(), "db")
			want(t, "harming", os.WriteFile(path, bad, 0o600), nil)
			for how, open := range map[string]func(string) (store.Engine, error){
				"Open":    func(path string) (store.Engine, error) { return bolt.Open(path, bolt.Options{MapSize: 1 << 24}) },
				"Inspect": bolt.Inspect, "Mend": bolt.Mend,
			} {
				e, err := open(path)
				if err == nil {
					err = errors.Join(e.View(t.Context(), func(tx store.Tx) error { _, err := tx.Get("b", []byte("k")); return err }), e.Close())
				}
				if !errors.Is(err, bolt.ErrDamaged) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s = %v, want ErrDamaged with the path", how, err)
				}
			}
		})
	}
}

// page is the number of the page that at lies in.
func page(at int) uint64 { return uint64(at / os.Getpagesize()) }
