package figures

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Ended is how much of a metric stood at a unit by reports, and stands no more from a
// day on, because the unit's own records tell since.
type Ended struct {
	Day, Unit string
	Metric    aggregation.Metric
	Value     int64
}

// end notes, under all above its unit, that what d says is of reports ended on its day.
func (f *Fold) end(d aggregation.Delta) error {
	path, err := f.tree.path(d.Unit, never)
	if err != nil {
		return err
	}
	rest := strings.Join([]string{newest(d.Day), d.Unit, strconv.Itoa(int(d.Metric)), d.Campaign, d.Category}, zero)
	for _, unit := range path {
		f.ended[under(unit)+rest] += d.N
	}
	return nil
}

func (f *Fold) writeEnded() error {
	for _, key := range slices.Sorted(maps.Keys(f.ended)) {
		if err := f.writeEnd(key, f.ended[key]); err != nil {
			return err
		}
	}
	clear(f.ended)
	return nil
}

func (f *Fold) writeEnd(key string, more int64) error {
	b, err := f.tx.Get(endedBucket, []byte(key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	before, _ := binary.Varint(b)
	if before+more == 0 {
		return f.tx.Delete(endedBucket, []byte(key))
	}
	return f.tx.Put(endedBucket, []byte(key), binary.AppendVarint(nil, before+more))
}

// newest is a day as a part of keys that has later days first; it is its own inverse
// but for the dashes.
func newest(day string) string {
	n, _ := strconv.Atoi(strings.ReplaceAll(day, "-", ""))
	return fmt.Sprintf("%08d", 99999999-n)
}

// looked is how many rows are looked at for each thing that ended, as it may have ended
// in many campaigns and categories.
const looked = 100

// ReadEnded returns what ended in the unit and those beneath it within the period of q,
// of what is overdue until Today: at most limit things, the newest first, and whether
// there are more.
func ReadEnded(tx store.Tx, q Query, limit int) (all []Ended, more bool, err error) {
	from, to := store.Prefix(under(q.Unit))
	rows := 0
	for e, err := range tx.Scan(endedBucket, append(from, newest(q.Today)...), to) {
		if err != nil {
			return nil, false, err
		}
		is, cell, err := readEnd(e)
		switch last := len(all) - 1; {
		case err != nil || is.Day < q.Start:
			return all, false, err
		case rows == looked*limit:
			return all, true, nil
		case is.Day > q.End && !aggregation.Define(is.Metric).Overdue() || !q.holds(cell):
		case last >= 0 && all[last].Unit == is.Unit && all[last].Metric == is.Metric && all[last].Day == is.Day:
			all[last].Value += is.Value
		case last+1 == limit:
			return all, true, nil
		default:
			all = append(all, is)
		}
		rows++
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
		return is, cell, fmt.Errorf("what ended at %q is of no metric: %w", e.Key, err)
	}
	day := newest(parts[1])
	day = day[:4] + "-" + day[4:6] + "-" + day[6:]
	return Ended{day, parts[2], aggregation.Metric(m), n}, aggregation.Cell{Unit: parts[2], Campaign: parts[4], Category: parts[5]}, nil
}
