// Package past holds what is kept of when figures became known against the feeds: the
// journal of single changes, and what every unit learnt in each stretch of a day. What
// the feeds say it is told by package recount, which also counts until past moments.
package past

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/sum"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
	"github.com/duban-project/duban/services/internal/store"
)

// learnt is what became known of the figures of a unit in a cut, in a stretch.
type learnt struct {
	since     stretch
	unit, cut string
	cell      sum.Cell
	n         int64
}

// Change is a change of the figures that a record made, at a moment in nanoseconds
// since 1970, and the day on which it counts.
type Change struct {
	At   int64
	Name string // of the record
	What tally.What
	Day  string
}

// Said is what the feeds say.
type Said struct {
	// Turns are the moments in which a unit got another parent, in their order.
	Turns []int64
	// Counted are the changes that records made, but of figures that reports have,
	// and Brought those that reports made altogether, on their days.
	Counted map[Change]int64
	Brought map[tally.What]map[string]int64
	// Reported says whether reports have what counts on a day.
	Reported func(o tally.What, day string) bool
}

// Past is what is kept of when figures became known.
type Past struct {
	said  Said
	known []learnt
}

// Read reads it.
func Read(tx store.Tx, said Said) (*Past, error) {
	p := &Past{said: said}
	for kv, err := range tx.Scan("figures.known", nil, nil) {
		if err != nil {
			return nil, err
		}
		if err := p.learn(kv); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(p.known, func(a, b learnt) int { return cmp.Compare(a.since, b.since) })
	return p, nil
}

// learn reads one row.
func (p *Past) learn(row store.Entry) error {
	at := min(8, len(row.Key))
	unit, cut, two := strings.Cut(string(row.Key[at:]), "\x00")
	if at < 8 || len(row.Value) == 0 || !two || !strings.HasSuffix(cut, "\x00") {
		return hold.Unreadable("figures.known", row.Key)
	}
	l := learnt{since: int64(binary.BigEndian.Uint64(row.Key)), unit: "units/" + unit, cut: strings.TrimSuffix(cut, "\x00")}
	for r := hold.NewReader(row.Value); r.More(); {
		if l.cell, l.n = cell(r), r.Number(); r.Broken() {
			return hold.Unreadable("figures.known", row.Key)
		}
		p.known = append(p.known, l)
	}
	return nil
}

// cell reads which part of the figures changed.
func cell(r *hold.Reader) sum.Cell {
	axis, day, slot := r.Letter(), int64(r.Size())-32, r.Size()
	id, known := hold.Metric(int64(slot / 3))
	r.Must(known && day >= 0 && (axis == "d" || axis == "o"))
	return sum.Cell{Axis: axis, Day: fmt.Sprintf("%04d-%02d-%02d", day/372, day%372/31+1, day%31+1), Metric: id, Standing: int(slot % 3)}
}

// Compare returns the first difference: of the journal from what the records say,
// of what each unit itself learnt from the journal, and of what all learnt
// altogether from the figures.
func (p *Past) Compare(tx store.Tx, now sum.Rows) error {
	alone, err := p.journal(tx)
	if err != nil {
		return err
	}
	if err := p.alone(alone); err != nil {
		return err
	}
	return p.until(math.MaxInt64, now, nil)
}

// Until holds what became known until a moment against figures, but for those that are
// passed over.
func (p *Past) Until(at time.Time, want sum.Rows, pass func(sum.Cell) bool) error {
	return p.until(at.UnixNano(), want, pass)
}

func (p *Past) until(at int64, want sum.Rows, pass func(sum.Cell) bool) error {
	kept := sum.Rows{}
	for _, l := range p.known {
		if l.since <= at {
			kept.Put(l.unit, l.cut, l.cell, l.n)
		}
	}
	return against(kept, want, at, pass)
}

// alone holds what units themselves learnt in each stretch against the journal.
func (p *Past) alone(want map[stretch]sum.Rows) error {
	kept := map[stretch]sum.Rows{}
	for _, l := range p.known {
		if strings.HasSuffix(l.unit, "\x01") {
			in(kept, l.since).Put(l.unit, l.cut, l.cell, l.n)
		}
		in(want, l.since)
	}
	for since, w := range want {
		if err := against(kept[since], w, since, nil); err != nil {
			return err
		}
	}
	return nil
}

// in are the rows of a stretch.
func in(all map[stretch]sum.Rows, since stretch) sum.Rows {
	if all[since] == nil {
		all[since] = sum.Rows{}
	}
	return all[since]
}

// against returns the first difference of what was known at a moment.
func against(kept, want sum.Rows, at int64, pass func(sum.Cell) bool) error {
	was, wanted := flat(kept, pass), flat(want, pass)
	if maps.Equal(was, wanted) {
		return nil
	}
	when := "now"
	if at != math.MaxInt64 {
		when = time.Unix(0, at).UTC().Format(time.RFC3339)
	}
	return hold.Differ("figures.known as of %s: %s", when, hold.FirstOf(was, wanted))
}

// flat lists figures by all that they are of.
func flat(rows sum.Rows, pass func(sum.Cell) bool) map[string]int64 {
	all := map[string]int64{}
	for unit, cuts := range rows {
		for cut, cells := range cuts {
			for c, n := range cells {
				if n != 0 && (pass == nil || !pass(c)) && len(c.Day) == len("2006-01-02") && hold.Number(c.Metric) != 0 {
					all[fmt.Sprintf("%s\x00%s\x00%s %s %s %d", hold.Short(unit), cut, c.Axis, c.Day, c.Metric, c.Standing)] = n
				}
			}
		}
	}
	return all
}
