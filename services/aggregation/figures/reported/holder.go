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

// holderKey names a figure that has one source of reports: of a flow in each month,
// of anything else for good, because what stands carries over into later months.
func holderKey(unit string, m aggregation.Metric, day string) string {
	period := ""
	if aggregation.Define(m).Flow() {
		period = day[:len("2006-01")]
	}
	return strings.TrimPrefix(unit, "units/") + zero + strconv.Itoa(int(m)) + zero + period
}

// Admit says whether the feed has the figure that d changes, which took effect on
// day: of what came that which no reports have, and of what stands all that is so since
// the unit keeps records of its own; the delta that is returned counts no earlier. What
// is not accepted counts beside what is, whoever has that, and takes nothing from
// reports.
func (c *Claims) Admit(d aggregation.Delta, day string) (aggregation.Delta, bool, error) {
	if !d.Accepted {
		return d, true, nil
	}
	own, err := c.begin(d, day)
	metric := aggregation.Define(d.Metric)
	switch {
	case err != nil || !reports.Reportable(d.Metric):
		return d, err == nil, err
	case metric.Overdue():
		return d, true, nil
	case !metric.Flow():
		d.Day = max(d.Day, own.since)
		return d, true, nil
	}
	held, err := c.holder(holderKey(d.Unit, d.Metric, d.Day))
	c.feed(d)
	return d, held == "", err
}

// hold gives the figure to its source. What the feed had counted of it is taken back.
func (c *Claims) hold(r Figure) error {
	for month, key := range r.holderKeys() {
		held, err := c.holder(key)
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

// holder is the source of reports that has a figure, with its form if the figure is a
// flow; "" if none has. When the feed has what stands, own says.
func (c *Claims) holder(key string) (string, error) {
	if h, ok := c.holders[key]; ok {
		return h, nil
	}
	b, _, err := store.Seek(c.tx, holdersBucket, []byte(key))
	return string(b), err
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
