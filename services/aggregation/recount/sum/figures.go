package sum

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/parts"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
	"github.com/duban-project/duban/services/internal/store"
)

// Figures are what the figures must be now.
type Figures struct {
	Rows Rows
	// Owed has who owes what, and Scores what rounds gave, by their keys.
	Owed   map[string]string
	Scores map[string]tally.Score
	Parts  parts.Parts
	// Over has, of an installation below, itself and those above it.
	Over map[string][]string
}

// Compare returns the first difference from the figures in tx.
func (f *Figures) Compare(tx store.Tx) error {
	want := f.Rows.wanted()
	for kv, err := range tx.Scan("figures", nil, nil) {
		if err != nil {
			return err
		}
		got, ok := read(kv.Value)
		if !ok {
			return hold.Unreadable("figures", kv.Key)
		}
		if key := string(kv.Key); !maps.Equal(got, want[key]) {
			return hold.Differ("figures at %s are %v, and %v when counted anew", hold.Readable(key), named(got), named(want[key]))
		}
		delete(want, string(kv.Key))
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		return hold.Differ("figures at %s are missing, and %v when counted anew", hold.Readable(key), named(want[key]))
	}
	if err := hold.Compare(tx, []hold.Bucket{{Name: "figures.owed", Want: f.Owed, Say: hold.Text}}); err != nil {
		return err
	}
	if err := f.compareScores(tx); err != nil {
		return err
	}
	return f.Parts.Compare(tx)
}

// wanted are the rows that there must be.
func (r Rows) wanted() map[string]map[uint64]int64 {
	want := map[string]map[uint64]int64{}
	for unit, cuts := range r {
		for cut, cells := range cuts {
			for at, n := range cells {
				at.want(want, at.Axis+hold.Short(unit)+"\x00"+cut+"\x00", n)
			}
		}
	}
	for key, row := range want {
		maps.DeleteFunc(row, func(_ uint64, n int64) bool { return n == 0 })
		if len(row) == 0 {
			delete(want, key)
		}
	}
	return want
}

// want adds n to the rows of the year and of the month, whose keys begin with base.
func (c Cell) want(rows map[string]map[uint64]int64, base string, n int64) {
	d, err := aggregation.Find("metrics/" + c.Metric)
	if err != nil || len(c.Day) != len("2006-01-02") {
		return // no metric, or no day
	}
	for span, digits := range map[string]int{"y": 4, "m": 7} {
		key := base + span + c.Day[:digits]
		if rows[key] == nil {
			rows[key] = map[uint64]int64{}
		}
		part, err := strconv.ParseUint(c.Day[digits+1:digits+3], 10, 8)
		if err != nil {
			continue
		}
		rows[key][part*width+uint64(d.Metric)*3+uint64(c.Standing)] += n
	}
}

// width is how many numbers a month of a year's row, or a day of a month's, has.
const width = 3 * aggregation.Numbers

// read reads a row; it is false of one that cannot be read.
func read(b []byte) (map[uint64]int64, bool) {
	row, r := map[uint64]int64{}, hold.NewReader(b)
	for r.More() {
		slot := r.Size()
		_, known := hold.Metric(int64(slot % width / 3))
		r.Must(known)
		row[slot] = r.Number()
	}
	return row, r.Done() && len(b) > 0
}

// named says a row in words.
func named(row map[uint64]int64) string {
	var parts []string
	for _, slot := range slices.Sorted(maps.Keys(row)) {
		standing := [...]string{"accepted", "own", "beneath"}[slot%3]
		id, _ := hold.Metric(int64(slot % width / 3))
		parts = append(parts, fmt.Sprintf("%d: %s %s %d", slot/width, id, standing, row[slot]))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// compareScores compares what rounds gave.
func (f *Figures) compareScores(tx store.Tx) error {
	want := map[string]string{}
	for key, s := range f.Scores {
		want[key] = fmt.Sprint(s.Milli, " ", s.Rank)
	}
	return hold.Compare(tx, []hold.Bucket{{Name: "figures.scores", Want: want, Say: sayScore}})
}

func sayScore(b []byte) (string, bool) {
	r := hold.NewReader(b)
	return fmt.Sprint(r.Number(), " ", r.Number()), r.Done()
}
