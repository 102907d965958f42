package server_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// acts tries all that is done for the desk about an accepted complaint.
func (p *place) acts(who suitetest.Person, name, unit string) map[string]error {
	c, ctx := p.Complaint(who.Key), p.T.Context()
	_, assign := c.AssignComplaint(ctx, assignUnit(name, unit))
	_, reply := c.ReplyComplaint(ctx, &complaintv1.ReplyComplaintRequest{Name: name, Text: "不属实"})
	_, order := c.RectifyComplaint(ctx, rectify(name))
	_, closing := c.CloseComplaint(ctx, &complaintv1.CloseComplaintRequest{Name: name})
	return map[string]error{"assign": assign, "reply": reply, "rectify": order, "close": closing}
}

func (p *place) notTheirs(who suitetest.Person, name string) {
	p.T.Helper()
	for what, err := range p.acts(who, name, p.district) {
		if !errors.Is(err, complaint.ErrNotResponsible) {
			p.T.Errorf("%s may %s what somebody else accepted: %v", who.Name, what, err)
		}
	}
}

// TestWhoAcceptsIsResponsible: nobody beside them, above them or of a department acts
// for the desk, also where the desk looks into it itself; and it is kept who did what.
func TestWhoAcceptsIsResponsible(t *testing.T) {
	p := newPlace(t)
	beside := []suitetest.Person{p.clerk, p.Person(p.district, leader), p.Person(p.district, officer)}
	c, receipt := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	name, desk := c.GetName(), p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
	none := func() {
		t.Helper()
		for _, who := range beside {
			p.notTheirs(who, name)
			refused[*complaintv1.Complaint](t, complaint.ErrNotVacant)(p.Complaint(who.Key).TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: name}))
		}
	}
	none()
	p.SetTime(suitetest.Start.Add(time.Hour))
	c = suitetest.OK[*complaintv1.Complaint](t)(desk.AssignComplaint(t.Context(), assignUnit(name, p.district)))
	if c.GetAssignedBy() != p.officer.Name || !c.GetAssignTime().AsTime().Equal(suitetest.Start.Add(time.Hour)) {
		t.Errorf("assigned: %v", c)
	}
	none()
	suitetest.OK[*complaintv1.Complaint](t)(desk.ReplyComplaint(t.Context(), &complaintv1.ReplyComplaintRequest{Name: name, Text: "已处理"}))
	none()
	c = suitetest.OK[*complaintv1.Complaint](t)(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))
	if c.GetRepliedBy() != p.officer.Name || c.GetClosedBy() != p.officer.Name {
		t.Errorf("closed: %v", c)
	}
	seen := suitetest.OK[*complaintv1.LookupReceiptResponse](t)(p.Complaint("").LookupReceipt(t.Context(), &complaintv1.LookupReceiptRequest{Receipt: receipt}))
	if len(seen.GetAnswers()) != 1 || seen.GetAnswers()[0].GetText() != "已处理" {
		t.Errorf("the receipt tells %v", seen)
	}
	c, _ = p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	c = suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.clerk.Key).RejectComplaint(t.Context(), &complaintv1.RejectComplaintRequest{Name: c.GetName(), Reason: "重复"}))
	if c.GetRejectedBy() != p.clerk.Name || c.GetRejectTime() == nil {
		t.Errorf("rejected: %v", c)
	}
}

// TestTheUnitAssignedAnswersAndKnowsLittle: it replies, and learns neither who at the
// desk did what nor, if identity is withheld, anything of who complained.
func TestTheUnitAssignedAnswersAndKnowsLittle(t *testing.T) {
	p := newPlace(t)
	for _, withheld := range []bool{false, true} {
		req := p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT)
		req.Complaint.WithholdIdentity, req.Complainant = withheld, &complaintv1.Complainant{Name: "反映人"}
		taken, _ := p.take(p.clerk, req)
		name, desk, school := taken.GetName(), p.Complaint(p.officer.Key), p.Complaint(p.schoolLeader.Key)
		suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
		suitetest.OK[*complaintv1.Complaint](t)(desk.AssignComplaint(t.Context(), assignUnit(name, p.school)))
		p.notTheirs(p.clerk, name)
		get := &complaintv1.GetComplaintRequest{Name: name}
		got := []*complaintv1.Complaint{
			suitetest.OK[*complaintv1.Complaint](t)(school.GetComplaint(t.Context(), get)),
			suitetest.OK[*complaintv1.Complaint](t)(school.ReplyComplaint(t.Context(), &complaintv1.ReplyComplaintRequest{Name: name, Text: "已更换"})),
		}
		got = append(got, suitetest.OK[*complaintv1.ListComplaintsResponse](t)(school.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{Filter: `withhold_identity = ` + map[bool]string{true: "true", false: "false"}[withheld]})).GetComplaints()...)
		if len(got) != 3 {
			t.Errorf("the school is shown %v", got)
		}
		for _, c := range got {
			if c.GetAssignedBy() != "" || c.GetRepliedBy() != "" || c.GetResponsible() != p.officer.Name {
				t.Errorf("the school learns who did what: %v", c)
			}
			if told := c.GetRealName() && c.GetChannel() != 0 && c.GetIntake() != ""; told == withheld || withheld && (c.GetRealName() || c.GetChannel() != 0 || c.GetIntake() != "") {
				t.Errorf("withheld %v, and the school is shown %v", withheld, c)
			}
		}
		whole := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), get))
		if !whole.GetRealName() || whole.GetAssignedBy() != p.officer.Name || whole.GetRepliedBy() != p.schoolLeader.Name {
			t.Errorf("the desk is shown %v", whole)
		}
	}
	named := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(p.Complaint(p.schoolLeader.Key).ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{Filter: `real_name = true`}))
	if len(named.GetComplaints()) != 1 {
		t.Errorf("a filter finds %v", named)
	}
}

// TestAnOpenCaseWhoseOfficerLeftIsTakenOver at its desk, by whoever works there.
func TestAnOpenCaseWhoseOfficerLeftIsTakenOver(t *testing.T) {
	p := newPlace(t)
	leaving, dept := p.Person(p.district), p.Unit("dept", p.district, organizationv1.Unit_KIND_DEPARTMENT)
	grant := p.Grant(leaving.Name, p.district, clerk)
	p.CatchUp()
	c, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	help, _ := p.take(p.clerk, p.about(dept, complaintv1.Complaint_TYPE_HELP))
	for _, name := range []string{c.GetName(), help.GetName()} {
		suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(leaving.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
	}
	fresh, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	takes := func(who suitetest.Person, name string) (*complaintv1.Complaint, error) {
		return p.Complaint(who.Key).TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: name})
	}
	for _, name := range []string{c.GetName(), help.GetName(), fresh.GetName()} {
		refused[*complaintv1.Complaint](t, complaint.ErrNotVacant)(takes(p.clerk, name))
	}
	p.revoke(grant)
	refused[*complaintv1.Complaint](t, complaint.ErrNotVacant)(takes(p.clerk, fresh.GetName()))
	p.notTheirs(p.clerk, c.GetName())
	for _, who := range []suitetest.Person{p.schoolLeader, p.cityOfficer, p.stranger} {
		if _, err := takes(who, c.GetName()); err == nil {
			t.Errorf("%s takes it over", who.Name)
		}
	}
	for _, name := range []string{c.GetName(), help.GetName()} {
		taken := suitetest.OK[*complaintv1.Complaint](t)(takes(p.clerk, name))
		if taken.GetResponsible() != p.clerk.Name || taken.GetState() != complaintv1.Complaint_STATE_ACCEPTED {
			t.Errorf("taken over: %v", taken)
		}
	}
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.clerk.Key).AssignComplaint(t.Context(), assignUnit(c.GetName(), p.school)))
	p.notTheirs(p.officer, c.GetName())
}

// TestWhomASealedCaseIsAssignedToAnswersIt and does nothing else for who is responsible.
func TestWhomASealedCaseIsAssignedToAnswersIt(t *testing.T) {
	p := newPlace(t)
	second, name := p.Person(p.district, officer), p.report()
	desk := p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
	suitetest.OK[*complaintv1.Complaint](t)(desk.AssignComplaint(t.Context(), assignPerson(name, second.Name)))
	refused[*complaintv1.Complaint](t, complaint.ErrNotResponsible)(p.Complaint(second.Key).RectifyComplaint(t.Context(), rectify(name)))
	c := suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(second.Key).ReplyComplaint(t.Context(), &complaintv1.ReplyComplaintRequest{Name: name, Text: "已核查"}))
	if c.GetRepliedBy() != second.Name || c.GetAssignedBy() != p.officer.Name {
		t.Errorf("answered: %v", c)
	}
	closing := &complaintv1.CloseComplaintRequest{Name: name}
	refused[*complaintv1.Complaint](t, complaint.ErrNotResponsible)(p.Complaint(second.Key).CloseComplaint(t.Context(), closing))
	suitetest.OK[*complaintv1.Complaint](t)(desk.CloseComplaint(t.Context(), proto.CloneOf(closing)))
}
