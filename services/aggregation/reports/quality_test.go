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

// A gap is the matter of the report that came after it.
func TestGapsBelongToTheReportAfter(t *testing.T) {
	s := &aggregationv1.ReportSource{MissingSequences: []*aggregationv1.ReportSource_Gap{{First: 2, Last: 4}, {First: 9, Last: 9}}}
	for sequence, want := range map[int64]int64{1: 0, 5: 3, 6: 0, 10: 1} {
		if got := reports.MissingBefore(s, []*aggregationv1.Report{{Sequence: sequence}}); got != want {
			t.Errorf("before %d are %d missing, want %d", sequence, got, want)
		}
	}
}
