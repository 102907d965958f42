package server_test

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// A case that came back with a tail, without its content, exists for officers whom it cannot be
// about, who close it, and for nobody else; an open one says that its text is lost.
func TestACaseThatLostItsContentInATailIsClosed(t *testing.T) {
	p := newPlace(t)
	former, elsewhere := p.served(p.school), p.served(p.other)
	for _, who := range []suitetest.Person{former, elsewhere} {
		p.Grant(who.Name, p.district, officer)
	}
	p.CatchUp()
	kept := p.report()
	old, start := suitetest.OK[[]byte](t)(os.ReadFile(p.Store("complaint"))), p.tail(0).GetSize()
	fresh, higher, accepted := p.report(), p.report(), p.report()
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: accepted}))
	open, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	s := p.putBack(old, p.tail(start))

	desk, above := s.Complaint(p.officer.Key), s.Complaint(p.cityOfficer.Key)
	unreadable := func(c complaintv1.ComplaintServiceClient) (names []string) {
		list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(c.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{Filter: "unreadable = true"}))
		for _, c := range list.GetComplaints() {
			names = append(names, c.GetName())
		}
		return names
	}
	if got, want := unreadable(desk), []string{fresh, higher, accepted, open.GetName()}; !slices.Equal(got, want) {
		t.Errorf("the desk lists as unreadable %v, want %v", got, want)
	}
	if c := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: kept})); c.GetUnreadable() {
		t.Errorf("of before the backup: %v", c)
	}
	nothing := func(who suitetest.Person, names ...string) {
		t.Helper()
		missing := asks(t, s.Complaint(who.Key), "complaints/none", p.officer.Name)
		for _, name := range names {
			for method, got := range asks(t, s.Complaint(who.Key), name, p.officer.Name) {
				if got != missing[method] {
					t.Errorf("whom it may be about asks to %s: %q, and of a missing one %q", method, got, missing[method])
				}
			}
		}
	}
	for _, who := range []suitetest.Person{former, elsewhere, p.schoolLeader, p.stranger} {
		nothing(who, fresh, accepted)
	}
	nothing(p.cityOfficer, fresh, accepted)
	closed := func(c complaintv1.ComplaintServiceClient, name, by string) {
		t.Helper()
		refused[*complaintv1.Complaint](t, complaint.ErrContentMissing)(c.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name}))
		is := suitetest.OK[*complaintv1.Complaint](t)(c.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))
		if is.GetState() != complaintv1.Complaint_STATE_CLOSED || is.GetClosedBy() != by || !is.GetUnreadable() {
			t.Errorf("closed: %v", is)
		}
		refused[*complaintv1.Complaint](t, complaint.ErrIllegalMove)(c.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))
	}
	closed(desk, fresh, p.officer.Name)
	closed(desk, accepted, p.officer.Name)
	refused[*complaintv1.Complaint](t, complaint.ErrIllegalMove)(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: kept}))
	if c := suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: open.GetName()})); !c.GetUnreadable() || c.GetState() != complaintv1.Complaint_STATE_ACCEPTED {
		t.Errorf("an open one that lost its text: %v", c)
	}

	on := *p
	on.Suite = s
	on.post(p.officer, serves(p.district), serves(p.school))
	nothing(p.officer, higher)
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: higher}))
	if got := unreadable(above); !slices.Contains(got, higher) {
		t.Errorf("above are listed as unreadable %v", got)
	}
	closed(above, higher, p.cityOfficer.Name)
	verifier := verifierOf(t, s)
	s.Stop()
	agree(t, s.Store("complaint"), verifier)
}

// tail are the records of the log from one on as they go upward, and what shows that it signed
// them.
func (p *place) tail(start uint64) *federationv1.RestoreLogRequest {
	p.T.Helper()
	feeds := feedv1.NewFeedServiceClient(p.Conn("federation"))
	cp := suitetest.OK[*feedv1.Checkpoint](p.T)(feeds.GetCheckpoint(p.T.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/complaint"}))
	page := suitetest.OK[*feedv1.ListRecordsResponse](p.T)(feeds.ListRecords(p.T.Context(), &feedv1.ListRecordsRequest{Parent: "feeds/complaint", Start: start, PageSize: 1000}))
	return &federationv1.RestoreLogRequest{
		Role: "complaint", Size: cp.GetSize(), Records: page.GetRecords(),
		Cover: federation.NewBranch(federation.Head{Note: cp.GetNote()}, tlog.Hash(cp.GetRoot()), nil),
	}
}

// putBack starts the suite anew on an old store, and gives that its tail.
func (p *place) putBack(old []byte, tail *federationv1.RestoreLogRequest) *suitetest.Suite {
	t := p.T
	t.Helper()
	p.Stop()
	if err := os.WriteFile(p.Store("complaint"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	s := suitetest.RunAs(t, p.Folder, func(*suite.Config) {})
	s.SystemAdmin, s.SecurityAdmin, s.Auditor, s.Root = p.SystemAdmin, p.SecurityAdmin, p.Auditor, p.Root
	stream, err := federationv1.NewLogServiceClient(s.Conn("federation")).RestoreLog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(tail); err != nil {
		t.Fatal(err)
	}
	suitetest.OK[*federationv1.RestoreLogResponse](t)(stream.CloseAndRecv())
	return s
}
