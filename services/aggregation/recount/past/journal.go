package past

import (
	"encoding/binary"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/sum"
	"github.com/duban-project/duban/services/internal/store"
)

// journal is what the journal says.
type journal struct {
	said    Said
	alone   map[stretch]sum.Rows // what units themselves learnt
	records map[Change]int64
	reports map[Change]int64
}

// journal holds the journal against what the records say, and returns by stretch
// what it says that units themselves learnt.
func (p *Past) journal(tx store.Tx) (map[stretch]sum.Rows, error) {
	j := &journal{p.said, map[stretch]sum.Rows{}, map[Change]int64{}, map[Change]int64{}}
	for kv, err := range tx.Scan("figures.journal", nil, nil) {
		if err != nil {
			return nil, err
		}
		if err := j.row(kv); err != nil {
			return nil, err
		}
	}
	if err := differing("what a record counted", j.records, p.said.Counted); err != nil {
		return nil, err
	}
	return j.alone, differing("what reports counted", j.reports, p.said.brought())
}

// row takes a row in: what one record changed in a moment.
func (j *journal) row(row store.Entry) error {
	if len(row.Key) < 16 || len(row.Value) == 0 {
		return hold.Unreadable("figures.journal", row.Key)
	}
	since, at := int64(binary.BigEndian.Uint64(row.Key)), int64(binary.BigEndian.Uint64(row.Key[8:]))
	if j.said.stretch(at) != since {
		return hold.Differ("figures.journal at %s is in a stretch that is none", hold.Readable(string(row.Key)))
	}
	name := string(row.Key[16:])
	for r := hold.NewReader(row.Value); r.More(); {
		c, axis, n := change(r, strings.HasPrefix(name, "reports/"))
		if r.Broken() {
			return hold.Unreadable("figures.journal", row.Key)
		}
		in(j.alone, since).Alone(c.What, axis, c.Day, n)
		c.At, c.Name = at, name
		j.take(c, n)
	}
	return nil
}

// take takes a change in. What a figure's feed said before a report had it, and took
// back, is in the journal alone.
func (j *journal) take(c Change, n int64) {
	switch {
	case strings.HasPrefix(c.Name, "reports/"):
		j.reports[Change{What: c.What, Day: c.Day}] += n
	case !j.said.Reported(c.What, c.Day):
		j.records[c] += n
	}
}

// change reads one change, of a record or by a report, and by which of its days it is
// kept.
func change(r *hold.Reader, report bool) (c Change, axis string, n int64) {
	o := &c.What
	o.Unit, o.Campaign, o.Category, o.Source, c.Day = r.Text(), r.Text(), r.Text(), r.Text(), r.Text()
	kind := r.Number()
	o.Accepted, o.Metric = r.Flag(), r.Metric()
	n = r.Number()
	want, axis := kindOf(o.Metric, report)
	r.Must(kind == want && len(c.Day) == len("2006-01-02"))
	return c, axis, n
}

// kindOf is the number of how long a metric goes on counting, and by which day it is
// kept: on its day, from its day on, or until it is done. What reports say is overdue
// stands until the next one.
func kindOf(metric string, report bool) (kind int64, axis string) {
	d, err := aggregation.Find("metrics/" + metric)
	switch {
	case err != nil || d.Flow():
		return 0, "d"
	case d.Overdue() && !report:
		return 2, "o"
	default:
		return 1, "d"
	}
}

// brought is what reports brought, whenever.
func (s Said) brought() map[Change]int64 {
	all := map[Change]int64{}
	for o, days := range s.Brought {
		for day, n := range days {
			all[Change{What: o, Day: day}] += n
		}
	}
	return all
}

// differing returns the first difference of two lists of changes.
func differing(what string, kept, want map[Change]int64) error {
	isZero := func(_ Change, n int64) bool { return n == 0 }
	maps.DeleteFunc(kept, isZero)
	maps.DeleteFunc(want, isZero)
	if maps.Equal(kept, want) {
		return nil
	}
	return hold.Differ("figures.journal: %s: %s", what, hold.FirstOf(named(kept), named(want)))
}

// named lists changes by what they are in words.
func named(all map[Change]int64) map[string]int64 {
	list := map[string]int64{}
	for c, n := range all {
		list[fmt.Sprintf("%s at %v: %s of %v on %s", c.Name, time.Unix(0, c.At).UTC(), c.What.Metric, c.What.Where, c.Day)] = n
	}
	return list
}
