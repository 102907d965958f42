package worklist_test

import (
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// Where a bureau has a head alone, that is who is asked to acknowledge and to decide on an
// extension; but not to decide for a bureau that is named, which takes a supervisor or leader.
func TestASuperiorsHeadIsAskedWhatTheyMayDo(t *testing.T) {
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "lists.db"), bolt.Options{MapSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	tree := map[string][]string{"units/s": {"units/s", "units/d"}, "units/d": {"units/d"}}
	path := func(unit string) ([]string, error) { return tree[unit], nil }
	put := func(foundBy string) proto.Message {
		return &rectificationv1.Problem{
			Name: "ledgers/l/problems/p", Unit: "units/s", FoundBy: foundBy, State: rectificationv1.Problem_STATE_PLANNED,
			Extensions: []*rectificationv1.Extension{{State: rectificationv1.Extension_STATE_ASKED}},
		}
	}
	filed := &rectificationv1.Ledger{Name: "ledgers/l", Unit: "units/s", State: rectificationv1.Ledger_STATE_FILED}
	for name, c := range map[string]struct {
		body   proto.Message
		action aggregationv1.WorkItem_Action
		head   bool
	}{
		"a filed ledger":              {filed, aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER, true},
		"an extension":                {put(""), aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION, true},
		"one for the bureau to grant": {put("units/d"), aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION, false},
	} {
		items := worklist.Of(c.body)
		i := slices.IndexFunc(items, func(item *worklist.Item) bool { return item.GetAction() == c.action })
		as := items[i].GetRoles()
		err := engine.Update(t.Context(), func(tx store.Tx) error { return worklist.New(tx, path, "").Record(name, items, "2026-03-01") })
		if err != nil {
			t.Fatal(err)
		}
		if got := items[i].GetRoles(); slices.Contains(got, accessv1.Role_ROLE_HEAD) != c.head || !slices.Equal(got, as) || items[i].GetUnit() != "units/d" {
			t.Errorf("%s awaits %v, before its turn was known %v", name, items[i], as)
		}
	}
}

// Every action is asked of somebody: a method that the contract does not have would name none.
func TestEveryActionIsAskedOfSomebody(t *testing.T) {
	for action, roles := range worklist.Asked() {
		if len(roles) == 0 {
			t.Errorf("nobody is asked for %v", action)
		}
	}
}
