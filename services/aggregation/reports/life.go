package reports

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// Move is something that happens to a report.
type Move string

// The moves of a report.
const (
	Judging     Move = "judge / 校验"
	Failing     Move = "fail / 处理失败"
	Accepting   Move = "accept / 接受"
	Entering    Move = "enter / 计入"
	Returning   Move = "return / 退回"
	Superseding Move = "supersede / 更正"
)

// Life says which moves are allowed from which state.
var Life = lifecycle.Table[aggregationv1.Report_State, Move]{
	aggregationv1.Report_STATE_PROCESSING: {
		Judging: aggregationv1.Report_STATE_SUBMITTED,
		Failing: aggregationv1.Report_STATE_RETURNED,
	},
	aggregationv1.Report_STATE_SUBMITTED: {
		Accepting:   aggregationv1.Report_STATE_ENTERING,
		Returning:   aggregationv1.Report_STATE_RETURNED,
		Superseding: aggregationv1.Report_STATE_SUPERSEDED,
	},
	aggregationv1.Report_STATE_ENTERING: {
		Entering: aggregationv1.Report_STATE_ACCEPTED,
	},
	aggregationv1.Report_STATE_ACCEPTED: {
		Superseding: aggregationv1.Report_STATE_SUPERSEDED,
	},
}

// Arrival is what a report meets when it comes.
type Arrival struct {
	Form   *aggregationv1.ReportForm
	Today  string // YYYY-MM-DD
	Window Window
	Owed   bool                       // whether the unit owes the form for the period
	Leave  *aggregationv1.ReportLeave // nil: there is none
	Before *aggregationv1.Report      // what it supersedes; nil: nothing
	Origin *aggregationv1.Report      // in whose place it is to count; nil: in that of none
}

// NewReport returns the report (报表) that r asks for, which has its digest, without rows, as
// its rows wait to be judged.
func NewReport(r *aggregationv1.Report, a Arrival) (*aggregationv1.Report, error) {
	p, err := ParsePeriod(a.Form, r.GetPeriod())
	switch {
	case err != nil:
		return nil, err
	case r.GetNilReport() == (len(r.GetRows()) > 0):
		return nil, ErrNilOrRows.At("report.rows", "数据行与零报告须取其一", "rows or a nil report")
	case len(r.GetRows()) > MaxRows:
		return nil, ErrTooLong.With("limit", strconv.Itoa(MaxRows)).At("report.rows", "行数过多", "are too many")
	case p.LastDay() >= a.Today:
		return nil, ErrPeriodOpen.At("report.period", "报告期尚未结束", "the period has not ended")
	}
	if err := a.admits(r); err != nil {
		return nil, err
	}
	late := a.Owed && a.Today > a.Window.Due
	if a.Before != nil {
		late = a.Before.GetLate()
	}
	return &aggregationv1.Report{
		Name: Name(r), Form: r.GetForm(), Unit: r.GetUnit(), Period: r.GetPeriod(), Source: r.GetSource(), Sequence: r.GetSequence(),
		NilReport: r.GetNilReport(), State: aggregationv1.Report_STATE_PROCESSING, ContentDigest: r.GetContentDigest(), Supersedes: r.GetSupersedes(),
		Late: late, DueDate: a.Window.Due, Duty: Duty(r.GetUnit(), r.GetForm(), r.GetPeriod()), Totals: &aggregationv1.Report_Totals{},
	}, nil
}

// admits says whether the report may still come. What takes the place of another
// may always: that one came in its time.
func (a Arrival) admits(r *aggregationv1.Report) error {
	if r.GetSupersedes() != "" {
		return a.supersedes(r)
	}
	if a.Today <= a.Window.Late || OnLeave(a.Form, a.Leave, a.Today) {
		return nil
	}
	if a.Form.GetAfter() == aggregationv1.ReportForm_AFTER_LEAVE {
		return ErrLeaveMissing.With("date", a.Window.Late).At("report.period", "补报窗口已关闭", "the late window is closed")
	}
	return ErrWindowClosed.With("date", a.Window.Late).At("report.period", "补报窗口已关闭", "the late window is closed")
}

// supersedes says whether r may take the place of the report before. What counts
// is taken the place of by one report at a time: by the last of those that never
// counted, or by the next.
func (a Arrival) supersedes(r *aggregationv1.Report) error {
	b := a.Before
	same := b != nil && b.GetUnit() == r.GetUnit() && b.GetSource() == r.GetSource() && b.GetForm() == r.GetForm() &&
		b.GetPeriod() == r.GetPeriod() && b.GetSequence() < r.GetSequence()
	if same && b.GetSupersededBy() == "" && a.claimed() == "" {
		switch b.GetState() {
		case aggregationv1.Report_STATE_SUBMITTED, aggregationv1.Report_STATE_ACCEPTED, aggregationv1.Report_STATE_RETURNED:
			return nil
		}
	}
	return ErrSupersedes.At("report.supersedes", "不能被更正", "cannot be superseded")
}

// claimed names the report that takes the place of the origin, if it is neither r
// nor what r takes the place of.
func (a Arrival) claimed() string {
	if by := a.Origin.GetSupersededBy(); by != a.Before.GetName() {
		return by
	}
	return ""
}

// HasCounted says whether the report counts or has counted: a superior has
// accepted it. One that was returned, or superseded before, never has.
func HasCounted(r *aggregationv1.Report) bool {
	switch r.GetState() {
	case aggregationv1.Report_STATE_ENTERING, aggregationv1.Report_STATE_ACCEPTED:
		return true
	case aggregationv1.Report_STATE_SUPERSEDED:
		return r.GetReviewer() != ""
	default:
		return false
	}
}

// Origin returns the report in whose place r is to count, or nil: what another that never
// counted was to supersede is superseded by what comes for that one. before looks for what
// a report supersedes, and answers nil if that is none.
func Origin(r *aggregationv1.Report, before func(*aggregationv1.Report) (*aggregationv1.Report, error)) (of *aggregationv1.Report, err error) {
	for of = r; of != nil && (of == r || !HasCounted(of)); {
		if of, err = before(of); err != nil {
			return nil, err
		}
	}
	return of, nil
}

// Replaced returns the report before as another one that takes its place has
// come: one that awaited the superior no longer does, one that is accepted counts
// until the other one does.
func Replaced(before *aggregationv1.Report, by string) (*aggregationv1.Report, error) {
	before = proto.CloneOf(before)
	if before.GetState() == aggregationv1.Report_STATE_SUBMITTED {
		return Superseded(before, by)
	}
	before.SupersededBy = by
	return before, nil
}

// Released returns the report before as what was to take its place was returned.
func Released(before *aggregationv1.Report) *aggregationv1.Report {
	before = proto.CloneOf(before)
	before.SupersededBy = ""
	return before
}

// Judged returns the report (已报送) when all its rows are judged.
func Judged(r *aggregationv1.Report) (*aggregationv1.Report, error) {
	return lifecycle.Move(Life, r, Judging, ErrIllegalMove)
}

// Unjudged returns the report (已退回) whose rows cannot all be judged, with as many
// pages as are: it is sent again as one that a superior returned.
func Unjudged(r *aggregationv1.Report, pages int32, now time.Time) (*aggregationv1.Report, error) {
	r, err := lifecycle.Move(Life, r, Failing, ErrIllegalMove)
	if err != nil {
		return nil, err
	}
	r.Failure, r.ReturnReason, r.Pages, r.ReturnTime = ErrRowsFailed.Reason, ErrRowsFailed.Chinese(), pages, timestamppb.New(now)
	return r, nil
}

// Unfinished returns the report as one of whose rows some cannot be worked on, and
// stay as they are.
func Unfinished(r *aggregationv1.Report) *aggregationv1.Report {
	r = proto.CloneOf(r)
	r.Failure = ErrRowsFailed.Reason
	return r
}

// Rejudged returns the report after what waits was judged once more: whatever was
// passed over in an earlier round, in this one nothing was.
func Rejudged(r *aggregationv1.Report) *aggregationv1.Report {
	r = proto.CloneOf(r)
	r.Failure = ""
	return r
}

// Accept returns the report as accepted by who, as its rows wait to be counted.
func Accept(r *aggregationv1.Report, who string) (*aggregationv1.Report, error) {
	return review(r, Accepting, who, "")
}

// Entered returns the report (已接受) when all its rows are counted.
func Entered(r *aggregationv1.Report) (*aggregationv1.Report, error) {
	return lifecycle.Move(Life, r, Entering, ErrIllegalMove)
}

// Superseded returns the report (已更正) when another one, by, counts in its place.
func Superseded(r *aggregationv1.Report, by string) (*aggregationv1.Report, error) {
	r, err := lifecycle.Move(Life, r, Superseding, ErrIllegalMove)
	if err != nil {
		return nil, err
	}
	r.SupersededBy = by
	return r, nil
}

// Return returns the report as returned (退回) by who.
func Return(r *aggregationv1.Report, who, reason string, now time.Time) (*aggregationv1.Report, error) {
	r, err := review(r, Returning, who, reason)
	if err != nil {
		return nil, err
	}
	r.ReturnTime = timestamppb.New(now)
	return r, nil
}

func review(r *aggregationv1.Report, m Move, who, reason string) (*aggregationv1.Report, error) {
	r, err := lifecycle.Move(Life, r, m, ErrIllegalMove)
	if err != nil {
		return nil, err
	}
	r.Reviewer, r.ReturnReason = who, reason
	return r, nil
}
