package intact

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

// TestWhatWasReadIsHeldAgainstTheLog: of places and of cursors, with the id of the entry
// that was read last and without.
func TestWhatWasReadIsHeldAgainstTheLog(t *testing.T) {
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error {
		for range 3 {
			u := &organizationv1.Unit{Name: "units/a"}
			if err := f.Write(tx, u.ProtoReflect().Type(), u.GetName(), u); err != nil {
				return err
			}
		}
		return nil
	})
	ids := make([][]byte, 3)
	f.View(t, func(tx store.Tx) error {
		run, err := f.Log.Records(tx, 0, 3)
		for i, r := range run {
			e := &feedv1.Entry{}
			if err := proto.Unmarshal(r.GetEntry(), e); err != nil {
				return err
			}
			ids[i] = e.GetId()
		}
		return err
	})
	number := store.Number(2)
	other := slices.Repeat([]byte{7}, 16)
	for name, c := range map[string]struct {
		bucket, key string
		value       []byte
		lacks       string
	}{
		"nothing":             {"r.cursors", "test", store.Number(0), ""},
		"a place":             {"r.cursors", "test", slices.Concat(number, ids[1]), ""},
		"all of it":           {"r.cursors", "test", slices.Concat(store.Number(3), ids[2]), ""},
		"more":                {"r.cursors", "test", slices.Concat(store.Number(4), ids[2]), "it has 3 entries, and r has read 4 of it"},
		"another entry":       {"r.cursors", "test", slices.Concat(number, other), "its entry 1 is not the one that r has read"},
		"no id":               {"r.cursors", "test", number, ""},
		"no id, more":         {"r.cursors", "test.issued", store.Number(9), "r has read 9 of it"},
		"a cursor":            {"figures.cursors", "test", slices.Concat(number, make([]byte, 16), ids[1]), ""},
		"a cursor of another": {"figures.cursors", "test", slices.Concat(number, make([]byte, 16), other), "is not the one"},
		"a cursor, no id":     {"figures.cursors", "test", slices.Concat(number, make([]byte, 16)), ""},
		"a cursor, more":      {"figures.cursors", "test", slices.Concat(store.Number(4), make([]byte, 16)), "r has read 4 of it"},
		"of another feed":     {"r.cursors", "below.test", store.Number(9), ""},
		"no number":           {"r.cursors", "test", []byte("x"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			said := ""
			f.Update(t, func(tx store.Tx) error {
				if err := tx.Put(c.bucket, []byte(c.key), c.value); err != nil {
					return err
				}
				all, err := Readings(tx, "r")
				if err != nil {
					return err
				}
				for _, r := range all {
					if r.Feed == "test" {
						if said, err = r.Lacks(tx, 3); err != nil {
							return err
						}
					}
				}
				return tx.Delete(c.bucket, []byte(c.key))
			})
			if said == "" != (c.lacks == "") || !strings.Contains(said, c.lacks) {
				t.Errorf("it lacks %q, want %q", said, c.lacks)
			}
		})
	}
	if p, err := feed.ReadPlace(slices.Concat(number, other)); err != nil || p.Next != 2 || !slices.Equal(p.ID, other) {
		t.Errorf("a place is %v, %v", p, err)
	}
}
