package recount

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Figures are what the figures must be: by unit, then by cut, then by what and
// when.
type Figures struct {
	rows   map[string]map[string]map[cell]int64
	owed   map[string]string
	scores map[string]score
	parts  parts
	over   map[string][]string // of an installation, those above it and itself
}

// cell is how much of a metric, in a standing, counts on a day of an axis.
type cell struct {
	axis, day, metric string
	standing          int // 0 accepted, 1 the unit's own and not accepted, 2 beneath it and not accepted
}

// spread adds n to all units of a path.
func (f *Figures) spread(path []string, o of, axis, day string, n int64) {
	for _, unit := range path {
		f.add(unit, o, axis, day, n)
	}
	f.alone(o, axis, day, n)
}

// alone adds n to a unit's own figures, without those beneath.
func (f *Figures) alone(o of, axis, day string, n int64) {
	own := o
	own.unit += "\x01"
	f.add(own.unit, own, axis, day, n)
}

// add adds n to a unit, in every cut that asks for it.
func (f *Figures) add(unit string, o of, axis, day string, n int64) {
	at := cell{axis, day, o.metric, 0}
	switch {
	case o.accepted:
	case unit == o.unit:
		at.standing = 1
	default:
		at.standing = 2
	}
	if f.rows[unit] == nil {
		f.rows[unit] = map[string]map[cell]int64{}
	}
	for _, campaign := range askable(short(o.campaign)) {
		for _, category := range askable(o.category) {
			for _, source := range askable(o.source) {
				if category != "\x01" && campaign == "\x01" {
					continue
				}
				cut := campaign + "\x00" + category + "\x00" + source
				if f.rows[unit][cut] == nil {
					f.rows[unit][cut] = map[cell]int64{}
				}
				f.rows[unit][cut][at] += n
			}
		}
	}
}

// askable are the questions that a value answers: any, and itself.
func askable(value string) []string {
	if value == "" {
		return []string{"\x01"}
	}
	return []string{"\x01", value}
}

func short(name string) string { return name[strings.IndexByte(name, '/')+1:] }

// Compare returns the first difference from the figures in tx.
func (f *Figures) Compare(tx store.Tx) error {
	want := f.wanted()
	for kv, err := range tx.Scan("figures", nil, nil) {
		if err != nil {
			return err
		}
		got, ok := read(kv.Value)
		if !ok {
			return unreadable("figures", kv.Key)
		}
		if !maps.Equal(got, want[string(kv.Key)]) {
			return differ("figures at %s are %v, and %v when counted anew", readable(string(kv.Key)), named(got), named(want[string(kv.Key)]))
		}
		delete(want, string(kv.Key))
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		return differ("figures at %s are missing, and %v when counted anew", readable(key), named(want[key]))
	}
	return f.compareLists(tx)
}

// wanted are the rows that there must be.
func (f *Figures) wanted() map[string]map[uint64]int64 {
	want := map[string]map[uint64]int64{}
	for unit, cuts := range f.rows {
		for cut, cells := range cuts {
			for at, n := range cells {
				d, err := aggregation.Find("metrics/" + at.metric)
				if err != nil {
					continue
				}
				if len(at.day) != len("2006-01-02") {
					continue // no day
				}
				for span, digits := range map[string]int{"y": 4, "m": 7} {
					key := short(unit) + "\x00" + cut + "\x00" + at.axis + span + at.day[:digits]
					if want[key] == nil {
						want[key] = map[uint64]int64{}
					}
					part, err := strconv.ParseUint(at.day[digits+1:digits+3], 10, 8)
					if err != nil {
						continue
					}
					want[key][part*width+uint64(d.Metric)*3+uint64(at.standing)] += n
				}
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

// width is how many numbers a month of a year's row, or a day of a month's, has.
const width = 3 * aggregation.Numbers

// read reads a row; it is false of one that cannot be read.
func read(b []byte) (map[uint64]int64, bool) {
	row, r := map[uint64]int64{}, &reader{b: b}
	for len(r.b) > 0 {
		slot := r.size()
		_, known := ids[int64(slot%width/3)]
		row[slot], r.broken = r.number(), r.broken || !known
	}
	return row, r.done() && len(b) > 0
}

// named says a row in words.
func named(row map[uint64]int64) string {
	var parts []string
	for _, slot := range slices.Sorted(maps.Keys(row)) {
		standing := [...]string{"accepted", "own", "beneath"}[slot%3]
		id := aggregation.Define(aggregation.Metric(slot % width / 3)).ID
		parts = append(parts, fmt.Sprintf("%d: %s %s %d", slot/width, id, standing, row[slot]))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// compareLists compares what is owed and what rounds gave.
func (f *Figures) compareLists(tx store.Tx) error {
	owed := map[string]string{}
	for kv, err := range tx.Scan("figures.owed", nil, nil) {
		if err != nil {
			return err
		}
		owed[string(kv.Key)] = string(kv.Value)
	}
	if !maps.Equal(owed, f.owed) {
		return differ("what is owed at %s", firstOf(owed, f.owed))
	}
	scores := map[string]score{}
	for kv, err := range tx.Scan("figures.scores", nil, nil) {
		if err != nil {
			return err
		}
		parts := strings.SplitN(string(kv.Key), "\x00", 3)
		r := &reader{b: kv.Value}
		milli, rank := r.number(), r.number()
		if len(parts) < 3 || !r.done() {
			return unreadable("figures.scores", kv.Key)
		}
		scores[string(kv.Key)] = score{"units/" + parts[0], parts[1], milli, rank}
	}
	if !maps.Equal(scores, f.scores) {
		return differ("the score at %s", firstOf(scores, f.scores))
	}
	return f.compareParts(tx)
}

// Question asks for one value.
type Question struct {
	Unit, Campaign, Category, Source string // empty: any, of all but the unit
	Metric                           string
	Flow                             bool // what the metric counts came on a day
	Start, End, Today                string
	Own, Beneath                     bool // also what is not accepted, of the unit and of those beneath
	Alone                            bool // only the unit's own
	// Home is the installation whose figures they are, such as 510000: by that name
	// campaigns below mean one here.
	Home string
}

// Value answers q, worked out day by day: of a flow what came from start to end,
// of anything else that counts by day what stands at the end, and what is open
// and was due before today.
func (f *Figures) Value(q Question) (sum int64) {
	unit := q.Unit
	if q.Alone {
		unit += "\x01"
	}
	for _, campaign := range f.with(q.Campaign, q.Home) {
		for at, n := range f.rows[unit][part(campaign)+"\x00"+part(q.Category)+"\x00"+part(q.Source)] {
			if at.metric == q.Metric && q.counts(at) {
				sum += n
			}
		}
	}
	return sum
}

// part is how a cut has what a question asks for.
func part(asked string) string {
	if asked == "" {
		return "\x01"
	}
	return short(asked)
}

func (q Question) counts(at cell) bool {
	if at.standing == 1 && !q.Own || at.standing == 2 && !q.Beneath {
		return false
	}
	if at.axis == "o" {
		return at.day < q.Today
	}
	return at.day <= q.End && (!q.Flow || at.day >= q.Start)
}
