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
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// holder says who has a figure of a unit: the source of reports of that name,
// with its form if the figure is a flow, or, if n is not 0, the feed. Of what stands
// it names the source alone: when the feed has that, own says.
type holder struct {
	source string
	n      int64
}

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
// day, and if nobody has it, gives it to the feed. Of what stands the feed has all
// that is so since the unit keeps records of its own; the delta that is returned counts
// no earlier. What is not accepted counts beside what is, whoever has that, and takes
// nothing from reports.
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
	key := holderKey(d.Unit, d.Metric, d.Day)
	h, err := c.holder(key)
	if err != nil || h.source != "" {
		return d, false, err
	}
	h.n += d.N
	c.holders[key] = h
	return d, true, nil
}

func (c *Claims) holder(key string) (holder, error) {
	if h, ok := c.holders[key]; ok {
		return h, nil
	}
	b, err := c.tx.Get(holdersBucket, []byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return holder{}, nil
	}
	if err != nil {
		return holder{}, err
	}
	n, i := binary.Varint(b)
	if i <= 0 {
		return holder{}, fmt.Errorf("the holder of %q cannot be read", key)
	}
	return holder{string(b[i:]), n}, nil
}

// Flush writes who has which figure now.
func (c *Claims) Flush() error {
	if err := c.flushOwn(); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(c.holders)) {
		h := c.holders[key]
		var err error
		if h == (holder{}) {
			err = c.tx.Delete(holdersBucket, []byte(key))
		} else {
			err = c.tx.Put(holdersBucket, []byte(key), append(binary.AppendVarint(nil, h.n), h.source...))
		}
		if err != nil {
			return err
		}
	}
	clear(c.holders)
	return nil
}
