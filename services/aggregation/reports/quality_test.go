package reports_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// What there is nothing of to judge neither raises nor lowers a score, and who
// sends nothing of what is owed has none.
func TestTheScoreOfAMonth(t *testing.T) {
	due := func(state aggregationv1.ReportDue_State) *aggregationv1.ReportDue {
		return &aggregationv1.ReportDue{State: state}
	}
	missing, accepted := due(aggregationv1.ReportDue_STATE_MISSING), due(aggregationv1.ReportDue_STATE_ACCEPTED)
	report := &aggregationv1.Report{State: aggregationv1.Report_STATE_ACCEPTED, Totals: &aggregationv1.Report_Totals{Rows: 4, Rejected: 1}}
	lately := proto.CloneOf(report)
	lately.Late = true // as whoever sent it, who did not owe it, was told before
	// A nil report in time, and what it should have been, half a year later.
	nothing := &aggregationv1.Report{State: aggregationv1.Report_STATE_SUPERSEDED, NilReport: true}
	righted := &aggregationv1.Report{State: aggregationv1.Report_STATE_ACCEPTED, Supersedes: "reports/nil", Totals: &aggregationv1.Report_Totals{Rows: 4}}
	for name, c := range map[string]struct {
		sent   reports.Sent
		score  int64 // -1: none
		judged int
	}{
		"nothing is owed":    {reports.Sent{}, -1, 0},
		"nothing came":       {reports.Sent{Owed: []*aggregationv1.ReportDue{missing, missing}}, 0, 1},
		"half came":          {reports.Sent{Owed: []*aggregationv1.ReportDue{missing, accepted}, Due: []*aggregationv1.Report{report}, Reports: []*aggregationv1.Report{report}}, 80_000, 5},
		"with gaps":          {reports.Sent{Owed: []*aggregationv1.ReportDue{accepted}, Due: []*aggregationv1.Report{report}, Reports: []*aggregationv1.Report{report}, Missing: 1}, 90_000, 5},
		"put right later":    {reports.Sent{Owed: []*aggregationv1.ReportDue{accepted}, Due: []*aggregationv1.Report{nothing, righted}, Reports: []*aggregationv1.Report{nothing, righted}}, 95_000, 5},
		"beside what is due": {reports.Sent{Reports: []*aggregationv1.Report{lately}}, 90_000, 3},
	} {
		q := reports.QualityOf("reportSources/s", "2026-01", c.sent)
		judged := 0
		for _, part := range q.GetParts() {
			if !part.GetNotJudged() {
				judged++
			}
		}
		if (q.ScoreMilli == nil) != (c.score < 0) || c.score >= 0 && q.GetScoreMilli() != c.score || judged != c.judged {
			t.Errorf("%s: %v of %d parts, want %d of %d", name, q.GetScoreMilli(), judged, c.score, c.judged)
		}
	}
}

// A row in conflict that breaks a check too is one row, and one that a check refused is none
// that holds together.
func TestEachRowIsInconsistentOnce(t *testing.T) {
	conflict := &aggregationv1.Report_Row{Verdict: aggregationv1.Report_VERDICT_CONFLICT, Warnings: []string{"carry-over", "closed-of-known"}}
	refused := &aggregationv1.Report_Row{Verdict: aggregationv1.Report_VERDICT_REJECTED, Reason: reports.ErrCheckBroken.Reason}
	unread := &aggregationv1.Report_Row{Verdict: aggregationv1.Report_VERDICT_REJECTED, Reason: reports.ErrValueUnreadable.Reason}
	warned := &aggregationv1.Report_Row{Verdict: aggregationv1.Report_VERDICT_CREATED, Warnings: []string{"carry-over"}}
	clean := &aggregationv1.Report_Row{Verdict: aggregationv1.Report_VERDICT_CREATED}
	for name, c := range map[string]struct {
		rows []*aggregationv1.Report_Row
		good int64
	}{
		"in conflict, with warnings": {[]*aggregationv1.Report_Row{conflict, conflict, conflict, clean, clean, clean}, 3},
		"refused by a check":         {[]*aggregationv1.Report_Row{refused, refused, clean}, 1},
		"not to be read":             {[]*aggregationv1.Report_Row{unread, clean}, 2}, // that is another part's
		"with warnings alone":        {[]*aggregationv1.Report_Row{warned, clean}, 1},
	} {
		r := &aggregationv1.Report{Totals: &aggregationv1.Report_Totals{}}
		reports.Tally(r.Totals, 1, c.rows...)
		r.Totals = reports.Less(reports.Sum(r.GetTotals(), r.GetTotals()), r.GetTotals())
		for _, part := range reports.QualityOf("reportSources/s", "2026-01", reports.Sent{Reports: []*aggregationv1.Report{r}}).GetParts() {
			if part.GetPart() == "consistent" && (part.GetGood() != c.good || part.GetAll() != int64(len(c.rows))) {
				t.Errorf("%s: %d of %d, want %d", name, part.GetGood(), part.GetAll(), c.good)
			}
		}
	}
}

// Only where nothing is wrong all is well, however many there are.
func TestAPartIsWholeWhereAllIs(t *testing.T) {
	for _, c := range []struct{ wrong, all, milli int64 }{
		{0, 100_013, 1000}, {26, 100_013, 999}, {1, 400_000, 999}, {1, 3, 667}, {3, 4000, 999}, {400_000, 400_000, 0},
	} {
		r := &aggregationv1.Report{Totals: &aggregationv1.Report_Totals{Rows: int32(c.all), Rejected: int32(c.wrong), Inconsistent: int32(c.wrong)}}
		for _, part := range reports.QualityOf("reportSources/s", "2026-01", reports.Sent{Reports: []*aggregationv1.Report{r}}).GetParts() {
			if is := part.GetPart(); (is == "consistent" || is == "valid") && part.GetMilli() != c.milli {
				t.Errorf("%s: %d wrong of %d are %d, want %d", is, c.wrong, c.all, part.GetMilli(), c.milli)
			}
		}
	}
}

// A gap is the matter of the report that came after it.
func TestGapsBelongToTheReportAfter(t *testing.T) {
	s := &aggregationv1.ReportSource{MissingSequences: []*aggregationv1.ReportSource_Gap{{First: 2, Last: 4}, {First: 9, Last: 9}}}
	for sequence, want := range map[int64]int64{1: 0, 5: 3, 6: 0, 10: 1} {
		if got := reports.MissingBefore(s, []*aggregationv1.Report{{Sequence: sequence}}); got != want {
			t.Errorf("before %d are %d missing, want %d", sequence, got, want)
		}
	}
}
