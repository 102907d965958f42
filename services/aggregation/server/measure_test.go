package server_test

import (
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// tellsBy sends and accepts a report of a form and a source about a month, and answers
// with the reasons for which rows do not count.
func (r *reporter) tellsBy(form, source, period string, rows ...*aggregationv1.Report_Row) (reasons []string) {
	r.T.Helper()
	r.sent++
	report := r.scene.report(r.sent, rows...)
	report.Form, report.Source, report.Period = "reportForms/"+form, source, period
	for _, row := range r.accepted(r.scene.sent(report).GetName()).GetRows() {
		reasons = append(reasons, row.GetReason())
	}
	return reasons
}

// lateComplaint is about the school, and accepted a month after it came.
func (r *reporter) lateComplaint() {
	r.T.Helper()
	officer := r.Complaint(r.Person(r.district, accessv1.Role_ROLE_COMPLAINT_OFFICER).Key)
	came := suitetest.OK[*complaintv1.CreateComplaintResponse](r.T)(officer.CreateComplaint(r.T.Context(), &complaintv1.CreateComplaintRequest{
		Intake: r.district, Complaint: &complaintv1.Complaint{
			Type: complaintv1.Complaint_TYPE_COMPLAINT, Channel: complaintv1.Complaint_CHANNEL_HOTLINE, Unit: r.school, Category: "收费", Text: "演示投诉",
		},
	}))
	r.SetTime(suitetest.Start.AddDate(0, 1, 0))
	suitetest.OK[*complaintv1.Complaint](r.T)(officer.AcceptComplaint(r.T.Context(), &complaintv1.AcceptComplaintRequest{Name: came.GetComplaint().GetName()}))
	r.settled()
}

// A report says nothing of what the records left at zero: of a month in which a complaint
// was accepted here, late, it cannot say that it was in time. Nor does one source bring
// what another source's is divided by.
func TestARateIsOfOneSource(t *testing.T) {
	r := newReporter(t)
	taken := reports.ErrFigureTaken.Reason
	r.lateComplaint()
	r.SetTime(time.Date(2026, 5, 2, 1, 0, 0, 0, time.UTC))
	const form = "complaints-monthly"
	inTime, other := row(r.school, "accepted_in_time", 1), row(r.other, "accepted_in_time", 1)
	r.refused("of the month in which it was accepted", r.tellsBy(form, "s", "2026-03", inTime, row(r.school, "closed", 1)), taken, taken)
	r.refused("of a month without any", r.tellsBy(form, "s", "2026-04", row(r.school, "received", 2), row(r.school, "accepted", 2), row(r.school, "decisions_due", 2)), "", "", "")
	r.refused("from another source", r.tellsBy(form, "t", "2026-04", inTime, other), taken, "")
	r.refused("from the same, later", r.tellsBy(form, "s", "2026-04", inTime, row(r.school, "decided_in_time", 1)), "", "")
	figures := r.status(r.reviewer.Key, r.school, nil).GetFigures()
	for id, want := range map[string]int64{"complaints_accepted": 3, "complaints_accepted_in_time": 1, "complaints_in_time_rate": 333, "complaints_closed": 0} {
		wantFigure(t, figures, id, want)
	}
	r.recounted()
}

// A task that was due here in a month, and that nobody did, is done by no report.
func TestAReportDoesNoTaskThatIsDueHere(t *testing.T) {
	r := newReporter(t)
	taken := reports.ErrFigureTaken.Reason
	r.SetTime(time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC))
	r.tasked("2026-04-03")
	r.SetTime(time.Date(2026, 5, 1, 1, 0, 0, 0, time.UTC))
	r.settled()
	rows := []*aggregationv1.Report_Row{row(r.school, "submitted", 1), row(r.school, "approved", 1)}
	r.refused("of the month in which it was due", r.tellsBy("tasks-monthly", "s", "2026-04", rows...), taken, taken)
	r.refused("of the month before", r.tellsBy("tasks-monthly", "s", "2026-03", rows...), "", "")
	if got, want := r.tasks(r.school, nil), [5]int64{1, 1, 0, 1, 1}; got != want {
		t.Errorf("due, submitted, late, overdue and missing are %v, want %v", got, want)
	}
	r.recounted()
}
