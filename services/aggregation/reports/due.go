package reports

import (
	"slices"
	"strings"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// Owes says whether a unit that was so at some time of a period, at that depth in the
// tree, of which the topmost is 1, owes the form for it (应报). One such time is enough:
// whatever a unit is made for the last minute of a period, what it owes remains owed. A
// nil unit, one that was not there yet, owes nothing, nor does one that was no longer
// in use.
func Owes(form *aggregationv1.ReportForm, u *organizationv1.Unit, depth int32) bool {
	o := form.GetOwed()
	switch {
	case u == nil, u.GetState() == organizationv1.Unit_STATE_ARCHIVED, u.GetState() == organizationv1.Unit_STATE_MERGED:
		return false
	case o.GetDepth() != 0 && o.GetDepth() != depth:
		return false
	case len(o.GetKinds()) > 0 && !slices.Contains(o.GetKinds(), strings.TrimPrefix(u.GetKind().String(), "KIND_")):
		return false
	}
	return !slices.ContainsFunc(o.GetLabels(), func(label string) bool {
		key, value, _ := strings.Cut(label, "=")
		return u.GetLabels()[key] != value
	})
}

// Lapses says whether a unit that is gone, archived or merged, since a moment owes by the
// window no more: that was no later than on the due day. What was due before stays owed.
func Lapses(gone time.Time, w Window) bool { return calendar.On(gone).String() <= w.Due }

// FormPeriod is a period of a form.
type FormPeriod struct {
	Form *aggregationv1.ReportForm
	Period
}

// Ended returns the periods of all forms that ended in the months before today's,
// the newest first.
func Ended(today string, months int) (all []FormPeriod) {
	month, err := time.Parse("2006-01", today[:len("2006-01")])
	if err != nil {
		return nil
	}
	for i := range months {
		for _, form := range forms {
			if p, ends := EndingIn(form, month.AddDate(0, -1-i, 0).Format("2006-01")); ends {
				all = append(all, FormPeriod{form, p})
			}
		}
	}
	return all
}

// progress says how far a state has brought what is owed: 0 nowhere.
var progress = map[aggregationv1.Report_State]struct {
	far int
	due aggregationv1.ReportDue_State
}{
	aggregationv1.Report_STATE_RETURNED:   {1, aggregationv1.ReportDue_STATE_RETURNED},
	aggregationv1.Report_STATE_PROCESSING: {2, aggregationv1.ReportDue_STATE_SUBMITTED},
	aggregationv1.Report_STATE_SUBMITTED:  {2, aggregationv1.ReportDue_STATE_SUBMITTED},
	aggregationv1.Report_STATE_ENTERING:   {3, aggregationv1.ReportDue_STATE_ACCEPTED},
	aggregationv1.Report_STATE_ACCEPTED:   {3, aggregationv1.ReportDue_STATE_ACCEPTED},
}

// DueOf says what has come of what a unit owes (应报情况), of which these are all
// reports. The one that has come furthest counts, and of these the newest.
func DueOf(unit string, p Period, w Window, today string, sent []*aggregationv1.Report) *aggregationv1.ReportDue {
	due := &aggregationv1.ReportDue{
		Name: unit, Period: p.String(), DueDate: w.Due, LateUntilDate: w.Late, State: aggregationv1.ReportDue_STATE_OPEN,
	}
	switch {
	case today > w.Late:
		due.State = aggregationv1.ReportDue_STATE_MISSING
	case today > w.Due:
		due.State = aggregationv1.ReportDue_STATE_OVERDUE
	}
	far, sequence := 0, int64(0)
	for _, r := range sent {
		at := progress[r.GetState()]
		if at.far == 0 || at.far < far || at.far == far && r.GetSequence() < sequence {
			continue
		}
		far, sequence = at.far, r.GetSequence()
		due.State, due.Late, due.Report = at.due, r.GetLate(), r.GetName()
	}
	return due
}
