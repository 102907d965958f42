package reported

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// holderKey names what has one source of reports: in each month all flows of a measure,
// so that what is divided is of the source of what it is divided by; of anything else
// the metric until release, because what stands carries over into later months.
func holderKey(unit string, m aggregation.Metric, day string) string {
	what, period := number(m), ""
	if d := aggregation.Define(m); d.Flow() {
		what, period = d.Measure, day[:len("2006-01")]
	}
	return strings.TrimPrefix(unit, "units/") + zero + what + zero + period
}

func number(m aggregation.Metric) string { return strconv.Itoa(int(m)) }

// Admit says whether the feed has the figure that d changes, which took effect on
// day: of what came that of months which no reports have, and what they never tell, and
// of what stands all that is so since the unit keeps records of its own; the delta that
// is returned counts no earlier. What is not accepted counts beside what is, whoever has
// that, and takes nothing from reports.
func (c *Claims) Admit(d aggregation.Delta, day string) (aggregation.Delta, bool, error) {
	if !d.Accepted {
		return d, true, nil
	}
	own, err := c.begin(d, day)
	metric := aggregation.Define(d.Metric)
	switch {
	case err != nil || !measured[metric.Measure] || metric.Overdue():
		return d, err == nil, err
	case !metric.Flow():
		if reports.Reportable(d.Metric) {
			d.Day = max(d.Day, own.since())
		}
		return d, true, nil
	}
	held, err := c.holder(holderKey(d.Unit, d.Metric, d.Day))
	c.feed(d)
	return d, held == "" || !reports.Reportable(d.Metric), err
}

// measured are the measures of which forms bring something.
var measured = func() map[string]bool {
	all := map[string]bool{}
	for _, d := range aggregation.Definitions {
		all[d.Measure] = all[d.Measure] || reports.Reportable(d.Metric)
	}
	return all
}()

// hold gives the figure to its source. What the feed had counted of it is taken back.
func (c *Claims) hold(r Figure) error {
	for month, key := range r.holderKeys() {
		held, err := c.holder(key)
		err = errors.Join(err, c.disturb(key, r.holder()))
		if err == nil && held == "" && r.flow() {
			err = c.takeBack(r, month)
		}
		if err != nil {
			return err
		}
		c.holders[key] = r.holder()
	}
	return nil
}

// release lets go of a stock of which nothing is left that r's source said. The next source
// of the same installation that says it has it; none of another ever, as whether that was
// counted before depends on when its feed came.
func (c *Claims) release(r Figure) error {
	key := holderKey(r.Cell.Unit, r.Metric, "") // which begins those of what was reported, too
	from, to := store.Prefix(key)
	for _, err := range c.tx.Scan(reportedBucket, from, to) {
		return err
	}
	err := c.upset(key, r.holder())
	c.holders[key] = home(r.Source)
	return err
}

// home begins the names of all sources of reports of an installation: of this one it is "".
func home(source string) string { return source[:max(0, strings.Index(source, "reportSources/"))] }

// open says whether no source has a figure but r's, nor another installation.
func (c *Claims) open(key string, r Figure) (held string, open bool, err error) {
	held, there, err := c.lookup(key)
	return held, !there || held == r.holder() || held == home(r.Source), err
}

// holder is the source of reports that has a figure, with its form if the figure is a
// flow; "" if none has, or any of this installation may. When the feed has what stands,
// own says.
func (c *Claims) holder(key string) (string, error) {
	held, _, err := c.lookup(key)
	return held, err
}

func (c *Claims) lookup(key string) (held string, there bool, err error) {
	if h, ok := c.holders[key]; ok {
		return h, true, nil
	}
	b, there, err := store.Seek(c.tx, holdersBucket, []byte(key))
	return string(b), there, err
}

// Flush writes who has which figure now.
func (c *Claims) Flush() error {
	if err := errors.Join(c.flushOwn(), c.flushFed()); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(c.holders)) {
		if err := c.tx.Put(holdersBucket, []byte(key), []byte(c.holders[key])); err != nil {
			return err
		}
	}
	clear(c.holders)
	return nil
}
