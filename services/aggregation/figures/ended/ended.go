// Package ended keeps what reports had told of units whose own records tell since, under
// every unit above them. Package reported says what ends, and package figures adds it up.
package ended

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket has under the unit above, the day, the unit beneath, the metric, the campaign
// and the category what reports had said; parts of keys are parted by 0x00.
const Bucket = "figures.ended"

const zero = "\x00"

// Ended is how much of a metric stood at a unit by reports, and stands no more from a
// day on, because the unit's own records tell since.
type Ended struct {
	Day, Unit string
	Metric    aggregation.Metric
	Value     int64
}

// Notes are what ended within a transaction.
type Notes struct {
	tx   store.Tx
	more map[string]int64 // what is to be added, by key
}

// New returns the notes of tx, in which Flush MUST be called.
func New(tx store.Tx) *Notes { return &Notes{tx, map[string]int64{}} }

// Add notes under the units of path that what d says is of reports ended on its day.
func (n *Notes) Add(path []string, d aggregation.Delta) {
	rest := strings.Join([]string{newest(d.Day), d.Unit, strconv.Itoa(int(d.Metric)), d.Campaign, d.Category}, zero)
	for _, unit := range path {
		n.more[under(unit)+rest] += d.N
	}
}

// Flush writes what was noted.
func (n *Notes) Flush() error {
	for _, key := range slices.Sorted(maps.Keys(n.more)) {
		if err := n.write(key, n.more[key]); err != nil {
			return err
		}
	}
	clear(n.more)
	return nil
}

func (n *Notes) write(key string, more int64) error {
	b, _, err := store.Seek(n.tx, Bucket, []byte(key))
	if err != nil {
		return err
	}
	before, _ := binary.Varint(b)
	if before+more == 0 {
		return n.tx.Delete(Bucket, []byte(key))
	}
	return n.tx.Put(Bucket, []byte(key), binary.AppendVarint(nil, before+more))
}

// under is the beginning of all keys of a unit.
func under(unit string) string { return strings.TrimPrefix(unit, "units/") + zero }

// newest is a day as a part of keys that has later days first; it is its own inverse
// but for the dashes.
func newest(day string) string {
	n, _ := strconv.Atoi(strings.ReplaceAll(day, "-", ""))
	return fmt.Sprintf("%08d", 99999999-n)
}

// How many rows are looked at for each thing that is asked for, as it may have ended in
// several campaigns and categories, and at least.
const looked, least = 10, 1000

// Span says what is asked: what ended in the unit and those beneath it between Start and
// End, of what is overdue until Today, in the cells that Holds says.
type Span struct {
	Unit, Start, End, Today string
	Holds                   func(aggregation.Cell) bool
}

// Read returns what ended in the span: at most limit things, the largest first and of
// these the newest, and whether there may be more. Of more than can be looked at it
// knows the newest.
func Read(tx store.Tx, q Span, limit int) ([]Ended, bool, error) {
	all, more, err := q.read(tx, max(least, looked*limit))
	if err != nil {
		return nil, false, err
	}
	slices.SortStableFunc(all, func(a, b Ended) int { return cmp.Compare(b.Value, a.Value) })
	if len(all) > limit {
		all, more = all[:limit], true
	}
	return all, more, nil
}

// read returns what ended by that many rows, the newest first, and whether there are more
// rows. What may go on in these is left out.
func (q *Span) read(tx store.Tx, rows int) (all []Ended, more bool, err error) {
	from, to := store.Prefix(under(q.Unit))
	for e, err := range tx.Scan(Bucket, append(from, newest(q.Today)...), to) {
		if err != nil {
			return nil, false, err
		}
		is, cell, err := readEnd(e)
		last := len(all) - 1
		goes := last >= 0 && all[last].Unit == is.Unit && all[last].Metric == is.Metric && all[last].Day == is.Day
		switch {
		case err != nil || is.Day < q.Start:
			return all, false, err
		case rows == 0 && goes:
			return all[:last], true, nil
		case rows == 0:
			return all, true, nil
		case is.Day > q.End && !aggregation.Define(is.Metric).Overdue() || !q.Holds(cell):
		case goes:
			all[last].Value += is.Value
		default:
			all = append(all, is)
		}
		rows--
	}
	return all, false, nil
}

func readEnd(e store.Entry) (is Ended, cell aggregation.Cell, err error) {
	parts := strings.Split(string(e.Key), zero)
	n, i := binary.Varint(e.Value)
	if len(parts) != 6 || i <= 0 {
		return is, cell, fmt.Errorf("what ended at %q cannot be read", e.Key)
	}
	m, err := strconv.Atoi(parts[3])
	if err != nil || m < 0 || m >= aggregation.Numbers || aggregation.Define(aggregation.Metric(m)) == nil {
		return is, cell, fmt.Errorf("what ended at %q is of no metric", e.Key)
	}
	day := newest(parts[1])
	day = day[:4] + "-" + day[4:6] + "-" + day[6:]
	return Ended{day, parts[2], aggregation.Metric(m), n}, aggregation.Cell{Unit: parts[2], Campaign: parts[4], Category: parts[5]}, nil
}
