package server_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// named is a report of another of the district's sources.
func (r *reporter) named(source string, sequence int64, rows ...*aggregationv1.Report_Row) *aggregationv1.Report {
	report := r.report(sequence, rows...)
	report.Source = source
	return report
}

// A unit's system has a new name. Until all is withdrawn that was said of a stock under the
// old one, that keeps it; then whoever says it next has it, and what waits for a superior
// counts as proposed since.
func TestAStockIsReleasedWithItsLastRow(t *testing.T) {
	r := newReporter(t)
	typo := r.scene.sent(r.named("typo", 1, row(r.district, "rectifying", 7), row(r.district, "overdue", 3), row(r.district, "found", 1)))
	r.accepted(typo.GetName())
	if got := r.scene.sent(r.named("right", 1, row(r.district, "rectifying", 5))).GetRows()[0]; got.GetReason() != reports.ErrFigureTaken.Reason {
		t.Errorf("what another source has came to %v", got)
	}
	less := r.named("typo", 2, row(r.district, "overdue", 3), row(r.district, "found", 1))
	less.Supersedes = typo.GetName()
	r.accepted(r.scene.sent(less).GetName())
	r.counts("when rectifying is withdrawn", [4]int64{1, 0, 0, 3})
	both := r.scene.sent(r.named("right", 2, row(r.district, "rectifying", 5), row(r.district, "overdue", 2)))
	for i, want := range []string{"", reports.ErrFigureTaken.Reason} {
		if got := both.GetRows()[i].GetReason(); got != want {
			t.Errorf("row %d came to %q, want %q", i, got, want)
		}
	}
	r.expects("while that waits", [4]int64{1, 0, 1, 5})
	r.accepted(both.GetName())
	r.counts("under the new name", [4]int64{1, 0, 5, 3})
	if got := r.scene.sent(r.named("typo", 3, row(r.district, "rectifying", 9))).GetRows()[0]; got.GetReason() != reports.ErrFigureTaken.Reason {
		t.Errorf("what the new name has came to %v", got)
	}
	r.recounted()
}

// stockBelow lets one of two sources below tell anew what stands at a unit in a month, as far
// as that one's desk lets it, before or after what it said is withdrawn.
func (j *joined) stockBelow() {
	source := []string{"s", "t"}[j.pick("source", 2)]
	period := j.now.AddDate(0, -j.pick("months", 3), -j.now.Day()+1).Format("2006-01")
	j.reports++
	j.sent[source]++ // others have the same numbers
	r := &aggregationv1.Report{
		Name: fmt.Sprintf("reports/below-%d", j.reports), Form: "reportForms/ledger-monthly", Unit: "units/a", Source: source, Period: period,
		Sequence: j.sent[source],
	}
	free := true
	for key, page := range j.last {
		free = free && (key[:1] == source || !page.GetRows()[0].GetCounted())
	}
	row := &aggregationv1.Report_Row{ResolvedUnit: recordless, Field: "rectifying", Value: int64(j.pick("value", 5)), Counted: free && j.flip("counted"), Verdict: 1}
	page := &aggregationv1.ReportPage{Name: r.GetName() + "/pages/000000", Report: r.GetName(), Rows: []*aggregationv1.Report_Row{row}}
	tell := func() {
		j.append(belowReports, r.GetName(), r)
		j.append(belowReports, page.GetName(), proto.CloneOf(page))
	}
	old := j.last[source+period]
	first := old != nil && j.flip("withdrawn first")
	if old != nil {
		old.Rows[0].Counted = false
	}
	if !first {
		tell()
	}
	if old != nil {
		j.append(belowReports, old.GetName(), proto.CloneOf(old))
	}
	if first {
		tell()
	}
	j.last[source+period] = page
}

// Sources here and in an installation below tell of one stock, and withdraw it: whichever is
// counted first, and whatever awaits a superior meanwhile.
func TestAStockThatIsReleasedHereAndBelow(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		j := newJoined(t, r)
		defer j.close()
		j.about = []string{"a3"}
		all := map[string]func(*rapid.T){}
		for _, action := range []string{"later", "report", "submit", "review"} {
			all[action] = j.history.actions()[action]
		}
		all["below"] = func(t *rapid.T) { j.T = t; j.stockBelow() }
		all["count reports"] = func(t *rapid.T) { j.T = t; j.countBelow(belowReports, 1+j.pick("entries", 3)) }
		for _, action := range []string{"report", "submit", "review", "below"} {
			all[action+"2"] = all[action]
		}
		r.Repeat(all)
		j.T = r
		if err := recount.Check(t.Context(), j.stores["aggregation"], j.settleBelow()); err != nil {
			r.Fatal(err)
		}
	})
}
