package recount

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// moments is how many of the newest months are held against a count until their
// end, and how many other moments, spread evenly over all that is kept.
const moments = 12

// stretch is a part of a day in which no unit got another parent, by its first
// moment in nanoseconds.
type stretch = int64

// learnt is what became known of the figures of a unit in a cut, in a stretch.
type learnt struct {
	since     stretch
	unit, cut string
	cell      cell
	n         int64
}

// past holds what is kept of when figures became known against the feeds.
type past struct {
	*count
	turns []int64
	known []learnt
}

// compare returns the first difference: of the journal from what the records say,
// of what each unit itself learnt from the journal, and of what all learnt
// altogether from the figures.
func (p *past) compare(tx store.Tx, now *Figures) error {
	if err := p.read(tx); err != nil {
		return err
	}
	alone, err := p.journal(tx)
	if err != nil {
		return err
	}
	if err := p.alone(alone); err != nil {
		return err
	}
	return p.until(math.MaxInt64, now, nil)
}

// read reads what is kept of when figures became known.
func (p *past) read(tx store.Tx) error {
	for kv, err := range tx.Scan("figures.known", nil, nil) {
		if err != nil {
			return err
		}
		at := len(kv.Key) - 8
		parts := strings.SplitN(string(kv.Key[:max(at, 0)]), "\x00", 2)
		if at < 0 || len(kv.Value) == 0 || len(parts) < 2 || !strings.HasSuffix(parts[1], "\x00") {
			return unreadable("figures.known", kv.Key)
		}
		l := learnt{since: int64(binary.BigEndian.Uint64(kv.Key[at:])), unit: "units/" + parts[0], cut: strings.TrimSuffix(parts[1], "\x00")}
		for r := (&reader{b: kv.Value}); len(r.b) > 0 || r.broken; {
			if l.cell, l.n = r.cell(), r.number(); r.broken {
				return unreadable("figures.known", kv.Key)
			}
			p.known = append(p.known, l)
		}
	}
	slices.SortStableFunc(p.known, func(a, b learnt) int { return cmp.Compare(a.since, b.since) })
	return nil
}

// cell reads which part of the figures changed.
func (r *reader) cell() (at cell) {
	if len(r.b) == 0 {
		r.broken = true
		return at
	}
	axis := r.b[:1]
	r.b = r.b[1:]
	day, slot := int64(r.size())-32, r.size()
	id, known := ids[int64(slot/3)]
	r.broken = r.broken || !known || day < 0 || string(axis) != "d" && string(axis) != "o"
	return cell{string(axis), fmt.Sprintf("%04d-%02d-%02d", day/372, day%372/31+1, day%31+1), id, int(slot % 3)}
}

// journal holds the journal against what the records say, and returns by stretch
// what it says that units themselves learnt. What a figure's feed said before a
// report had it, and took back, is in the journal alone.
func (p *past) journal(tx store.Tx) (map[stretch]*Figures, error) {
	alone, said, reported := map[stretch]*Figures{}, map[noted]int64{}, map[noted]int64{}
	for kv, err := range tx.Scan("figures.journal", nil, nil) {
		if err != nil {
			return nil, err
		}
		if len(kv.Key) < 16 || len(kv.Value) == 0 {
			return nil, unreadable("figures.journal", kv.Key)
		}
		since, at := int64(binary.BigEndian.Uint64(kv.Key)), int64(binary.BigEndian.Uint64(kv.Key[8:]))
		if p.stretch(at) != since {
			return nil, differ("figures.journal at %s is in a stretch that is none", readable(string(kv.Key)))
		}
		if alone[since] == nil {
			alone[since] = empty()
		}
		for r := (&reader{b: kv.Value}); len(r.b) > 0; {
			name := string(kv.Key[16:])
			report := strings.HasPrefix(name, "reports/")
			c, axis, n := r.change(report)
			if r.broken {
				return nil, unreadable("figures.journal", kv.Key)
			}
			alone[since].alone(c.of, axis, c.day, n)
			c.at, c.name = at, name
			switch {
			case report:
				reported[noted{of: c.of, day: c.day}] += n
			case !p.claimed[claim(c.of.unit, c.of.metric, c.day)]:
				said[c] += n
			}
		}
	}
	if err := differing("what a record counted", said, p.counted()); err != nil {
		return nil, err
	}
	return alone, differing("what reports counted", reported, p.brought())
}

// change reads one change, of a record or by a report, and by which of its days it is
// kept.
func (r *reader) change(report bool) (c noted, axis string, n int64) {
	c.of.unit, c.of.campaign, c.of.category, c.of.source, c.day = r.text(), r.text(), r.text(), r.text(), r.text()
	kind := r.number()
	c.of.accepted, c.of.metric = r.flag(), r.metric()
	n = r.number()
	want, axis := kindOf(c.of.metric, report)
	r.broken = r.broken || kind != want || len(c.day) != len("2006-01-02")
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

// stretch is the one of a moment.
func (p *past) stretch(at int64) stretch {
	t := time.Unix(0, at).In(zone)
	first := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone).UnixNano()
	if i, found := slices.BinarySearch(p.turns, at); found || i > 0 && p.turns[i-1] > first {
		if found {
			return at
		}
		return p.turns[i-1]
	}
	return first
}

// counted are the changes that the records say, but of figures that reports have.
func (p *past) counted() map[noted]int64 {
	all := map[noted]int64{}
	for c, n := range p.trail.changes {
		if len(c.day) > 0 && !p.claimed[claim(c.of.unit, c.of.metric, c.day)] {
			all[c] = n
		}
	}
	return all
}

// brought is what the reports that count bring on which day.
func (p *past) brought() map[noted]int64 {
	all := map[noted]int64{}
	for o, months := range p.said() {
		level := int64(0)
		for _, month := range slices.Sorted(maps.Keys(months)) {
			all[noted{of: o, day: lastDay(month)}] += months[month] - level
			if stocks[o.metric] {
				level = months[month]
			}
		}
	}
	return all
}

// differing returns the first difference of two lists of changes.
func differing(what string, kept, want map[noted]int64) error {
	isZero := func(_ noted, n int64) bool { return n == 0 }
	maps.DeleteFunc(kept, isZero)
	maps.DeleteFunc(want, isZero)
	if maps.Equal(kept, want) {
		return nil
	}
	named := func(all map[noted]int64) map[string]int64 {
		list := map[string]int64{}
		for c, n := range all {
			list[fmt.Sprintf("%s at %v: %s of %v on %s", c.name, time.Unix(0, c.at).UTC(), c.of.metric, c.of.where, c.day)] = n
		}
		return list
	}
	return differ("figures.journal: %s: %s", what, firstOf(named(kept), named(want)))
}

// alone holds what units themselves learnt in each stretch against the journal.
func (p *past) alone(want map[stretch]*Figures) error {
	kept := map[stretch]*Figures{}
	for _, l := range p.known {
		if kept[l.since] == nil {
			kept[l.since] = empty()
		}
		if strings.HasSuffix(l.unit, "\x01") {
			kept[l.since].learn(l)
		}
		if want[l.since] == nil {
			want[l.since] = empty()
		}
	}
	for since, w := range want {
		if kept[since] == nil {
			kept[since] = empty()
		}
		if err := kept[since].against(w, since, nil); err != nil {
			return err
		}
	}
	return nil
}

// until holds what became known until a moment against figures, but for metrics
// that are passed over.
func (p *past) until(at int64, want *Figures, pass map[string]bool) error {
	kept := empty()
	for _, l := range p.known {
		if l.since <= at {
			kept.learn(l)
		}
	}
	return kept.against(want, at, pass)
}

func empty() *Figures { return &Figures{rows: map[string]map[string]map[cell]int64{}} }

// learn adds what became known.
func (f *Figures) learn(l learnt) {
	if f.rows[l.unit] == nil {
		f.rows[l.unit] = map[string]map[cell]int64{}
	}
	if f.rows[l.unit][l.cut] == nil {
		f.rows[l.unit][l.cut] = map[cell]int64{}
	}
	f.rows[l.unit][l.cut][l.cell] += l.n
}

// against returns the first difference of what was known at a moment.
func (f *Figures) against(want *Figures, at int64, pass map[string]bool) error {
	kept, wanted := f.flat(pass), want.flat(pass)
	if maps.Equal(kept, wanted) {
		return nil
	}
	when := "now"
	if at != math.MaxInt64 {
		when = time.Unix(0, at).UTC().Format(time.RFC3339)
	}
	return differ("figures.known as of %s: %s", when, firstOf(kept, wanted))
}

// flat lists figures by all that they are of.
func (f *Figures) flat(pass map[string]bool) map[string]int64 {
	all := map[string]int64{}
	for unit, cuts := range f.rows {
		for cut, cells := range cuts {
			for c, n := range cells {
				if n != 0 && !pass[c.metric] && len(c.day) == len("2006-01-02") && numbers[c.metric] != 0 {
					all[fmt.Sprintf("%s\x00%s\x00%s %s %s %d", short(unit), cut, c.axis, c.day, c.metric, c.standing)] = n
				}
			}
		}
	}
	return all
}

// before holds figures as of past moments against counts until then. It passes over
// metrics of which reports have figures: whose one is goes by the order of counting.
func (p *past) before(ctx context.Context, kept store.Engine, sources []Source) error {
	pass := map[string]bool{}
	for figure := range p.claimed {
		pass[figure[1]] = true
	}
	for _, at := range p.moments() {
		want, err := CountUntil(ctx, kept, sources, time.Unix(0, at))
		if err != nil {
			return err
		}
		if err := p.until(at, want, pass); err != nil {
			return err
		}
	}
	return nil
}

// moments are the ends of the newest months of which something is kept, and of
// some stretches, spread evenly.
func (p *past) moments() (all []int64) {
	months, ends := map[int64]bool{}, []int64{}
	for i, l := range p.known {
		t := time.Unix(0, l.since).In(zone)
		months[time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, zone).UnixNano()-1] = true
		if i > 0 && p.known[i-1].since != l.since {
			ends = append(ends, min(l.since, p.stretch(l.since))-1)
		}
	}
	all = slices.Sorted(maps.Keys(months))
	all = all[max(0, len(all)-moments):]
	for i := range min(moments, len(ends)) {
		all = append(all, ends[i*len(ends)/min(moments, len(ends))])
	}
	return all
}
