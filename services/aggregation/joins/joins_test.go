package joins_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/services/aggregation/joins"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// province has two cities with a district each; beneath says who lies beneath whom.
const (
	province = "installations/51"
	city     = "installations/5101"
	district = "installations/510104"
	stranger = "installations/510704" // of the other city
)

func above(installation, below string) bool { return installation == city && below == district }

// A campaign counts with the one above that it names, and with what that is part
// of, whichever was heard of first. One that names what is not above it counts
// alone.
func TestCampaignsCountWithThoseAbove(t *testing.T) {
	links := [][3]string{
		{district, "campaigns/d", city + "/campaigns/c"},
		{city, "campaigns/c", province + "/campaigns/p"},
		{stranger, "campaigns/s", city + "/campaigns/c"},
		{stranger, "campaigns/own", province + "/campaigns/p"},
		{district, "campaigns/moved", province + "/campaigns/p"},
		{district, "campaigns/moved", province + "/campaigns/q"},
		{district, "campaigns/none", "campaigns/p"},
	}
	for name, order := range map[string][]int{"in order": {0, 1, 2, 3, 4, 5, 6}, "those above first": {6, 4, 5, 3, 2, 1, 0}} {
		t.Run(name, func(t *testing.T) {
			engine := empty(t)
			join(t, engine, func(tx store.Tx) (err error) {
				for _, i := range order {
					err = errors.Join(err, joins.Join(tx, links[i][0], links[i][1], links[i][2]))
				}
				return err
			})
			for asked, want := range map[string][]string{
				"campaigns/p":      {"campaigns/5101.c", "campaigns/510104.d", "campaigns/510704.own"},
				"campaigns/q":      {"campaigns/510104.moved"},
				"campaigns/5101.c": {"campaigns/510104.d"}, "campaigns/c": nil, "campaigns/510104.d": nil,
			} {
				if diff := cmp.Diff(want, joined(t, engine, asked)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", asked, diff)
				}
			}
		})
	}
}

// An installation further down has its unit in its name here, and names its parents by their ids
// alone: another of that id, which does not lie above it, gets nothing of it.
func TestCampaignsFurtherDownNameIdsAlone(t *testing.T) {
	const between, low, other = "installations/5101~5101", "installations/510104~510104", "installations/5101~made-up"
	engine := empty(t)
	join(t, engine, func(tx store.Tx) error {
		return errors.Join(
			joins.Join(tx, between, "campaigns/c", province+"/campaigns/p"), joins.Join(tx, other, "campaigns/c", "installations/52/campaigns/p"),
			joins.Join(tx, low, "campaigns/d", "installations/5101/campaigns/c"))
	})
	var got [][]string
	err := engine.View(t.Context(), func(tx store.Tx) error {
		for _, asked := range []string{"campaigns/p", "campaigns/5101~5101.c", "campaigns/5101~made-up.c"} {
			list, err := joins.Read(tx, province, asked, func(installation, below string) bool { return installation == between && below == low })
			if err != nil {
				return err
			}
			got = append(got, list)
		}
		return nil
	})
	if diff := cmp.Diff([][]string{{"campaigns/510104~510104.d", "campaigns/5101~5101.c"}, {"campaigns/510104~510104.d"}, nil}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// What names itself, or each other, ends; and no installation fills a campaign.
func TestJoinsAreBounded(t *testing.T) {
	engine := empty(t)
	join(t, engine, func(tx store.Tx) (err error) {
		err = errors.Join(joins.Join(tx, city, "campaigns/a", province+"/campaigns/p"), joins.Join(tx, city, "campaigns/a", city+"/campaigns/a"))
		for i := range joins.Max + 5 {
			err = errors.Join(err, joins.Join(tx, stranger, fmt.Sprintf("campaigns/%d", i), province+"/campaigns/p"))
		}
		return err
	})
	if got := joined(t, engine, "campaigns/p"); len(got) != joins.Max {
		t.Errorf("%d campaigns of one installation count, want %d", len(got), joins.Max)
	}
	if got := joined(t, engine, "campaigns/5101.a"); len(got) > 0 {
		t.Errorf("%v count with themselves", got)
	}
}

func join(t *testing.T, engine store.Engine, do func(store.Tx) error) {
	t.Helper()
	if err := engine.Update(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

func joined(t *testing.T, engine store.Engine, campaign string) (list []string) {
	t.Helper()
	err := engine.View(t.Context(), func(tx store.Tx) (err error) {
		list, err = joins.Read(tx, province, campaign, above)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func empty(t *testing.T) store.Engine {
	t.Helper()
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "joins.db"), bolt.Options{MapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}
