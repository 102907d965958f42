package reports_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
)

// reviewed are the moves that a superior makes.
var reviewed = map[reports.Move]bool{reports.Accepting: true, reports.Returning: true}

func TestEveryMoveOfAReport(t *testing.T) {
	moves := map[reports.Move]func(*aggregationv1.Report) (*aggregationv1.Report, error){
		reports.Judging:   reports.Judged,
		reports.Accepting: func(r *aggregationv1.Report) (*aggregationv1.Report, error) { return reports.Accept(r, "who") },
		reports.Entering:  reports.Entered,
		reports.Returning: func(r *aggregationv1.Report) (*aggregationv1.Report, error) {
			return reports.Return(r, "who", "why", time.Time{})
		},
		reports.Failing: func(r *aggregationv1.Report) (*aggregationv1.Report, error) {
			return reports.Unjudged(r, 1, time.Time{})
		},
		reports.Superseding: func(r *aggregationv1.Report) (*aggregationv1.Report, error) {
			return reports.Superseded(r, "another")
		},
	}
	lifecycletest.Tried(t, reports.Life, moves)
	for number := range aggregationv1.Report_State_name {
		state := aggregationv1.Report_State(number)
		for move, apply := range moves {
			before := &aggregationv1.Report{State: state}
			after, err := apply(before)
			want, legal := reports.Life.Next(state, move)
			switch {
			case before.GetState() != state || before.GetReviewer() != "":
				t.Errorf("%s from %s changed its argument", move, state)
			case legal && (err != nil || after.GetState() != want || reviewed[move] != (after.GetReviewer() == "who")):
				t.Errorf("%s from %s = %v, %v", move, state, after, err)
			case !legal && !errors.Is(err, reports.ErrIllegalMove):
				t.Errorf("%s from %s = %v, want a refusal", move, state, err)
			}
		}
	}
}

func TestGapsInASequence(t *testing.T) {
	gap := func(first, last int64) *aggregationv1.ReportSource_Gap {
		return &aggregationv1.ReportSource_Gap{First: first, Last: last}
	}
	for name, c := range map[string]struct {
		came []int64
		want *aggregationv1.ReportSource
	}{
		"in order":  {[]int64{1, 2}, &aggregationv1.ReportSource{LastSequence: 2}},
		"a gap":     {[]int64{4}, &aggregationv1.ReportSource{LastSequence: 4, MissingTotal: 3, MissingSequences: []*aggregationv1.ReportSource_Gap{gap(1, 3)}}},
		"its start": {[]int64{4, 1}, &aggregationv1.ReportSource{LastSequence: 4, MissingTotal: 2, MissingSequences: []*aggregationv1.ReportSource_Gap{gap(2, 3)}}},
		"its end":   {[]int64{4, 3}, &aggregationv1.ReportSource{LastSequence: 4, MissingTotal: 2, MissingSequences: []*aggregationv1.ReportSource_Gap{gap(1, 2)}}},
		"within":    {[]int64{4, 2}, &aggregationv1.ReportSource{LastSequence: 4, MissingTotal: 2, MissingSequences: []*aggregationv1.ReportSource_Gap{gap(1, 1), gap(3, 3)}}},
		"filled":    {[]int64{3, 1, 2}, &aggregationv1.ReportSource{LastSequence: 3}},
		"again":     {[]int64{1, 1}, &aggregationv1.ReportSource{LastSequence: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &aggregationv1.ReportSource{}
			for _, n := range c.came {
				before := proto.CloneOf(s)
				next, err := reports.Took(s, &aggregationv1.Report{Sequence: n}, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				if !proto.Equal(s, before) {
					t.Error("the argument was changed")
				}
				s = next
			}
			if diff := cmp.Diff(c.want, s, protocmp.Transform(), protocmp.IgnoreFields(c.want, "report_time")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A number far beyond the last would leave the source none that are higher.
func TestNumbersRiseOneByOne(t *testing.T) {
	s := &aggregationv1.ReportSource{LastSequence: 7}
	if _, err := reports.Took(s, &aggregationv1.Report{Sequence: 100_007}, time.Time{}); err != nil {
		t.Error(err)
	}
	_, err := reports.Took(s, &aggregationv1.Report{Sequence: 100_008}, time.Time{})
	if f := fault.As(err); !errors.Is(err, reports.ErrSequenceFar) || len(f.Fields) != 1 || f.Fields[0].Path != "report.sequence" {
		t.Error(err)
	}
}

// Leave is for what is late, of a form that takes it with leave, and from today on.
func TestLeaveIsForWhatMayBeLate(t *testing.T) {
	for name, c := range map[string]struct {
		form, period, until string
		want                error
	}{
		"today":          {"ledger-monthly", "2026-09", "2027-03-01", nil},
		"yesterday":      {"ledger-monthly", "2026-09", "2027-02-28", reports.ErrLeaveInvalid},
		"for a year":     {"ledger-monthly", "2026-09", "2028-03-01", nil},
		"for ever":       {"ledger-monthly", "2026-09", "2028-03-02", reports.ErrLeaveInvalid},
		"just over":      {"ledger-monthly", "2027-02", "2027-04-01", nil},
		"still running":  {"ledger-monthly", "2027-03", "2027-05-01", reports.ErrLeaveInvalid},
		"never":          {"supervision-quarterly", "2026-Q3", "2027-04-01", reports.ErrLeaveRefused},
		"another rhythm": {"ledger-monthly", "2026-Q3", "2027-04-01", reports.ErrPeriodInvalid},
		"no real year":   {"ledger-monthly", "0000-01", "2027-04-01", reports.ErrPeriodInvalid},
		"the first year": {"ledger-monthly", "1900-01", "2027-04-01", nil},
		"no such form":   {"none", "2026-09", "2027-04-01", reports.ErrFormUnknown},
	} {
		l, err := reports.NewLeave(&aggregationv1.ReportLeave{Unit: "units/a", Form: "reportForms/" + c.form, Period: c.period, UntilDate: c.until, Reason: "系统故障"}, "2027-03-01")
		if !errors.Is(err, c.want) || c.want == nil && l.GetUntilDate() != c.until {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
}

// A leave that is there opens no form that takes nothing more.
func TestLeaveOpensNoFormThatIsClosed(t *testing.T) {
	for name, want := range map[string]error{"ledger-monthly": nil, "supervision-quarterly": reports.ErrWindowClosed} {
		form, err := reports.FindForm("reportForms/" + name)
		if err != nil {
			t.Fatal(err)
		}
		period := map[bool]string{true: "2026-09", false: "2026-Q3"}[name == "ledger-monthly"]
		_, err = reports.NewReport(&aggregationv1.Report{Form: form.GetName(), Period: period, NilReport: true}, reports.Arrival{
			Form: form, Today: "2027-03-01", Window: reports.Window{Due: "2026-10-10", Late: "2026-10-20"},
			Leave: &aggregationv1.ReportLeave{UntilDate: "2027-12-31"},
		})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// What a unit did not owe is not late, whenever it comes.
func TestOnlyWhatIsOwedIsLate(t *testing.T) {
	form, err := reports.FindForm("reportForms/ledger-monthly")
	if err != nil {
		t.Fatal(err)
	}
	for _, owed := range []bool{true, false} {
		r, err := reports.NewReport(&aggregationv1.Report{Form: form.GetName(), Period: "2026-09", NilReport: true}, reports.Arrival{
			Form: form, Today: "2026-10-15", Window: reports.Window{Due: "2026-10-10", Late: "2026-10-20"}, Owed: owed,
		})
		if err != nil || r.GetLate() != owed {
			t.Errorf("owed %v: late %v, %v", owed, r.GetLate(), err)
		}
	}
}

func TestGapsAreBounded(t *testing.T) {
	s := &aggregationv1.ReportSource{}
	var err error
	for n := int64(2); err == nil; n += 2 {
		if s, err = reports.Took(s, &aggregationv1.Report{Sequence: n}, time.Time{}); n > 1000 {
			t.Fatal("no end of gaps")
		}
	}
	if !errors.Is(err, reports.ErrGapsTooMany) {
		t.Error(err)
	}
}

// Every reason of the contract is declared.
func TestEveryReasonIsDeclared(t *testing.T) {
	declared := map[string]bool{}
	for _, f := range []*fault.Fault{
		aggregation.ErrNoTargets, aggregation.ErrTargetExists, aggregation.ErrTargetPeriod, aggregation.ErrTargetFixed, aggregation.ErrTargetsTooMany,
		aggregation.ErrNotAwaited, aggregation.ErrNotLate, aggregation.ErrUrgedToday, aggregation.ErrMetricMissing,
		aggregation.ErrMetricUnknown, aggregation.ErrCategoryAlone, aggregation.ErrPeriodEmpty,
		aggregation.ErrSeriesTooLong, aggregation.ErrTooManyCompared,
		reports.ErrFormUnknown, reports.ErrPeriodInvalid, reports.ErrPeriodOpen, reports.ErrWindowClosed, reports.ErrLeaveMissing,
		reports.ErrNilOrRows, reports.ErrTooLong, reports.ErrSequenceReused, reports.ErrGapsTooMany, reports.ErrIllegalMove,
		reports.ErrSupersedes, reports.ErrFieldUnknown, reports.ErrDimensionUnknown, reports.ErrValueOutOfRange,
		reports.ErrValueUnreadable, reports.ErrRowUnitUnknown, reports.ErrCodeAmbiguous, reports.ErrCodeInvalid, reports.ErrFileInvalid,
		reports.ErrFileTooLarge, reports.ErrColumnInvalid, reports.ErrCampaignInvalid, reports.ErrCampaignUnknown, reports.ErrCategoryUnknown, reports.ErrCheckBroken, reports.ErrRowTwice,
		reports.ErrFigureTaken, reports.ErrFigureLocked, reports.ErrSuperseded, reports.ErrRowsFailed, reports.ErrValueMissing, reports.ErrLineInvalid,
		reports.ErrCellTooLong, reports.ErrCellIllegible, reports.ErrLeaveInvalid, reports.ErrLeaveFixed, reports.ErrLeaveRefused, reports.ErrRowUnitMissing, reports.ErrTwoUnits, reports.ErrSequenceFar, aggregation.ErrSourceUnknown, aggregation.ErrCampaignUnknown, aggregation.ErrCategoryUnknown, aggregation.ErrMomentFuture,
	} {
		declared["REASON_"+f.Reason] = true
	}
	for number, name := range aggregationv1.Reason_name {
		if number != 0 && !declared[name] {
			t.Errorf("%s has no fault", name)
		}
	}
}
