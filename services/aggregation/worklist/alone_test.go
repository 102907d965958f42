package worklist_test

import (
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// handedIn is what a unit of that name hands in to its superior, one of each kind.
func handedIn(unit string) []proto.Message {
	id := unit[len("units/"):]
	return []proto.Message{
		&campaignv1.Assignment{Name: "campaigns/c/assignments/" + id, Unit: unit, State: campaignv1.Assignment_STATE_SUBMITTED},
		&aggregationv1.Report{Name: "reports/" + id, Unit: unit, State: aggregationv1.Report_STATE_SUBMITTED},
		&rectificationv1.Ledger{Name: "ledgers/" + id, Unit: unit, State: rectificationv1.Ledger_STATE_FILED},
		&rectificationv1.Problem{
			Name: "ledgers/" + id + "/problems/1", Unit: unit, State: rectificationv1.Problem_STATE_SUBMITTED, Source: rectificationv1.Problem_SOURCE_SELF_CHECK,
			Extensions: []*rectificationv1.Extension{{State: rectificationv1.Extension_STATE_ASKED}},
		},
		&rectificationv1.Problem{
			Name: "ledgers/" + id + "/problems/2", Unit: unit, State: rectificationv1.Problem_STATE_VERIFIED, Source: rectificationv1.Problem_SOURCE_AUDIT,
		},
	}
}

// Of what a unit hands in to its superior the topmost one's people are asked for what they can
// do, and nobody for the rest, be it its own or of what was merged into it.
func TestInTheTopmostUnitNobodyIsAskedForWhatASuperiorAloneDoes(t *testing.T) {
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "lists.db"), bolt.Options{MapSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	parents := map[string]string{"units/merged": "units/s", "units/s": "units/top", "units/other": "units/top"}
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
	in(func(_ store.Tx, l *worklist.List) error {
		return l.Move([]string{"units/merged", "units/s", "units/top"}, []string{"units/merged", "units/s", "units/top"}, true)
	})
	for _, unit := range []string{"units/top", "units/s", "units/merged", "units/other"} {
		for _, body := range handedIn(unit) {
			in(func(_ store.Tx, l *worklist.List) error {
				return l.Record(body.(interface{ GetName() string }).GetName(), worklist.Of(body), "2026-03-01")
			})
		}
	}
	const asked = 6
	alone := map[aggregationv1.WorkItem_Action]int{
		aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER: 1, aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM: 3, aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM: 3,
	}
	check := func(when string, tops ...string) {
		t.Helper()
		in(func(tx store.Tx, _ *worklist.List) error {
			got := map[string][]*worklist.Item{}
			for _, unit := range []string{"units/top", "units/s", "units/merged", "units/other"} {
				for item, err := range worklist.Read(tx, unit, false, "") {
					if err != nil {
						return err
					}
					got[item.GetOwner()] = append(got[item.GetOwner()], item)
				}
			}
			for _, unit := range []string{"units/top", "units/s", "units/merged", "units/other"} {
				if !slices.Contains(tops, unit) {
					if len(got[unit]) != asked {
						t.Errorf("%s %d things of %s are asked for, want %d", when, len(got[unit]), unit, asked)
					}
					continue
				}
				if len(got[unit]) != len(alone) {
					t.Errorf("%s of %s: %v", when, unit, got[unit])
				}
				for _, item := range got[unit] {
					if n := alone[item.GetAction()]; len(item.GetRoles()) != n || n == 3 && !slices.Contains(item.GetRoles(), accessv1.Role_ROLE_SUPERVISOR) || item.GetUnit() != unit {
						t.Errorf("%s %s awaits %v", when, unit, item)
					}
				}
			}
			beneath := 0
			for range worklist.Read(tx, "units/top", true, "") {
				beneath++
			}
			if want := map[int]int{1: 3, 3: 7}[len(tops)]; beneath != want {
				t.Errorf("%s %d things stand beneath, want %d", when, beneath, want)
			}
			return nil
		})
	}
	check("at first", "units/top")
	in(func(_ store.Tx, l *worklist.List) error {
		return l.Move([]string{"units/s", "units/top"}, []string{"units/s", "units/top"}, true)
	})
	check("after the merger", "units/top", "units/s", "units/merged")
}
