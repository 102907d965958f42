package figures_test

import (
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// workshop is two units, of which reports and records tell.
type workshop struct {
	*testing.T
	engine store.Engine
}

func newWorkshop(t *testing.T) *workshop {
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "figures.db"), bolt.Options{MapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &workshop{t, engine}
	w.fold("2026-01-01", func(f *figures.Fold) error { return f.Unit("units/root", "") })
	for _, unit := range []string{"units/a", "units/b"} {
		w.fold("2026-01-01", func(f *figures.Fold) error { return f.Unit(unit, "units/root") })
	}
	return w
}

func (w *workshop) noon(day string) time.Time {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		w.Fatal(err)
	}
	return at.Add(4 * time.Hour)
}

func (w *workshop) fold(day string, do func(*figures.Fold) error) {
	w.Helper()
	err := w.engine.Update(w.Context(), func(tx store.Tx) error {
		f := figures.New(tx)
		if err := f.At(w.noon(day)); err != nil {
			return err
		}
		if err := do(f); err != nil {
			return err
		}
		return f.Flush()
	})
	if err != nil {
		w.Fatal(err)
	}
}

// said enters what a report says of the end of a month, in the place of another, and
// says whether it counts.
func (w *workshop) said(day, unit string, m aggregation.Metric, month string, sequence, supersedes, value int64) (counted bool) {
	w.Helper()
	w.fold(day, func(f *figures.Fold) error {
		var err error
		_, counted, err = f.Enter(reported.Figure{
			Cell: aggregation.Cell{Unit: unit}, Metric: m, Months: []string{month}, Source: "s", Sequence: sequence, Supersedes: supersedes, Value: value,
		})
		if !counted {
			return nil
		}
		return err
	})
	return counted
}

// problem is being rectified at a unit since a day, until a deadline.
func (w *workshop) problem(day, unit, deadline string) {
	w.Helper()
	w.fold(day, func(f *figures.Fold) error {
		return f.Record("ledgers/l/problems/"+unit, func(before *aggregation.Fact, day string) aggregation.Fact {
			return aggregation.FactOf(&rectificationv1.Problem{
				Unit: unit, State: rectificationv1.Problem_STATE_RECTIFYING, Deadline: deadline, Accepted: true, CreateTime: timestamppb.New(w.noon(day)),
			}, before, day)
		})
	})
}

// wants holds the root's figures of problems being rectified and overdue at the end of
// days, now and as of these days, against what they should be.
func (w *workshop) wants(want map[string][2]int64) {
	w.Helper()
	wanted := aggregation.Sums(*aggregation.Define(aggregation.ProblemsRectifying), *aggregation.Define(aggregation.ProblemsOverdue))
	for day, n := range want {
		err := w.engine.View(w.Context(), func(tx store.Tx) error {
			v, err := figures.Read(tx, figures.Query{Unit: "units/root", End: day, Today: day}, wanted)
			if got := [2]int64{v[aggregation.ProblemsRectifying], v[aggregation.ProblemsOverdue]}; got != n {
				w.Errorf("on %s there are %d being rectified and overdue, want %d", day, got, n)
			}
			return err
		})
		if err != nil {
			w.Fatal(err)
		}
	}
}

// overdue are the root's problems overdue today, of a period that ended.
func (w *workshop) overdue(end, today string) (n int64) {
	w.Helper()
	err := w.engine.View(w.Context(), func(tx store.Tx) error {
		v, err := figures.Read(tx, figures.Query{Unit: "units/root", End: end, Today: today}, aggregation.Sums(*aggregation.Define(overdue)))
		n = v[overdue]
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// asOf is what the root had of a metric at the end of a day, as was known at noon of another.
func (w *workshop) asOf(day, end string, m aggregation.Metric) (n int64) {
	w.Helper()
	err := w.engine.View(w.Context(), func(tx store.Tx) (err error) {
		q := figures.Query{Unit: "units/root", End: end, Today: day}
		if q.AsOf, err = figures.NewPast(tx, w.noon(day), q); err != nil {
			return err
		}
		v, err := figures.Read(tx, q, aggregation.Sums(*aggregation.Define(m)))
		n = v[m]
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

const (
	rectifying = aggregation.ProblemsRectifying
	overdue    = aggregation.ProblemsOverdue
)

// A report tells of its period. Once a unit has problems of its own it is counted by
// these; one that has none goes on with what it last reported.
func TestAReportTellsOfItsPeriodAlone(t *testing.T) {
	w := newWorkshop(t)
	for _, unit := range []string{"units/a", "units/b"} {
		if !w.said("2026-09-05", unit, rectifying, "2026-08", 1, 0, 5) || !w.said("2026-09-05", unit, overdue, "2026-08", 1, 0, 2) {
			t.Fatal("a report of August does not count")
		}
	}
	w.problem("2026-09-10", "units/a", "2026-09-20")
	w.wants(map[string][2]int64{
		"2026-08-30": {0, 0}, "2026-08-31": {10, 4}, "2026-09-09": {10, 4}, "2026-09-10": {6, 2}, "2026-09-20": {6, 2}, "2026-09-21": {6, 3}, "2026-12-01": {6, 3},
	})
	for day, want := range map[string][2]int64{"2026-09-04": {0, 0}, "2026-09-09": {10, 4}, "2026-09-10": {6, 2}, "2026-10-10": {6, 3}} {
		if got := [2]int64{w.asOf(day, day, rectifying), w.asOf(day, day, overdue)}; got != want {
			t.Errorf("as of %s there were %d being rectified and overdue, want %d", day, got, want)
		}
	}
	if got := w.overdue("2026-08-31", "2026-12-01"); got != 3 {
		t.Errorf("of August %d are overdue in December, want 3: what is overdue is as of today", got)
	}
	for _, c := range []struct {
		unit, month     string
		supersedes      int64
		value, sequence int64
		counts          bool
	}{
		{"units/a", "2026-09", 0, 0, 2, false}, // its own records tell of September
		{"units/b", "2026-09", 0, 3, 2, true},
		{"units/a", "2026-08", 1, 7, 3, true}, // August remains the report's, to correct
		{"units/a", "2026-07", 0, 4, 4, true},
	} {
		if counts := w.said("2026-10-05", c.unit, rectifying, c.month, c.sequence, c.supersedes, c.value); counts != c.counts {
			t.Errorf("a report of %s in %s counts: %v, want %v", c.unit, c.month, counts, c.counts)
		}
	}
	w.wants(map[string][2]int64{"2026-07-31": {4, 0}, "2026-08-31": {12, 4}, "2026-09-10": {6, 2}, "2026-09-30": {4, 3}})
}

// What a unit has of its own counts behind the periods that reports have told of, also
// if it is counted late, and whatever of its problems was first.
func TestRecordsThatComeLateCountBehindWhatIsReported(t *testing.T) {
	w := newWorkshop(t)
	if !w.said("2026-09-05", "units/a", overdue, "2026-08", 1, 0, 2) || !w.said("2026-09-05", "units/a", rectifying, "2026-07", 1, 0, 5) {
		t.Fatal("a report does not count")
	}
	w.problem("2026-08-20", "units/a", "")
	w.wants(map[string][2]int64{"2026-07-31": {5, 0}, "2026-08-25": {5, 0}, "2026-08-31": {5, 2}, "2026-09-01": {1, 0}, "2026-12-01": {1, 0}})
	for day, want := range map[string][2]int64{"2026-08-25": {0, 0}, "2026-09-03": {1, 0}, "2026-09-05": {1, 0}} {
		if got := [2]int64{w.asOf(day, day, rectifying), w.asOf(day, day, overdue)}; got != want {
			t.Errorf("as of %s there were %d being rectified and overdue, want %d", day, got, want)
		}
	}
}

// What an installation below counts of a report counts here in the place of what its
// feed says of the month, and nobody ever knew less, also if that was counted before.
func TestAReportFromBelowTakesItsMonthBack(t *testing.T) {
	w := newWorkshop(t)
	w.fold("2026-02-10", func(f *figures.Fold) error {
		return f.Record("ledgers/l/problems/a", func(before *aggregation.Fact, day string) aggregation.Fact {
			return aggregation.FactOf(&rectificationv1.Problem{
				Unit: "units/a", Source: rectificationv1.Problem_SOURCE_SUPERIOR, Accepted: true, CreateTime: timestamppb.New(w.noon("2026-01-20")),
			}, before, day)
		})
	})
	w.fold("2026-02-03", func(f *figures.Fold) error {
		return f.EnterJudged(reported.Figure{
			Cell: aggregation.Cell{Unit: "units/a"}, Metric: aggregation.ProblemsFound, Months: []string{"2026-01"}, Source: "s", Sequence: 1, Value: 8,
		})
	})
	for day, want := range map[string]int64{"2026-02-02": 0, "2026-02-03": 8, "2026-02-05": 8, "2026-02-10": 8} {
		if n := w.asOf(day, day, aggregation.ProblemsFound); n != want {
			t.Errorf("as of %s %d were found, want %d", day, n, want)
		}
	}
}

// What counts in a unit before it has a place counts, once it has one, under those above it
// as they lay in time, and as it was known at any moment.
func TestWhatCountsBeforeItsUnitHasAPlace(t *testing.T) {
	w := newWorkshop(t)
	w.fold("2026-08-10", func(f *figures.Fold) error { return f.Unit("units/b", "units/a") })
	w.fold("2026-09-01", func(f *figures.Fold) error { return f.Unit("units/a", "") })
	w.problem("2026-08-01", "units/new", "2026-08-05")
	w.said("2026-09-05", "units/new", aggregation.ComplaintsReceived, "2026-07", 1, 0, 4)
	w.said("2026-10-05", "units/new", aggregation.ComplaintsReceived, "2026-09", 2, 0, 7)
	w.fold("2026-10-10", func(f *figures.Fold) error { return f.Unit("units/new", "units/b") })
	w.fold("2026-11-01", func(f *figures.Fold) error { return f.Unit("units/b", "units/root") })
	w.wants(map[string][2]int64{"2026-07-31": {0, 0}, "2026-08-01": {1, 0}, "2026-08-31": {1, 1}, "2026-09-01": {0, 1}, "2026-10-31": {0, 1}, "2026-11-01": {1, 1}})
	for day, want := range map[string][3]int64{
		"2026-07-31": {0, 0, 0}, "2026-08-31": {1, 1, 0}, "2026-09-04": {0, 0, 0}, "2026-09-05": {0, 0, 4}, "2026-10-31": {0, 0, 4}, "2026-11-02": {1, 1, 4},
	} {
		if got := [3]int64{w.asOf(day, day, rectifying), w.asOf(day, day, overdue), w.asOf(day, day, aggregation.ComplaintsReceived)}; got != want {
			t.Errorf("as of %s there were %d being rectified, overdue and received, want %d", day, got, want)
		}
	}
}

// complaint is about a unit: it came and was accepted on a day, and was replied to.
func (w *workshop) complaint(day, unit string) {
	w.Helper()
	w.fold(day, func(f *figures.Fold) error {
		return f.Record("complaints/"+unit, func(before *aggregation.Fact, day string) aggregation.Fact {
			at := timestamppb.New(w.noon(day))
			return aggregation.FactOf(&complaintv1.Complaint{
				Unit: unit, Type: complaintv1.Complaint_TYPE_COMPLAINT, State: complaintv1.Complaint_STATE_ACCEPTED, CreateTime: at, AcceptTime: at,
				ReplyTime: at, DecideDue: &complaintv1.Due{Date: "2026-01-01"},
			}, before, day)
		})
	})
}

// All that came in a month of what is counted alike is of one source, the first that is
// counted; what reports never tell is the feed's all the same.
func TestAMonthHasOneSource(t *testing.T) {
	w := newWorkshop(t)
	received, inTime := aggregation.ComplaintsReceived, aggregation.ComplaintsAcceptedInTime
	w.complaint("2026-08-10", "units/a")
	if w.said("2026-09-05", "units/a", inTime, "2026-08", 1, 0, 1) {
		t.Error("a report tells what was in time of a month whose complaints are here")
	}
	if !w.said("2026-09-05", "units/b", inTime, "2026-08", 1, 0, 4) {
		t.Error("a report of a month without any does not count")
	}
	w.complaint("2026-08-20", "units/b") // it is counted later than the report
	if !w.said("2026-09-06", "units/b", received, "2026-08", 2, 0, 5) {
		t.Error("the source of a month does not count")
	}
	all := aggregation.Sums(aggregation.Definitions...)
	err := w.engine.View(w.Context(), func(tx store.Tx) error {
		v, err := figures.Read(tx, figures.Query{Unit: "units/root", End: "2026-09-30", Today: "2026-09-30"}, all)
		for m, want := range map[aggregation.Metric]int64{received: 6, aggregation.ComplaintsAccepted: 1, inTime: 4, aggregation.ComplaintsReplied: 2} {
			if v[m] != want {
				t.Errorf("%s is %d, want %d", aggregation.Define(m).ID, v[m], want)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A unit is one that reports from the end of the first period that was told until its own
// records begin, as was known at any moment, whatever was counted first.
func TestAUnitReportsUntilItKeepsRecords(t *testing.T) {
	w := newWorkshop(t)
	w.said("2026-09-05", "units/a", rectifying, "2026-08", 1, 0, 5)
	w.said("2026-09-05", "units/b", aggregation.ProblemsFound, "2026-08", 1, 0, 5) // a flow alone
	w.said("2026-09-20", "units/a", overdue, "2026-06", 2, 0, 1)
	w.said("2026-09-10", "units/a", overdue, "2026-07", 3, 0, 1) // of another feed, counted late
	w.said("2026-09-21", "units/a", overdue, "2026-06", 4, 2, 0)
	w.problem("2026-09-03", "units/a", "") // counted late
	for _, c := range []struct {
		asOf, end string
		want      int64
	}{
		{"2026-12-01", "2026-06-29", 0}, {"2026-12-01", "2026-06-30", 1}, {"2026-12-01", "2026-09-02", 1}, {"2026-12-01", "2026-09-03", 0},
		{"2026-09-04", "2026-08-31", 0}, {"2026-09-04", "2026-09-03", 0},
		{"2026-09-05", "2026-08-30", 0}, {"2026-09-05", "2026-08-31", 1}, {"2026-09-05", "2026-09-03", 0},
		{"2026-09-10", "2026-07-30", 0}, {"2026-09-10", "2026-07-31", 1}, {"2026-09-19", "2026-06-30", 0}, {"2026-09-20", "2026-06-30", 1},
	} {
		if got := w.asOf(c.asOf, c.end, aggregation.UnitsReporting); got != c.want {
			t.Errorf("as of %s, on %s %d units report, want %d", c.asOf, c.end, got, c.want)
		}
	}
}
