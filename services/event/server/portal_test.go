package server_test

import (
	"slices"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// concluded is an inspection (暗访) of the district that is, and that went to one of the
// two units that it was meant for.
func (s *scene) concluded() *rectificationv1.Inspection {
	s.T.Helper()
	supervisor := s.Person(s.district, accessv1.Role_ROLE_SUPERVISOR)
	inspections := s.Rectification(supervisor.Key)
	i, err := inspections.CreateInspection(s.T.Context(), &rectificationv1.CreateInspectionRequest{Inspection: &rectificationv1.Inspection{
		Unit: s.district, Title: "暗访", Plan: "计划", Team: []string{supervisor.Name}, Targets: []string{s.school, s.other},
	}})
	s.must(err)
	_, err = inspections.RecordInspection(s.T.Context(), &rectificationv1.RecordInspectionRequest{Name: i.GetName(), Target: s.school, Summary: "正常"})
	s.must(err)
	i, err = inspections.ConcludeInspection(s.T.Context(), &rectificationv1.ConcludeInspectionRequest{Name: i.GetName(), Conclusion: "正常"})
	s.must(err)
	return i
}

// reviewed sends a report, and has it returned and a second one accepted.
func (s *scene) reviewed() (returned, accepted *aggregationv1.Report) {
	s.T.Helper()
	ctx, sender := s.T.Context(), s.Aggregation(s.Machine(s.district, accessv1.Role_ROLE_REPORTER).Key)
	reviewer := s.Aggregation(s.Person(s.Root, accessv1.Role_ROLE_SUPERVISOR).Key)
	send := func(sequence int64, supersedes string) *aggregationv1.Report {
		r, err := sender.CreateReport(ctx, &aggregationv1.CreateReportRequest{Report: &aggregationv1.Report{
			Form: "reportForms/ledger-monthly", Unit: s.district, Period: "2026-01", Source: "eis", Sequence: sequence, NilReport: true, Supersedes: supersedes,
		}})
		s.must(err)
		return r
	}
	returned, err := reviewer.ReturnReport(ctx, &aggregationv1.ReturnReportRequest{Name: send(1, "").GetName(), Reason: "请核对"})
	s.must(err)
	accepted, err = reviewer.AcceptReport(ctx, &aggregationv1.AcceptReportRequest{Name: send(2, returned.GetName()).GetName()})
	s.must(err)
	return returned, accepted
}

// inner are the types of which everything in the scene but what is named is for
// those inside.
var inner = []string{"rectification.*", "aggregation.*", "organization.member.*", "organization.machine.*", "organization.grant.*"}

// TestPortalsAreToldWhatIsPublic: of the same changes a viewer hears all, and a
// portal of a report when it is accepted and of an inspection when it is concluded,
// in the list of events and by its webhook.
func TestPortalsAreToldWhatIsPublic(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	portal := s.Machine(s.district, accessv1.Role_ROLE_PORTAL)
	w, err := s.Event(portal.Key).CreateWebhook(t.Context(), &eventv1.CreateWebhookRequest{Webhook: &eventv1.Webhook{Unit: s.district, Url: r.URL, Types: inner}})
	s.must(err)
	s.problem()
	returned, accepted := s.reviewed()
	i := s.concluded()
	want := []string{accepted.GetName() + " aggregation.report.accepted.v1", i.GetName() + " rectification.inspection.concluded.v1"}

	all, _ := s.until(portal.Key, &eventv1.ListEventsRequest{Types: inner}, lines(want)...)
	if got := told(all); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("a portal is told of %v, want %v", got, want)
	}
	_, err = s.Event(portal.Key).PingWebhook(t.Context(), &eventv1.PingWebhookRequest{Name: w.GetWebhook().GetName()})
	s.must(err)
	var sent []string
	for _, h := range r.until(t, func(got []hook) bool { return len(got) >= 3 }) {
		if h.data.Data.Subject != w.GetWebhook().GetName() {
			sent = append(sent, h.data.Data.Subject+" "+h.data.Type)
		}
	}
	if slices.Sort(sent); !slices.Equal(sent, slices.Sorted(slices.Values(want))) {
		t.Errorf("its webhook is sent %v, want %v", sent, want)
	}

	s.until(s.eye.Key, &eventv1.ListEventsRequest{Types: inner}, lines(append(want,
		s.ledger.GetName()+" rectification.ledger.created.v1", returned.GetName()+" aggregation.report.submitted.v1",
		returned.GetName()+" aggregation.report.returned.v1", i.GetName()+" rectification.inspection.created.v1",
		s.eye.Name+" organization.member.created.v1", portal.Name+" organization.machine.created.v1",
	))...)
}

// lines are the events of which told says these.
func lines(want []string) (wanted []func(*eventv1.Event) bool) {
	for _, line := range want {
		wanted = append(wanted, func(e *eventv1.Event) bool { return told([]*eventv1.Event{e})[0] == line })
	}
	return wanted
}

// told are the subjects and types of events.
func told(all []*eventv1.Event) (lines []string) {
	for _, e := range all {
		lines = append(lines, e.GetSubject()+" "+e.GetType())
	}
	return lines
}

// An open case is told to those who read it where it is assigned, though they hold
// nothing at its desk: what is not for portals is for all of them.
func TestWhoACaseIsAssignedToIsToldOfIt(t *testing.T) {
	s := newScene(t)
	officer := s.Complaint(s.Person(s.district, accessv1.Role_ROLE_COMPLAINT_OFFICER).Key)
	filed, err := officer.CreateComplaint(t.Context(), &complaintv1.CreateComplaintRequest{Intake: s.district, Complaint: &complaintv1.Complaint{
		Type: complaintv1.Complaint_TYPE_COMPLAINT, Channel: complaintv1.Complaint_CHANNEL_HOTLINE, Unit: s.school, Text: "内容",
	}})
	s.must(err)
	c, err := officer.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: filed.GetComplaint().GetName()})
	s.must(err)
	c, err = officer.AssignComplaint(t.Context(), &complaintv1.AssignComplaintRequest{
		Name: c.GetName(), To: &complaintv1.AssignComplaintRequest_Unit{Unit: s.school},
	})
	s.must(err)
	portal := s.Machine(s.district, accessv1.Role_ROLE_PORTAL)
	p := s.problem()
	all, _ := s.until(s.clerk.Key, &eventv1.ListEventsRequest{Types: []string{"complaint.*"}}, at(c.GetName(), c.GetEtag()))
	if len(all) != 1 {
		t.Errorf("the clerk of the unit is told of %v", told(all))
	}
	_, _ = s.until(s.eye.Key, &eventv1.ListEventsRequest{}, at(p.GetName(), p.GetEtag()))
	res, err := s.Event(portal.Key).ListEvents(t.Context(), &eventv1.ListEventsRequest{Types: []string{"complaint.*"}})
	if err != nil || len(res.GetEvents()) > 0 {
		t.Errorf("a portal is told of %v, %v", res, err)
	}
}
