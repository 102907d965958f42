package figures_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/ended"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

var (
	units     = []string{"units/root", "units/a", "units/b", "units/a1", "units/a2", "units/b1", "units/a1x"}
	campaigns = []string{"", "campaigns/x", "campaigns/y"}
	metrics   = []aggregation.Metric{
		aggregation.ProblemsFound, aggregation.ProblemsOpen, aggregation.ProblemsRectifying, aggregation.ProblemsClosed,
		aggregation.ProblemsReturned, aggregation.ProblemsCancelled, aggregation.ProblemsOverdue, aggregation.ItemsMissing,
		aggregation.UnitsReporting,
	}
	reportable = []aggregation.Metric{
		aggregation.ProblemsFound, aggregation.ProblemsClosed, aggregation.ProblemsRectifying, aggregation.ProblemsOverdue,
	}
)

// past is a random history. What happens to units is folded at once, records
// wait and are folded in runs, as the followers do it.
type past struct {
	*rapid.T
	engine  store.Engine
	now     time.Time
	naive   naive
	waiting []func(*figures.Fold) error
}

func newPast(t *testing.T, r *rapid.T) *past {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	p := &past{T: r, now: time.Date(2025, 11, 20, 2, 0, 0, 0, time.UTC), naive: naive{
		problems: map[string]*life{}, ledgers: map[string]*rectificationv1.Ledger{}, holders: map[figure]string{}, since: map[string]string{}, until: map[string]string{}, told: map[string]string{},
	}}
	if p.engine, err = bolt.Open(filepath.Join(dir, "figures.db"), bolt.Options{MapSize: 1 << 24}); err != nil {
		t.Fatal(err)
	}
	for i, above := range []string{"", "units/root", "units/root", "units/a", "units/a", "units/b"} {
		p.lie(units[i], above)
	} // the last one gets its place after some of what counts in it, if it gets one
	return p
}

func (p *past) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(p.T, label) }
func (p *past) one(of []string) string       { return rapid.SampledFrom(of).Draw(p.T, "one") }
func (p *past) stamp() *timestamppb.Timestamp {
	return timestamppb.New(p.now)
}

// near is a day around today, or none.
func (p *past) near() string {
	if n := p.pick("days", 90); n > 0 {
		return civil(p.now.AddDate(0, 0, n-50))
	}
	return ""
}

func (p *past) fold(do func(*figures.Fold) error) {
	err := p.engine.Update(p.Context(), func(tx store.Tx) error {
		f := figures.New(tx)
		if err := do(f); err != nil {
			return err
		}
		return f.Flush()
	})
	if err != nil {
		p.Fatal(err)
	}
}

// foldNow is fold of what takes effect now.
func (p *past) foldNow(do func(*figures.Fold) error) {
	p.fold(func(f *figures.Fold) error {
		if err := f.At(p.now); err != nil {
			return err
		}
		return do(f)
	})
}

func (p *past) lie(unit, above string) {
	p.naive.moves = append(p.naive.moves, move{unit, above, civil(p.now)})
	p.foldNow(func(f *figures.Fold) error { return f.Unit(unit, above) })
}

// count folds the next n records in one run.
func (p *past) count(n int) {
	n = min(n, len(p.waiting))
	p.fold(func(f *figures.Fold) error {
		for _, record := range p.waiting[:n] {
			if err := record(f); err != nil {
				return err
			}
		}
		return nil
	})
	p.waiting = p.waiting[n:]
}

func (p *past) actions() map[string]func(*rapid.T) {
	do := func(f func()) func(*rapid.T) {
		return func(t *rapid.T) { p.T = t; f() }
	}
	return map[string]func(*rapid.T){
		"later":    do(func() { p.now = p.now.Add(time.Duration(p.pick("hours", 500)) * time.Hour) }),
		"move":     do(p.move),
		"merge":    do(p.merge),
		"problem":  do(p.problem),
		"problem2": do(p.problem),
		"problem3": do(p.problem),
		"ledger":   do(p.ledger),
		"report":   do(p.report),
		"report2":  do(p.report),
		"count":    do(func() { p.count(1 + p.pick("records", 12)) }),
	}
}

func (p *past) move() {
	unit, to := p.one(units[1:]), p.one(units)
	if p.naive.placed(to) && !p.naive.within(to, unit, "9999") {
		p.lie(unit, to)
	}
}

// merge lays a unit, and before it all that lie beneath it, under another.
func (p *past) merge() {
	source, target := p.one(units[1:]), p.one(units)
	if !p.naive.placed(target) || p.naive.within(target, source, "9999") {
		return
	}
	for _, unit := range units {
		if p.naive.parent(unit, "9999") == source {
			p.lie(unit, target)
		}
	}
	p.lie(source, target)
}

// problem enters a problem, or changes one.
func (p *past) problem() {
	name, day := fmt.Sprint("ledgers/l/problems/", p.pick("problem", 6)), civil(p.now)
	is := &rectificationv1.Problem{Name: name, Unit: p.one(units), Campaign: p.one(campaigns), CreateTime: p.stamp()}
	if l := p.naive.problems[name]; l != nil && l.now() != nil {
		is = proto.CloneOf(l.now())
	}
	is.State, is.CloseTime = rectificationv1.Problem_State(1+p.pick("state", 9)), p.stamp()
	is.Category, is.Source = p.one([]string{"", "c1", "c2"}), rectificationv1.Problem_Source(1+p.pick("source", 2))
	is.Accepted, is.Deadline, is.Returns = p.pick("accepted", 2) == 1, p.near(), is.GetReturns()+int32(p.pick("returned", 2))
	if is.AcceptedContent = nil; is.GetAccepted() && p.pick("kept", 3) > 0 {
		is.AcceptedContent = &rectificationv1.AcceptedContent{Category: p.one([]string{"", "c1", "c2"})}
	}
	var body proto.Message = is
	if p.pick("gone", 12) == 0 {
		is, body = nil, nil
	}
	p.naive.change(is, name, day)
	p.record(name, body)
}

func (p *past) record(name string, body proto.Message) {
	at := p.now
	p.waiting = append(p.waiting, func(f *figures.Fold) error {
		if err := f.At(at); err != nil {
			return err
		}
		return f.Record(name, func(before *aggregation.Fact, day string) aggregation.Fact {
			return aggregation.FactOf(body, before, day)
		})
	})
}

func (p *past) ledger() {
	name := fmt.Sprint("ledgers/", p.pick("ledger", 4))
	l := &rectificationv1.Ledger{Name: name, Unit: p.one(units), Campaign: p.one(campaigns), FilingDueDate: p.near(), Version: int32(p.pick("version", 2))}
	p.naive.ledgers[name] = l
	p.record(name, l)
}

// report enters one row of an accepted report, of few figures, so that they meet.
func (p *past) report() {
	p.count(len(p.waiting)) // whose a figure is goes by the order of counting
	r := reported.Figure{
		Cell:   aggregation.Cell{Unit: p.one(units[3:5]), Campaign: p.one(campaigns[:2])},
		Metric: rapid.SampledFrom(reportable).Draw(p.T, "metric"),
		Months: []string{p.now.AddDate(0, -1-p.pick("months", 3), -p.now.Day()+1).Format("2006-01")}, Source: p.one([]string{"s", "t"}),
		Sequence: int64(1 + p.pick("sequence", 9)), Supersedes: int64(p.pick("superseded", 9)), Value: int64(p.pick("value", 6)),
	}
	if r.Cell.Campaign != "" {
		r.Cell.Category = p.one([]string{"", "c1"})
	}
	if r.Supersedes == r.Sequence {
		r.Supersedes = 0
	}
	p.foldNow(func(f *figures.Fold) error {
		if p.pick("withdraw", 4) == 0 {
			p.naive.withdraw(r)
			return f.Withdraw(r)
		}
		_, counted, err := f.Enter(r)
		if counts := p.naive.enter(r); counts != counted {
			return fmt.Errorf("entering %+v = %v, %w, want it counted: %v", r, counted, err, counts)
		}
		return nil
	})
}

// ask compares one answer with the naive one.
func (p *past) ask(tx store.Tx) error {
	q := figures.Query{
		Unit: p.one(units), Campaign: p.one(campaigns), Source: p.one([]string{"", "SELF_CHECK"}), Start: p.near(), End: p.near(),
		Today: civil(p.now.AddDate(0, 0, p.pick("ahead", 3))), Own: p.pick("own", 2) == 1, Beneath: p.pick("beneath", 2) == 1,
	}
	if q.Campaign != "" {
		q.Category = p.one([]string{"", "c1"})
	}
	if q.End = max(q.Start, q.End); q.End == "" {
		q.End = q.Today
	}
	all, err := figures.Read(tx, q, aggregation.Sums(aggregation.Definitions...))
	if err != nil {
		return err
	}
	for _, m := range metrics {
		one, err := figures.Read(tx, q, aggregation.Sums(*aggregation.Define(m)))
		if err != nil {
			return err
		}
		if want := p.naive.value(q, m); all[m] != want || one[m] != want {
			return fmt.Errorf("%s of %+v is %d, read alone %d; want %d", aggregation.Define(m).ID, q, all[m], one[m], want)
		}
	}
	if err := p.askEnded(tx, q); err != nil {
		return err
	}
	owed, err := figures.ReadOwed(tx, q, 100)
	if want := p.naive.owed(q); err != nil || !slices.Equal(owed, want) {
		return fmt.Errorf("owed of %+v is %v, %w; want %v", q, owed, err, want)
	}
	return nil
}

// askEnded compares what reports had told until a unit's own records began.
func (p *past) askEnded(tx store.Tx, q figures.Query) error {
	want := p.naive.ended(q)
	for _, limit := range []int{100, 1} {
		list, more, err := figures.ReadEnded(tx, q, limit)
		if err != nil || more != (len(want) > limit) || len(list) != min(limit, len(want)) {
			return fmt.Errorf("of %+v at most %d ended, %v: %v, more: %v; want %v", q, limit, err, list, more, want)
		}
		for i, e := range list {
			key := ended.Ended{Day: e.Day, Unit: e.Unit, Metric: e.Metric}
			if n := want[key]; n != e.Value || i > 0 && list[i-1].Value < e.Value || i == 0 && slices.Max(slices.Collect(maps.Values(want))) != n {
				return fmt.Errorf("of %+v there ended %v, want %d", q, list, n)
			}
		}
	}
	return nil
}

// Whatever happened to units, records and reports, and in whatever runs it was
// folded: every answer is what a naive count of the same records gives.
func TestFoldedFiguresAreThoseOfANaiveCount(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := newPast(t, r)
		defer p.engine.Close()
		r.Repeat(p.actions())
		p.T = r
		p.count(len(p.waiting))
		err := p.engine.View(t.Context(), func(tx store.Tx) error {
			for range 20 {
				if err := p.ask(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
	})
}
