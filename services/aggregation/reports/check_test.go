package reports_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// More closed than found is told and taken: a month may close what an earlier one found
// and did not yet rectify, or closed before. What a part of its own figure exceeds is
// refused.
func TestWhatAMonthMayCloseAndWhatNot(t *testing.T) {
	for name, c := range map[string]struct {
		form           string
		values         map[string]int64 // those of the period before begin with "last."
		warned, broken []string
	}{
		"as it should be":                {"ledger-monthly", map[string]int64{"last.rectifying": 2, "found": 3, "closed": 4, "rectifying": 1}, nil, nil},
		"planned before, closed now":     {"ledger-monthly", map[string]int64{"last.rectifying": 0, "found": 0, "closed": 1, "rectifying": 0}, []string{"carry-over", "closed-of-known"}, nil},
		"the first month of a source":    {"ledger-monthly", map[string]int64{"found": 0, "closed": 9, "rectifying": 0}, nil, nil},
		"all of it late":                 {"tasks-monthly", map[string]int64{"submitted": 2, "late": 2}, nil, nil},
		"more late than came":            {"tasks-monthly", map[string]int64{"submitted": 1, "late": 2}, nil, []string{"late-of-submitted"}},
		"more in time than accepted":     {"complaints-monthly", map[string]int64{"accepted": 1, "accepted_in_time": 2}, nil, []string{"in-time-of-accepted"}},
		"more decided than there was to": {"complaints-monthly", map[string]int64{"decisions_due": 1, "decided_in_time": 2}, nil, []string{"decided-of-due"}},
	} {
		form, err := reports.FindForm("reportForms/" + c.form)
		if err != nil {
			t.Fatal(err)
		}
		values := func(field string, last bool) (int64, bool) {
			if last {
				field = "last." + field
			}
			v, ok := c.values[field]
			return v, ok
		}
		row, broken := &aggregationv1.Report_Row{}, []string(nil)
		for _, check := range reports.Broken(form, values) {
			if reports.Broke(row, check) != nil {
				broken = append(broken, check.GetId())
			}
		}
		if diff := cmp.Diff([][]string{c.warned, c.broken}, [][]string{row.GetWarnings(), broken}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
