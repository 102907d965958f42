package server_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// investigated brings a complaint about the school to where a problem can be
// ordered.
func (p *place) investigated(kind complaintv1.Complaint_Type) string {
	p.T.Helper()
	req := p.about(p.school, kind)
	req.Complaint.Text = "canary-text"
	c, _ := p.take(p.clerk, req)
	desk := p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](p.T)(desk.AcceptComplaint(p.T.Context(), &complaintv1.AcceptComplaintRequest{Name: c.GetName()}))
	to := assignUnit(c.GetName(), p.school)
	if c.GetSealed() {
		to = assignPerson(c.GetName(), p.officer.Name)
	}
	suitetest.OK[*complaintv1.Complaint](p.T)(desk.AssignComplaint(p.T.Context(), to))
	return c.GetName()
}

// settled waits until the feed has n settled orders.
func (p *place) settled(n int) {
	p.T.Helper()
	p.Recorded("complaint", "complaint.rectification.settled.v1", n)
}

func (p *place) problems() []*rectificationv1.Problem {
	p.T.Helper()
	list := suitetest.OK[*rectificationv1.ListProblemsResponse](p.T)(p.Rectification(p.schoolLeader.Key).ListProblems(p.T.Context(), &rectificationv1.ListProblemsRequest{Parent: "ledgers/-"}))
	return list.GetProblems()
}

func TestAComplaintBecomesOneProblemOfTheUnitConcerned(t *testing.T) {
	p := newPlace(t)
	name, desk := p.investigated(complaintv1.Complaint_TYPE_COMPLAINT), p.Complaint(p.officer.Key)
	wrong := rectify(name)
	wrong.Campaign = "campaigns/none"
	suitetest.OK[*complaintv1.Complaint](t)(desk.RectifyComplaint(t.Context(), wrong))
	p.settled(1)
	c := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
	if c.GetRectification() != complaintv1.Complaint_RECTIFICATION_REFUSED || c.GetRefusal() == "" || c.GetProblem() != "" {
		t.Fatalf("an order for a campaign that is not there: %v", c)
	}
	suitetest.OK[*complaintv1.Complaint](t)(desk.RectifyComplaint(t.Context(), rectify(name)))
	refused[*complaintv1.Complaint](t, complaint.ErrRectificationExists)(desk.RectifyComplaint(t.Context(), rectify(name)))
	p.settled(2)
	c = suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
	problems := p.problems()
	if len(problems) != 1 || c.GetProblem() != problems[0].GetName() || c.GetRectification() != complaintv1.Complaint_RECTIFICATION_ENTERED {
		t.Fatalf("the complaint %v, the ledger %v", c, problems)
	}
	if got := problems[0]; got.GetUnit() != p.school || got.GetSource() != rectificationv1.Problem_SOURCE_COMPLAINT || got.GetDescription() != "食堂保温设备不足" {
		t.Errorf("the problem is %v", got)
	}
}

// TestTheLinkOfASealedCaseLiesOnItsSideAlone: neither store names the other's
// record in the open, and the ledger has nothing of the case but the officer's
// words.
func TestTheLinkOfASealedCaseLiesOnItsSideAlone(t *testing.T) {
	folder := t.TempDir()
	p := furnish(suitetest.Run(&captured{TB: t, folder: folder}))
	name, desk := p.investigated(complaintv1.Complaint_TYPE_REPORT), p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.RectifyComplaint(t.Context(), rectify(name)))
	p.settled(1)
	problems := p.problems()
	opened := suitetest.OK[*complaintv1.OpenComplaintResponse](t)(desk.OpenComplaint(t.Context(), &complaintv1.OpenComplaintRequest{Name: name, Purpose: complaintv1.Opening_PURPOSE_RECTIFICATION}))
	if len(problems) != 1 || opened.GetComplaint().GetProblem() != problems[0].GetName() {
		t.Fatalf("the case %v, the ledger %v", opened, problems)
	}
	if c := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name})); c.GetProblem() != "" || c.GetRectification() != 0 {
		t.Errorf("in the open lies %v", c)
	}
	p.Stop()
	_, id, _ := strings.Cut(name, "/")
	for file, secrets := range map[string][]string{"rectification": {id, "canary-text"}, "complaint": {problems[0].GetName(), "canary-text"}} {
		b := suitetest.OK[[]byte](t)(os.ReadFile(p.Store(file)))
		for _, secret := range secrets {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s has %q", file, secret)
			}
		}
	}
}
