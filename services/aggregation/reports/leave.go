package reports

import (
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// NewLeave returns the leave to report late (准予补报) that l asks for: of a form that may be
// taken after its late window, for a period that has ended, until today
// or a day within a year: a leave is to end.
func NewLeave(l *aggregationv1.ReportLeave, today string) (*aggregationv1.ReportLeave, error) {
	form, err := FindForm(l.GetForm())
	if err != nil {
		return nil, err
	}
	p, err := ParsePeriod(form, l.GetPeriod())
	switch {
	case err != nil:
		return nil, err
	case form.GetAfter() != aggregationv1.ReportForm_AFTER_LEAVE:
		return nil, ErrLeaveRefused.At("report_leave.form", "补报窗口关闭后不再接收", "takes nothing after its late window")
	case p.LastDay() >= today:
		return nil, ErrLeaveInvalid.At("report_leave.period", "报告期尚未结束", "has not ended")
	case l.GetUntilDate() < today:
		return nil, ErrLeaveInvalid.At("report_leave.until_date", "早于今天", "is before today")
	case !calendar.Near(l.GetUntilDate(), today, 0, 1):
		return nil, ErrLeaveInvalid.At("report_leave.until_date", "晚于一年之后", "is more than a year ahead")
	}
	return &aggregationv1.ReportLeave{
		Name: LeaveName(l.GetUnit(), l.GetForm(), l.GetPeriod()), Unit: l.GetUnit(), Form: l.GetForm(),
		Period: l.GetPeriod(), UntilDate: l.GetUntilDate(), Reason: l.GetReason(),
	}, nil
}

// Given returns the leave l as it is given in the name of a unit, in the place of the one
// before, if that is not nil: who is no superior of its giver, as above says, ends it no
// earlier, and it remains the giver's.
func Given(l, before *aggregationv1.ReportLeave, unit string, above bool) (*aggregationv1.ReportLeave, error) {
	switch {
	case before.GetGiverUnit() == "" || above:
		l.GiverUnit = unit
	case l.GetUntilDate() < before.GetUntilDate():
		return nil, ErrLeaveFixed.With("date", before.GetUntilDate()).At("report_leave.until_date", "早于上级准予的日期", "is before the day that a superior gave")
	default:
		l.GiverUnit = before.GetGiverUnit()
	}
	return l, nil
}

// OnLeave says whether a leave, or nil, lets a report by the form come on a day after the
// late window.
func OnLeave(form *aggregationv1.ReportForm, l *aggregationv1.ReportLeave, today string) bool {
	return form.GetAfter() == aggregationv1.ReportForm_AFTER_LEAVE && today <= l.GetUntilDate()
}
