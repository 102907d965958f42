package worklist_test

import (
	"path/filepath"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// What is kept here awaits the superior; what an installation below keeps of its
// root awaits the root's own head, as it does there.
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
		"units/d": {"units/d", accessv1.Role_ROLE_HEAD},
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
