package ended_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures/ended"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// read notes what ended under the root, and returns at most limit things of it.
func read(t *testing.T, limit int, deltas ...aggregation.Delta) (all []ended.Ended, more bool) {
	t.Helper()
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "figures.db"), bolt.Options{MapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		notes := ended.New(tx)
		for _, d := range deltas {
			notes.Add([]string{"units/root"}, d)
		}
		if err := notes.Flush(); err != nil {
			return err
		}
		anything := func(aggregation.Cell) bool { return true }
		all, more, err = ended.Read(tx, ended.Span{Unit: "units/root", End: "2026-12-31", Today: "2026-12-31", Holds: anything}, limit)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, more
}

func at(unit, category, day string, n int64) aggregation.Delta {
	return aggregation.Delta{Cell: aggregation.Cell{Unit: unit, Category: category}, Metric: aggregation.ProblemsOverdue, Day: day, N: n}
}

// What is large stays to be seen, however much that is small ended after it.
func TestTheLargestIsFirst(t *testing.T) {
	deltas := []aggregation.Delta{at("units/large", "", "2026-03-01", 20), at("units/large", "c", "2026-03-01", 21)}
	for i := range 300 {
		deltas = append(deltas, at(fmt.Sprintf("units/s%d", i), "", "2026-03-02", 1))
	}
	all, more := read(t, 100, deltas...)
	if want := (ended.Ended{Day: "2026-03-01", Unit: "units/large", Metric: aggregation.ProblemsOverdue, Value: 41}); !more || len(all) != 100 || all[0] != want {
		t.Errorf("there ended %d, more: %v, first %v; want %v", len(all), more, all[0], want)
	}
}

// At the end of what is looked at nothing is told in part.
func TestNothingIsToldInPart(t *testing.T) {
	deltas := []aggregation.Delta{at("units/a", "", "2026-03-02", 3)}
	for i := range 1000 {
		deltas = append(deltas, at("units/b", fmt.Sprint("c", i), "2026-03-02", 1))
	}
	whole := ended.Ended{Day: "2026-03-02", Unit: "units/a", Metric: aggregation.ProblemsOverdue, Value: 3}
	all, more := read(t, 100, deltas...)
	if diff := cmp.Diff([]ended.Ended{whole}, all); diff != "" || !more {
		t.Errorf("more: %v (-want +got):\n%s", more, diff)
	}
	all, more = read(t, 100, deltas[1:]...)
	if len(all) != 1 || all[0].Value != 1000 || more {
		t.Errorf("of as much as is looked at there ended %v, more: %v", all, more)
	}
}

// Whatever is older than what is looked at pushes nothing out unsaid: though fewer things
// are told than were asked for, there may be more.
func TestWhatIsPushedOutIsSaidToBe(t *testing.T) {
	large := at("units/large", "", "2026-03-01", 1000)
	for name, c := range map[string]struct {
		units, categories int
		told              int
		more              bool
	}{
		"as many rows as are looked at":   {50, 20, 50, true},
		"more":                            {60, 20, 50, true},
		"one less, and so the large also": {37, 27, 38, false},
	} {
		deltas := []aggregation.Delta{large}
		for u := range c.units {
			for k := range c.categories {
				deltas = append(deltas, at(fmt.Sprintf("units/s%02d", u), fmt.Sprintf("c%02d", k), "2026-03-02", 1))
			}
		}
		all, more := read(t, 100, deltas...)
		if pushed := all[0].Unit != large.Unit; len(all) != c.told || more != c.more || pushed != c.more {
			t.Errorf("%s: told %d, more: %v, first %v; want %d, %v", name, len(all), more, all[0], c.told, c.more)
		}
	}
}
