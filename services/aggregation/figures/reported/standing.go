package reported

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

// series is what counts together: all that is said of what stands in a cell, and of what
// comes in it that of one month.
type series struct {
	cell   aggregation.Cell
	metric aggregation.Metric
	month  string // of what comes
}

func (r Figure) series() series {
	s := series{cell: r.Cell, metric: r.Metric}
	if r.flow() {
		s.month = r.month()
	}
	return s
}

// key ends the keys of what is proposed of the series: that it is so much, or that it
// drops.
func (s series) key(drops bool) string {
	sign := "+"
	if drops {
		sign = "-"
	}
	return strings.Join([]string{number(s.metric), s.cell.Campaign, s.cell.Category, sign}, zero)
}

// touch notes what is proposed of a series, before it changes.
func (c *Claims) touch(s series) error {
	if _, there := c.before[s]; there {
		return nil
	}
	changes, err := c.ahead(s)
	c.before[s] = changes
	return err
}

// ahead is what would change on which day if all that is proposed of a series were
// accepted, were the unit to keep no records of its own.
func (c *Claims) ahead(s series) (map[string]int64, error) {
	day := ""
	if s.month != "" {
		day = aggregation.LastDay(s.month)
	}
	key := holderKey(s.cell.Unit, s.metric, day)
	claimants, err := c.claimants(key)
	if err != nil {
		return nil, err
	}
	var all []proposal
	for _, p := range claimants {
		is, there, err := c.proposed(p.Proposer, key, s)
		if err != nil {
			return nil, err
		}
		if there && (s.month == "" || s.month == is.last()) {
			all = append(all, is)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	counts, err := c.counted(s)
	if err != nil {
		return nil, err
	}
	would, err := c.would(all, counts)
	return less(s.changes(would), s.changes(counts)), err
}

// would is what would count, by months, if all that is proposed in their order were
// accepted where something counts.
func (c *Claims) would(all []proposal, counts map[string]said) (map[string]said, error) {
	would, decided := maps.Clone(counts), map[string]bool{}
	for _, is := range all {
		month := is.last()
		leads, err := c.leads(is)
		if err != nil {
			return nil, err
		}
		was, counted := counts[month]
		if !leads || decided[month] || counted && was.sequence != is.supersedes || !counted && is.drops {
			continue
		}
		decided[month] = true
		if would[month] = (said{value: is.value}); is.drops {
			delete(would, month)
		}
	}
	return would, nil
}

// counted is what reports that are accepted last said of a series, by months.
func (c *Claims) counted(s series) (map[string]said, error) {
	all := map[string]said{}
	base := Figure{Cell: s.cell, Metric: s.metric}.prefix()
	from, to := store.Prefix(base + s.month)
	for e, err := range c.tx.Scan(reportedBucket, from, to) {
		if err != nil {
			return nil, err
		}
		if all[strings.TrimPrefix(string(e.Key), base)], err = readSaid(e.Value); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// changes are those on the last days of months that come to what is said: what stands
// carries over.
func (s series) changes(is map[string]said) map[string]int64 {
	all, carried := map[string]int64{}, int64(0)
	for _, month := range slices.Sorted(maps.Keys(is)) {
		all[aggregation.LastDay(month)] = is[month].value - carried
		if s.month == "" {
			carried = is[month].value
		}
	}
	return all
}

// less returns a without b.
func less(a, b map[string]int64) map[string]int64 {
	for day, n := range b {
		a[day] -= n
	}
	return a
}

// Settle counts what has changed of what is proposed since the last time. It MUST be
// called before what was counted is written.
func (c *Claims) Settle() error {
	for s, before := range c.before {
		now, err := c.ahead(s)
		if err != nil {
			return err
		}
		changed := less(less(map[string]int64{}, before), less(map[string]int64{}, now))
		maps.DeleteFunc(changed, func(_ string, n int64) bool { return n == 0 })
		if err := c.expect(s, changed); err != nil {
			return err
		}
	}
	clear(c.before)
	clear(c.disturbed)
	return nil
}

// expect counts changes of what is proposed. What stands does so no longer than until the
// unit's own records begin.
func (c *Claims) expect(s series, changed map[string]int64) error {
	o, err := c.ownOf(s.cell.Unit, s.metric)
	if err != nil || len(changed) == 0 {
		return err
	}
	for _, day := range slices.Sorted(maps.Keys(changed)) {
		if err := c.propose(s, step{day, 0}, changed[day]); err != nil {
			return err
		}
		if s.month == "" && o.from != "" {
			err = errors.Join(err, c.propose(s, step{max(day, o.since()), o.moment}, -changed[day]))
		}
	}
	if s.month != "" {
		return err
	}
	if err != nil {
		return err
	}
	return c.remember(s, changed)
}

// propose counts so much more on a day, which was known no earlier than at a moment.
func (c *Claims) propose(s series, at step, n int64) error {
	d := aggregation.Delta{Cell: s.cell, Metric: s.metric, Day: at.day, N: n}
	return c.counter.Report(Figure{Cell: s.cell, Metric: s.metric, Moment: at.moment}, d)
}

// remember notes what changed of what stands by what is proposed: a record that is counted
// late ends it as of when it was known. What comes to nothing at a moment has no row.
func (c *Claims) remember(s series, changed map[string]int64) error {
	key := []byte(s.base() + fmt.Sprintf("%016x", c.Moment))
	b, _, err := store.Seek(c.tx, expectedBucket, key)
	if err != nil {
		return err
	}
	all, err := readExpected(store.Entry{Key: key, Value: b})
	if err != nil {
		return err
	}
	var row []byte
	for day, n := range changed {
		all[day] += n
	}
	for _, day := range slices.Sorted(maps.Keys(all)) {
		if all[day] != 0 {
			row = append(binary.AppendVarint(row, all[day]), day...)
		}
	}
	if len(row) == 0 {
		return c.tx.Delete(expectedBucket, key)
	}
	return c.tx.Put(expectedBucket, key, row)
}

// readExpected reads a row of what is remembered.
func readExpected(e store.Entry) (map[string]int64, error) {
	all := map[string]int64{}
	for b := e.Value; len(b) > 0; {
		n, i := binary.Varint(b)
		if i <= 0 || len(b) < i+len("2006-01-02") {
			return nil, fmt.Errorf("what was expected at %q cannot be read", e.Key)
		}
		all[string(b[i:i+len("2006-01-02")])] += n
		b = b[i+len("2006-01-02"):]
	}
	return all, nil
}

// base begins the keys of what is remembered of a series.
func (s series) base() string {
	return strings.Join([]string{strings.TrimPrefix(s.cell.Unit, "units/"), number(s.metric), s.cell.Campaign, s.cell.Category, ""}, zero)
}

// cease ends n times what is proposed of a metric that stands at a unit, on the day on
// which the unit's own records begin, as that was known at each moment.
func (c *Claims) cease(unit string, m aggregation.Metric, o own, n int64) error {
	from, to := store.Prefix(strings.TrimPrefix(unit, "units/") + zero + number(m) + zero)
	var all []store.Entry
	for e, err := range c.tx.Scan(expectedBucket, from, to) {
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	for _, e := range all {
		parts := strings.Split(string(e.Key), zero)
		if len(parts) != 5 {
			return fmt.Errorf("what was expected at %q cannot be read", e.Key)
		}
		moment, err := strconv.ParseInt(parts[4], 16, 64)
		if err != nil {
			return fmt.Errorf("when %q was expected cannot be read: %w", e.Key, err)
		}
		s := series{cell: aggregation.Cell{Unit: unit, Campaign: parts[2], Category: parts[3]}, metric: m}
		changed, err := readExpected(e)
		if err != nil {
			return err
		}
		for _, day := range slices.Sorted(maps.Keys(changed)) {
			if err := c.stop(s, step{day, moment}, o.begins(), n*changed[day]); err != nil {
				return err
			}
		}
	}
	return nil
}

// stop ends so much of what is proposed since a step on each of the days on which records
// begin, while that is the one that is known.
func (c *Claims) stop(s series, since step, begins []step, n int64) error {
	var before string
	for _, b := range begins {
		known := max(since.moment, b.moment)
		err := c.propose(s, step{max(since.day, b.day), known}, -n)
		if err == nil && before != "" {
			err = c.propose(s, step{max(since.day, before), known}, n)
		}
		if err != nil {
			return err
		}
		before = b.day
	}
	return nil
}
