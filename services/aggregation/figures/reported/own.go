package reported

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// own says since when a unit keeps records of its own of what a metric counts, as of
// problems: since the first that a superior has accepted. From that day on what stands
// is what its records say, and from that month on what comes; before it, what reports
// said of the periods that ended.
type own struct {
	since string // the first day that is the feed's; "": reports alone tell of the unit
	until string // the first day that reports do not bind: behind their newest period
	// moment is when the first of the records that are counted took effect, in
	// nanoseconds since 1970.
	moment int64
	told   []step // since when reports tell what stands, see reporting
}

// stocks are the metrics that forms bring and that stand until they are told anew, by
// what they count.
var stocks = func() map[string][]aggregation.Metric {
	by := map[string][]aggregation.Metric{}
	for _, d := range aggregation.Definitions {
		if reports.Reportable(d.Metric) && !d.Flow() {
			by[d.Measure] = append(by[d.Measure], d.Metric)
		}
	}
	return by
}()

// begin notes that a unit keeps records of what d counts, since day at the latest, if d
// is accepted: what nobody above has seen puts an end to nothing. On the first day of
// them, which is behind every period that a report has told of, what was carried over
// from reports ends. Of a unit that two feeds tell of, an earlier record may be counted
// later.
func (c *Claims) begin(d aggregation.Delta, day string) (own, error) {
	measure := aggregation.Define(d.Metric).Measure
	if len(stocks[measure]) == 0 {
		return own{}, nil
	}
	before, err := c.ownOf(d.Unit, d.Metric)
	if err != nil || before.since != "" && before.moment <= c.Moment {
		return before, err
	}
	o := before
	o.since, o.moment = max(day, before.until), c.Moment
	if err := c.know(d.Unit, d.Metric, before, o); err != nil {
		return o, err
	}
	for _, m := range stocks[measure] {
		if before.since != "" {
			err = errors.Join(c.end(d.Unit, m, before, -1), c.cease(d.Unit, m, before, -1))
		}
		if err := errors.Join(err, c.end(d.Unit, m, o, 1), c.cease(d.Unit, m, o, 1)); err != nil {
			return o, err
		}
	}
	return o, nil
}

// end ends n times what is carried over of a metric from what reports said of the unit,
// on the day on which its own records begin.
func (c *Claims) end(unit string, m aggregation.Metric, o own, n int64) error {
	h, err := c.holder(holderKey(unit, m, o.since))
	if err != nil || h == "" {
		return err
	}
	var stands []Figure
	from, to := store.Prefix(strings.TrimPrefix(unit, "units/") + zero + strconv.Itoa(int(m)) + zero)
	for e, err := range c.tx.Scan(reportedBucket, from, to) {
		if err != nil {
			return err
		}
		s, err := readSaid(e.Value)
		if err != nil {
			return err
		}
		parts := strings.Split(string(e.Key), zero)
		if len(parts) != 5 {
			return fmt.Errorf("what was reported at %q cannot be read", e.Key)
		}
		cell := aggregation.Cell{Unit: unit, Campaign: parts[2], Category: parts[3]}
		r := Figure{Cell: cell, Metric: m, Source: h, Value: s.value, Moment: max(s.moment, o.moment)}
		if last := len(stands) - 1; last >= 0 && stands[last].Cell == cell { // of an earlier month
			r.Moment = max(r.Moment, stands[last].Moment)
			stands = stands[:last]
		}
		stands = append(stands, r)
	}
	for _, r := range stands {
		if err := c.ends(r, o.since, n*r.Value); err != nil {
			return err
		}
	}
	return nil
}

// ends lets n of what a report said end on a day.
func (c *Claims) ends(r Figure, day string, n int64) error {
	d := aggregation.Delta{Cell: r.Cell, Accepted: true, Metric: r.Metric, Day: day, N: n}
	return errors.Join(c.put(r, day, -n), c.counter.End(d))
}

// bind notes that a report has told what stands at the end of a period.
func (c *Claims) bind(r Figure) error {
	before, err := c.ownOf(r.Cell.Unit, r.Metric)
	if err != nil || r.flow() {
		return err
	}
	o := before
	o.until = max(o.until, dayAfter(r.month()))
	o.told = tell(o.told, step{aggregation.LastDay(r.month()), c.Moment})
	return c.know(r.Cell.Unit, r.Metric, before, o)
}

// dayAfter is the first day behind a month.
func dayAfter(month string) string {
	t, _ := time.Parse("2006-01", month)
	return t.AddDate(0, 1, 0).Format(time.DateOnly)
}

// ownKey names what is known of the records of a unit of what a metric counts.
func ownKey(unit string, m aggregation.Metric) string {
	return strings.TrimPrefix(unit, "units/") + zero + aggregation.Define(m).Measure
}

func (c *Claims) ownOf(unit string, m aggregation.Metric) (o own, err error) {
	key := ownKey(unit, m)
	if o, ok := c.owns[key]; ok {
		return o, nil
	}
	b, there, err := store.Seek(c.tx, ownBucket, []byte(key))
	if err != nil || !there {
		return own{}, err
	}
	if o, err = readOwn(string(b)); err != nil {
		return own{}, fmt.Errorf("since when %q has records cannot be read: %w", key, err)
	}
	c.owns[key] = o
	return o, nil
}

// String is o as a row has it; parts are parted by 0x00, and the parts of a step by a
// blank.
func (o own) String() string {
	parts := []string{o.since, o.until, strconv.FormatInt(o.moment, 10)}
	for _, s := range o.told {
		parts = append(parts, s.day+" "+strconv.FormatInt(s.moment, 10))
	}
	return strings.Join(parts, zero)
}

func readOwn(row string) (o own, err error) {
	parts := strings.Split(row, zero)
	if len(parts) < 3 {
		return own{}, errSaid
	}
	o = own{since: parts[0], until: parts[1]}
	o.moment, err = strconv.ParseInt(parts[2], 10, 64)
	for _, part := range parts[3:] {
		day, moment, _ := strings.Cut(part, " ")
		at, bad := strconv.ParseInt(moment, 10, 64)
		o.told, err = append(o.told, step{day, at}), errors.Join(err, bad)
	}
	return o, err
}

// flushOwn writes since when units keep records.
func (c *Claims) flushOwn() error {
	for _, key := range slices.Sorted(maps.Keys(c.owns)) {
		o := c.owns[key]
		if o.since == "" && o.until == "" {
			continue
		}
		if err := c.tx.Put(ownBucket, []byte(key), []byte(o.String())); err != nil {
			return err
		}
	}
	clear(c.owns)
	return nil
}
