package worklist_test

import (
	"errors"
	"path/filepath"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// What is kept here awaits the superior; what an installation below keeps of its
// root awaits the root's own leaders, as it does there.
func TestWhoseTurnItIs(t *testing.T) {
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "lists.db"), bolt.Options{MapSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	tree := map[string][]string{"units/s": {"units/s", "units/d", "units/c"}, "units/d": {"units/d", "units/c"}, "units/c": {"units/c"}}
	path := func(unit string) ([]string, error) { return tree[unit], nil }
	for top, want := range map[string]struct {
		unit string
		role accessv1.Role
	}{
		"":        {"units/c", accessv1.Role_ROLE_SUPERVISOR},
		"units/d": {"units/d", accessv1.Role_ROLE_LEADER},
		"units/c": {"units/c", accessv1.Role_ROLE_SUPERVISOR},
	} {
		err := engine.Update(t.Context(), func(tx store.Tx) error {
			p := &rectificationv1.Problem{
				Name: "ledgers/l/problems/p", Unit: "units/d", State: rectificationv1.Problem_STATE_SUBMITTED, Source: rectificationv1.Problem_SOURCE_AUDIT,
			}
			items := worklist.Of(p)
			err := worklist.New(tx, path, top).Record(p.GetName()+top, items, "2026-03-01")
			if items[0].GetUnit() != want.unit || items[0].GetRoles()[0] != want.role {
				t.Errorf("of an installation with the root %q it awaits %v", top, items[0])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What a bureau found awaits that bureau, or the unit that it was merged into, or once
// the unit lies elsewhere the nearest above both, wherever the units go.
func TestWhatABureauFoundAwaitsIt(t *testing.T) {
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "lists.db"), bolt.Options{MapSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	parents := map[string]string{"units/s": "units/d", "units/d": "units/c", "units/d2": "units/c", "units/c": "units/p", "units/c2": "units/p"}
	path := func(unit string) (path []string, err error) {
		for ; unit != ""; unit = parents[unit] {
			path = append(path, unit)
		}
		return path, nil
	}
	in := func(do func(tx store.Tx, l *worklist.List) error) {
		t.Helper()
		if err := engine.Update(t.Context(), func(tx store.Tx) error { return do(tx, worklist.New(tx, path, "")) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, bureau := range []string{"", "units/d", "units/c", "units/p"} {
		in(func(_ store.Tx, l *worklist.List) error {
			p := &rectificationv1.Problem{
				Name: "ledgers/l/problems/by" + bureau, Unit: "units/s", FoundBy: bureau, State: rectificationv1.Problem_STATE_SUBMITTED,
				Source: rectificationv1.Problem_SOURCE_AUDIT, Extensions: []*rectificationv1.Extension{{State: rectificationv1.Extension_STATE_ASKED}},
			}
			return l.Record(p.GetName(), worklist.Of(p), "2026-03-01")
		})
	}
	move := func(unit, to string, merged bool) {
		t.Helper()
		in(func(_ store.Tx, l *worklist.List) error {
			before, err := path(unit)
			parents[unit] = to
			now, again := path(unit)
			return errors.Join(err, again, l.Move(before, now, merged))
		})
	}
	stands := func(when string, want map[string]string) {
		t.Helper()
		in(func(tx store.Tx, _ *worklist.List) error {
			got, beneath := map[string]string{}, 0
			for _, unit := range []string{"units/s", "units/d", "units/d2", "units/c", "units/c2", "units/p"} {
				for item, err := range worklist.Read(tx, unit, false, "") {
					got[item.GetFoundBy()] += unit
					if above, _ := path(unit); err == nil {
						beneath += len(above) - 1
					}
				}
				for range worklist.Read(tx, unit, true, "") {
					beneath--
				}
			}
			for bureau, unit := range want {
				if got[bureau] != unit+unit { // to verify, and to decide
					t.Errorf("%s what %q found awaits %s, want %s", when, bureau, got[bureau], unit)
				}
			}
			if beneath != 0 {
				t.Errorf("%s those above have %d items too few", when, beneath)
			}
			return nil
		})
	}
	stands("at first", map[string]string{"": "units/d", "units/d": "units/d", "units/c": "units/c", "units/p": "units/p"})
	move("units/s", "units/d2", false)
	stands("in another district", map[string]string{"": "units/d2", "units/d": "units/c", "units/c": "units/c", "units/p": "units/p"})
	move("units/d", "units/d2", true)
	stands("after a merger", map[string]string{"": "units/d2", "units/d": "units/d2", "units/c": "units/c", "units/p": "units/p"})
	move("units/d2", "units/c2", false)
	stands("under another city", map[string]string{"": "units/d2", "units/d": "units/d2", "units/c": "units/p", "units/p": "units/p"})
}
