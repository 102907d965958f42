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
	from string // the day of the first of the records that are counted; "": reports alone tell of the unit
	// moment is when that took effect, in nanoseconds since 1970.
	moment int64
	bound  []step // the first day that reports do not bind, behind their newest period, as it was known
	told   []step // since when reports tell what stands, see reporting
}

// since is the first day that is the feed's, of a unit that keeps records.
func (o own) since() string {
	day := o.from
	for _, b := range o.bound {
		day = max(day, b.day)
	}
	return day
}

// begins are that day as it was known since each moment: a record that is counted late is
// older than what reports bind by then.
func (o own) begins() []step {
	at := step{o.from, o.moment}
	var all []step
	for _, b := range o.bound { // in the order of their moments
		switch {
		case b.day <= at.day:
		case b.moment <= o.moment:
			at.day = b.day
		default:
			all, at = append(all, at), b
		}
	}
	return append(all, at)
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
	if err != nil || before.from != "" && before.moment <= c.Moment {
		return before, err
	}
	o := before
	o.from, o.moment = day, c.Moment
	if err := c.know(d.Unit, d.Metric, before, o); err != nil {
		return o, err
	}
	for _, m := range stocks[measure] {
		if before.from != "" {
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
	h, err := c.holder(holderKey(unit, m, o.since()))
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
		if err := c.ends(r, o.since(), n*r.Value); err != nil {
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
	o.bound = noted(o.bound, step{dayAfter(r.month()), c.Moment}, later)
	o.told = noted(o.told, step{aggregation.LastDay(r.month()), c.Moment}, earlier)
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

// String is o as a row has it; parts are parted by 0x00, steps by commas, and the parts of
// a step by a blank.
func (o own) String() string {
	return strings.Join([]string{o.from, strconv.FormatInt(o.moment, 10), writeSteps(o.bound), writeSteps(o.told)}, zero)
}

func writeSteps(steps []step) string {
	all := make([]string, len(steps))
	for i, s := range steps {
		all[i] = s.day + " " + strconv.FormatInt(s.moment, 10)
	}
	return strings.Join(all, ",")
}

func readSteps(text string) (all []step, err error) {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' }) {
		day, moment, _ := strings.Cut(part, " ")
		at, bad := strconv.ParseInt(moment, 10, 64)
		all, err = append(all, step{day, at}), errors.Join(err, bad)
	}
	return all, err
}

func readOwn(row string) (o own, err error) {
	parts := strings.Split(row, zero)
	if len(parts) != 4 {
		return own{}, errSaid
	}
	o.from = parts[0]
	var bad [2]error
	o.moment, err = strconv.ParseInt(parts[1], 10, 64)
	o.bound, bad[0] = readSteps(parts[2])
	o.told, bad[1] = readSteps(parts[3])
	return o, errors.Join(err, bad[0], bad[1])
}

// flushOwn writes since when units keep records.
func (c *Claims) flushOwn() error {
	for _, key := range slices.Sorted(maps.Keys(c.owns)) {
		o := c.owns[key]
		if o.from == "" && len(o.bound) == 0 {
			continue
		}
		if err := c.tx.Put(ownBucket, []byte(key), []byte(o.String())); err != nil {
			return err
		}
	}
	clear(c.owns)
	return nil
}
