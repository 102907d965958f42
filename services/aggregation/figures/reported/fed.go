package reported

import (
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// came is what the feed says came on a day of a month, and when it last said so, in
// nanoseconds since 1970.
type came struct {
	aggregation.Delta
	moment int64
}

// feed notes what the feed says came, whoever has the month. What it took back stays as
// 0: so the row follows from the feeds, in whatever order they are counted.
func (c *Claims) feed(d aggregation.Delta) {
	key := strings.Join([]string{holderKey(d.Unit, d.Metric, d.Day), number(d.Metric), d.Campaign, d.Category, d.Source, d.Day}, zero)
	is := c.news[key]
	is.N, is.moment = is.N+d.N, max(is.moment, c.Moment)
	c.news[key] = is
}

// flushFed writes what was noted.
func (c *Claims) flushFed() error {
	for _, key := range slices.Sorted(maps.Keys(c.news)) {
		is, before := c.news[key], came{}
		b, there, err := store.Seek(c.tx, fedBucket, []byte(key))
		if there {
			before, err = readCame("", store.Entry{Key: []byte(key), Value: b})
		}
		if err != nil {
			return err
		}
		b = binary.AppendVarint(nil, before.N+is.N)
		if err := c.tx.Put(fedBucket, []byte(key), binary.AppendVarint(b, max(before.moment, is.moment))); err != nil {
			return err
		}
	}
	clear(c.news)
	return nil
}

// fed yields what the feed says came in a month of all that the metric's measure counts.
func (c *Claims) fed(unit string, m aggregation.Metric, month string) iter.Seq2[came, error] {
	return func(yield func(came, error) bool) {
		if err := c.flushFed(); err != nil {
			yield(came{}, err)
			return
		}
		from, to := store.Prefix(holderKey(unit, m, aggregation.LastDay(month)) + zero)
		for e, err := range c.tx.Scan(fedBucket, from, to) {
			is := came{}
			if err == nil {
				is, err = readCame(unit, e)
			}
			if (err != nil || is.N != 0) && (!yield(is, err) || err != nil) {
				return
			}
		}
	}
}

// feeds says whether the feed has a month that no reports have: it says that something
// came of what r's measure counts, or the unit keeps records of its own by then.
func (c *Claims) feeds(r Figure, month string, o own) (bool, error) {
	for _, err := range c.fed(r.Cell.Unit, r.Metric, month) {
		return err == nil, err
	}
	return o.from != "" && month >= o.since()[:len("2006-01")], nil
}

// takeBack takes back what the feed had counted of a month that reports now have, but for
// what reports never tell.
func (c *Claims) takeBack(r Figure, month string) error {
	for is, err := range c.fed(r.Cell.Unit, r.Metric, month) {
		if err != nil {
			return err
		}
		if !reports.Reportable(is.Metric) {
			continue
		}
		is.N = -is.N
		if err := c.counter.Feed(is.Delta, is.moment); err != nil {
			return err
		}
	}
	return nil
}

// EnterJudged counts what was counted of a report where it was judged, in an installation
// below or here before it was lost, in the place of what counted before. Whether the feed
// or the report was first was decided then. Its fault says that the figure is another
// source's here.
func (c *Claims) EnterJudged(r Figure) error {
	r.judged = true
	s, said, err := c.said(r.key())
	if err != nil {
		return err
	}
	if said {
		r.Supersedes = s.sequence
	}
	_, _, err = c.Enter(r)
	return err
}

func readCame(unit string, e store.Entry) (is came, err error) {
	parts := strings.Split(string(e.Key), zero)
	n, i := binary.Varint(e.Value)
	at, j := binary.Varint(e.Value[max(i, 0):])
	if len(parts) != 8 || i <= 0 || j <= 0 {
		return is, fmt.Errorf("what came at %q cannot be read", e.Key)
	}
	m, err := strconv.Atoi(parts[3])
	if err != nil || m < 0 || m >= aggregation.Numbers || aggregation.Define(aggregation.Metric(m)) == nil {
		return is, fmt.Errorf("what came at %q is of no metric", e.Key)
	}
	cell := aggregation.Cell{Unit: unit, Campaign: parts[4], Category: parts[5], Source: parts[6]}
	return came{aggregation.Delta{Cell: cell, Accepted: true, Metric: aggregation.Metric(m), Day: parts[7], N: n}, at}, nil
}
