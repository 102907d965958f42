package server_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

func (p *place) merge(unit, into string) {
	p.T.Helper()
	suitetest.OK[*organizationv1.Unit](p.T)(p.Organization(p.SystemAdmin).MergeUnit(p.T.Context(), &organizationv1.MergeUnitRequest{Name: unit, Into: into}))
	p.CatchUp()
}

// report files a sealed case about the school, which the district hears.
func (p *place) report() string {
	p.T.Helper()
	c, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_REPORT))
	return c.GetName()
}

// A report about a school stays from the hands of those of the school that it was
// merged into, through as many mergers as follow: at its desk, as whom it is assigned
// to, and as who takes it over.
func TestTheHeirOfTheAccusedHearsNothing(t *testing.T) {
	p := newPlace(t)
	between := p.Unit("between", p.district, organizationv1.Unit_KIND_SCHOOL)
	heir := p.Unit("heir", p.district, organizationv1.Unit_KIND_SCHOOL)
	organ := p.Unit("organ", heir, organizationv1.Unit_KIND_DEPARTMENT)
	leaving := p.Person(p.district)
	grant := p.Grant(leaving.Name, p.district, officer)
	fresh, accepted := p.report(), p.report()
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(leaving.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: accepted}))
	involved := map[string]suitetest.Person{"from the heir": p.Person(heir), "from its department": p.Person(organ)}
	for _, who := range involved {
		p.Grant(who.Name, p.district, officer)
		suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(who.Key).GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: fresh}))
	}

	p.merge(p.school, between)
	p.merge(between, heir)
	p.revoke(grant)
	for from, who := range involved {
		for _, name := range []string{fresh, accepted} {
			there, missing := asks(t, p.Complaint(who.Key), name, p.officer.Name), asks(t, p.Complaint(who.Key), "complaints/none", p.officer.Name)
			for method, got := range there {
				if got != missing[method] {
					t.Errorf("an officer %s asks to %s: %q, and of a missing complaint %q", from, method, got, missing[method])
				}
			}
		}
		if list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(p.Complaint(who.Key).ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{})); len(list.GetComplaints()) != 0 {
			t.Errorf("an officer %s lists %v", from, list)
		}
	}
	desk := p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: fresh}))
	refused[*complaintv1.Complaint](t, complaint.ErrOfficerWanted)(desk.AssignComplaint(t.Context(), assignPerson(fresh, involved["from the heir"].Name)))
	suitetest.OK[*complaintv1.Complaint](t)(desk.TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: accepted}))
	p.opens(p.officer, accepted)
}

// Who complains about a unit that was merged is told which one it is now, through as many
// mergers as there were, and complains about that.
func TestWhoComplainsOfAMergedUnitIsToldItsHeir(t *testing.T) {
	p := newPlace(t)
	between := p.Unit("between", p.district, organizationv1.Unit_KIND_SCHOOL)
	heir := p.Unit("heir", p.district, organizationv1.Unit_KIND_SCHOOL)
	p.merge(p.school, between)
	p.merge(between, heir)
	filing := p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT)
	submit := func() error {
		_, err := p.Complaint("").SubmitComplaint(t.Context(), &complaintv1.SubmitComplaintRequest{Complaint: &complaintv1.Complaint{
			Type: filing.GetComplaint().GetType(), Unit: filing.GetComplaint().GetUnit(), Text: "内容",
		}})
		return err
	}
	err := submit()
	refused[*complaintv1.Complaint](t, complaint.ErrUnitUnknown)(nil, err)
	if said := fmt.Sprint(status.Convert(err).Details()); !strings.Contains(said, "("+heir+")") {
		t.Errorf("refused with %s", said)
	}
	filing.Complaint.Unit = heir
	if err := submit(); err != nil {
		t.Errorf("about the heir: %v", err)
	}
	suitetest.OK[*organizationv1.Unit](t)(p.Organization(p.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: heir}))
	p.CatchUp()
	filing.Complaint.Unit = p.school
	if err := submit(); strings.Contains(fmt.Sprint(status.Convert(err).Details()), heir) {
		t.Errorf("about one whose heir is archived: %v", err)
	}
}

// What is ordered of a unit that was merged is entered with its heir.
func TestAnOrderOfAMergedUnitIsItsHeirs(t *testing.T) {
	p := newPlace(t)
	heir := p.Unit("heir", p.district, organizationv1.Unit_KIND_SCHOOL)
	name, desk := p.investigated(complaintv1.Complaint_TYPE_COMPLAINT), p.Complaint(p.officer.Key)
	p.merge(p.school, heir)
	suitetest.OK[*complaintv1.Complaint](t)(desk.RectifyComplaint(t.Context(), rectify(name)))
	p.settled(1)
	c := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
	problem := suitetest.OK[*rectificationv1.Problem](t)(p.Rectification(p.clerk.Key).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: c.GetProblem()}))
	if problem.GetUnit() != heir {
		t.Errorf("entered is %v", problem)
	}
}

// What waited at a desk that was merged away is not lost: of the sealed cases an
// officer of its heir takes over also those that nobody had accepted, and open ones
// are assigned beneath the heir.
func TestTheHeirOfADeskGoesOn(t *testing.T) {
	p := newPlace(t)
	fresh := p.report()
	open, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	heirs := p.Complaint(p.stranger.Key) // an officer of the other district
	take := &complaintv1.TakeOverComplaintRequest{Name: fresh}
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(heirs.TakeOverComplaint(t.Context(), take))
	refused[*complaintv1.Complaint](t, complaint.ErrNotVacant)(p.Complaint(p.officer.Key).TakeOverComplaint(t.Context(), take))
	p.merge(p.district, p.other)

	accept := &complaintv1.AcceptComplaintRequest{Name: fresh}
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(p.cityOfficer.Key).TakeOverComplaint(t.Context(), take))
	refused[*complaintv1.Complaint](t, authz.ErrDenied)(heirs.AcceptComplaint(t.Context(), accept))
	taken := suitetest.OK[*complaintv1.Complaint](t)(heirs.TakeOverComplaint(t.Context(), take))
	if taken.GetDesk() != p.other || taken.GetResponsible() != "" || taken.GetState() != complaintv1.Complaint_STATE_RECEIVED {
		t.Errorf("taken over: %v", taken)
	}
	suitetest.OK[*complaintv1.Complaint](t)(heirs.AcceptComplaint(t.Context(), accept))
	p.opens(p.stranger, fresh)

	suitetest.OK[*complaintv1.Complaint](t)(heirs.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: open.GetName()}))
	assigned := suitetest.OK[*complaintv1.Complaint](t)(heirs.AssignComplaint(t.Context(), assignUnit(open.GetName(), p.school)))
	if assigned.GetAssignedUnit() != p.school {
		t.Errorf("assigned: %v", assigned)
	}
}
