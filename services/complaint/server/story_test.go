package server_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/suitetest"
)

const (
	officer = accessv1.Role_ROLE_COMPLAINT_OFFICER
	clerk   = accessv1.Role_ROLE_CLERK
	leader  = accessv1.Role_ROLE_LEADER
)

// place is a small installation: root ← city ← district ← school, and a second
// district. Officers sit in the city and in the district.
type place struct {
	*suitetest.Suite
	city, district, other, school string

	cityOfficer, officer, clerk, schoolLeader, stranger suitetest.Person
}

func newPlace(t testing.TB) *place {
	t.Helper()
	return furnish(suitetest.Run(t))
}

func furnish(s *suitetest.Suite) *place {
	p := &place{Suite: s}
	p.city = s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	p.district = s.Unit("district", p.city, organizationv1.Unit_KIND_DISTRICT)
	p.other = s.Unit("other", p.city, organizationv1.Unit_KIND_DISTRICT)
	p.school = s.Unit("school", p.district, organizationv1.Unit_KIND_SCHOOL)
	p.cityOfficer = s.Person(p.city, officer)
	p.officer = s.Person(p.district, officer)
	p.clerk = s.Person(p.district, clerk)
	p.schoolLeader = s.Person(p.school, leader, clerk)
	p.stranger = s.Person(p.other, leader, clerk, officer)
	return p
}

func (p *place) about(unit string, kind complaintv1.Complaint_Type) *complaintv1.CreateComplaintRequest {
	return &complaintv1.CreateComplaintRequest{
		Intake: p.district,
		Complaint: &complaintv1.Complaint{
			Type: kind, Channel: complaintv1.Complaint_CHANNEL_HOTLINE, Unit: unit, Category: "食堂", Text: "食堂饭菜不热",
		},
	}
}

func (p *place) take(who suitetest.Person, req *complaintv1.CreateComplaintRequest) (*complaintv1.Complaint, string) {
	p.T.Helper()
	filed, err := p.Complaint(who.Key).CreateComplaint(p.T.Context(), req)
	if err != nil {
		p.T.Fatal(err)
	}
	return filed.GetComplaint(), filed.GetReceipt()
}

// refused asserts the fault of a call.
func refused[T any](t testing.TB, want error) func(T, error) {
	return func(_ T, err error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("err = %v, want %v", err, want)
		}
	}
}

func TestAnOrdinaryComplaintFromTheHotlineToTheAnswer(t *testing.T) {
	p := newPlace(t)
	c, receipt := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	if c.GetDesk() != p.district || c.GetSealed() || c.GetDecideDue().GetDate() != "2026-02-24" || c.GetFinishDue() != nil {
		t.Fatalf("received: %v", c)
	}
	name, desk, school := c.GetName(), p.Complaint(p.officer.Key), p.Complaint(p.schoolLeader.Key)
	get := &complaintv1.GetComplaintRequest{Name: name}
	accept := &complaintv1.AcceptComplaintRequest{Name: name}
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(school.GetComplaint(t.Context(), get))
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(school.AcceptComplaint(t.Context(), accept))
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(p.stranger.Key).AcceptComplaint(t.Context(), accept))
	refused[*complaintv1.Complaint](t, authz.ErrDenied)(p.Complaint(p.cityOfficer.Key).AcceptComplaint(t.Context(), accept))
	refused[*complaintv1.Complaint](t, authz.ErrDenied)(p.Complaint(p.Auditor).GetComplaint(t.Context(), get))
	refused[*complaintv1.OpenComplaintResponse](t, complaint.ErrNotSealed)(desk.OpenComplaint(t.Context(), &complaintv1.OpenComplaintRequest{Name: name, Purpose: complaintv1.Opening_PURPOSE_DECISION}))
	refused[*complaintv1.Complaint](t, change.ErrEtagStale)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name, Etag: "9"}))
	refused[*complaintv1.Complaint](t, complaint.ErrIllegalMove)(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))

	suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name, ValidateOnly: true}))
	p.SetTime(suitetest.Start.Add(24 * time.Hour))
	c = suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), accept))
	if c.GetResponsible() != p.officer.Name || c.GetFinishDue().GetDate() != "2026-04-11" || c.GetFinishDue().GetCalendar() == "" || c.GetRulePack() != "xinfang-2022@2026.1" {
		t.Errorf("accepted: %v", c)
	}
	refused[*complaintv1.Complaint](t, complaint.ErrUnitWanted)(desk.AssignComplaint(t.Context(), assignUnit(name, p.other)))
	refused[*complaintv1.Complaint](t, complaint.ErrUnitWanted)(desk.AssignComplaint(t.Context(), assignPerson(name, p.officer.Name)))
	suitetest.OK[*complaintv1.Complaint](t)(desk.AssignComplaint(t.Context(), assignUnit(name, p.school)))

	if c := suitetest.OK[*complaintv1.Complaint](t)(school.GetComplaint(t.Context(), get)); c.GetText() != "食堂饭菜不热" {
		t.Errorf("the school reads %v", c)
	}
	refused[*complaintv1.Complaint](t, authz.ErrDenied)(school.RectifyComplaint(t.Context(), rectify(name)))
	refused[*complaintv1.Complaint](t, authz.ErrDenied)(school.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))
	suitetest.OK[*complaintv1.Complaint](t)(school.ReplyComplaint(t.Context(), &complaintv1.ReplyComplaintRequest{Name: name, Text: "已更换保温设备"}))
	suitetest.OK[*complaintv1.Complaint](t)(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))

	seen := suitetest.OK[*complaintv1.LookupReceiptResponse](t)(p.Complaint("").LookupReceipt(t.Context(), &complaintv1.LookupReceiptRequest{Receipt: receipt}))
	if seen.GetState() != complaintv1.Complaint_STATE_CLOSED || len(seen.GetAnswers()) != 1 || seen.GetAnswers()[0].GetText() != "已更换保温设备" {
		t.Errorf("the receipt tells %v", seen)
	}
}

func assignUnit(name, unit string) *complaintv1.AssignComplaintRequest {
	return &complaintv1.AssignComplaintRequest{Name: name, To: &complaintv1.AssignComplaintRequest_Unit{Unit: unit}}
}

func assignPerson(name, who string) *complaintv1.AssignComplaintRequest {
	return &complaintv1.AssignComplaintRequest{Name: name, To: &complaintv1.AssignComplaintRequest_Assignee{Assignee: who}}
}

func rectify(name string) *complaintv1.RectifyComplaintRequest {
	return &complaintv1.RectifyComplaintRequest{Name: name, Level: rectificationv1.Problem_LEVEL_UNIT, Description: "食堂保温设备不足"}
}

func TestIntakeAndItsRefusals(t *testing.T) {
	p := newPlace(t)
	portal := p.Machine(p.district, accessv1.Role_ROLE_PORTAL)
	create := func(key string, edit func(*complaintv1.CreateComplaintRequest)) (*complaintv1.CreateComplaintResponse, error) {
		req := p.about(p.school, complaintv1.Complaint_TYPE_HELP)
		edit(req)
		return p.Complaint(key).CreateComplaint(t.Context(), req)
	}
	for _, x := range []struct {
		name string
		key  string
		edit func(*complaintv1.CreateComplaintRequest)
		want error
	}{
		{"elsewhere", p.stranger.Key, func(*complaintv1.CreateComplaintRequest) {}, authz.ErrNotFound},
		{"with a role that takes none in", p.Auditor, func(*complaintv1.CreateComplaintRequest) {}, authz.ErrDenied},
		{"for a unit that is not there", p.clerk.Key, func(r *complaintv1.CreateComplaintRequest) { r.Complaint.Unit = "units/none" }, complaint.ErrUnitUnknown},
		{"by a channel that is not the clerk's", p.clerk.Key, func(r *complaintv1.CreateComplaintRequest) {
			r.Complaint.Channel = complaintv1.Complaint_CHANNEL_WEB
		}, complaint.ErrChannelMismatch},
		{"a report from a portal", portal.Key, func(r *complaintv1.CreateComplaintRequest) {
			r.Complaint.Channel, r.Complaint.Type = complaintv1.Complaint_CHANNEL_PORTAL, complaintv1.Complaint_TYPE_REPORT
		}, complaint.ErrPortalSealed},
		{"about the root's head", p.clerk.Key, func(r *complaintv1.CreateComplaintRequest) {
			r.Complaint.Unit, r.Complaint.AboutHead = p.Root, true
		}, complaint.ErrNobodyHears},
		{"by the accused", p.clerk.Key, func(r *complaintv1.CreateComplaintRequest) {
			r.Complaint.Unit, r.Complaint.AboutHead = p.district, true
		}, complaint.ErrTakerInvolved},
		{"of no type", p.clerk.Key, func(r *complaintv1.CreateComplaintRequest) { r.Complaint.Type = 0 }, change.ErrFields},
	} {
		if _, err := create(x.key, x.edit); !errors.Is(err, x.want) {
			t.Errorf("%s = %v, want %v", x.name, err, x.want)
		}
	}
	list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(p.Complaint(p.cityOfficer.Key).ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{}))
	if len(list.GetComplaints()) != 0 {
		t.Errorf("after refusals there are %v", list)
	}
	_, err := create(portal.Key, func(r *complaintv1.CreateComplaintRequest) {
		r.Complaint.Channel = complaintv1.Complaint_CHANNEL_PORTAL
	})
	if err != nil {
		t.Errorf("an open case from a portal = %v", err)
	}
}

func TestARepeatShowsTheReceiptNoSecondTime(t *testing.T) {
	p := newPlace(t)
	req := p.about(p.school, complaintv1.Complaint_TYPE_HELP)
	req.RequestId = "once"
	first, receipt := p.take(p.clerk, req)
	again, empty := p.take(p.clerk, req)
	if receipt == "" || empty != "" || first.GetName() != again.GetName() || first.GetDesk() != p.school {
		t.Errorf("first %v %q, again %v %q", first, receipt, again, empty)
	}
	req = p.about(p.school, complaintv1.Complaint_TYPE_HELP)
	req.ValidateOnly = true
	p.take(p.clerk, req)
	list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(p.Complaint(p.clerk.Key).ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{
		Desk: p.school, Filter: `type = HELP AND unit = "units/school" AND decide_due.date = ""`,
	}))
	if len(list.GetComplaints()) != 0 { // there is no due day to compare
		t.Errorf("an absent day compares: %v", list)
	}
	list = suitetest.OK[*complaintv1.ListComplaintsResponse](t)(p.Complaint(p.clerk.Key).ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{Desk: p.school, Filter: `type = HELP`}))
	if len(list.GetComplaints()) != 1 {
		t.Errorf("the list has %d complaints, want 1", len(list.GetComplaints()))
	}
}

func TestAReceiptThatNobodyHoldsTellsNothing(t *testing.T) {
	p := newPlace(t)
	_, receipt := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_HELP))
	public := p.Complaint("")
	broken := []byte(receipt)
	broken[0] = '0' + (broken[0]-'0'+1)%10
	var first string
	for _, code := range []string{"0000-0000-0000-0000-0794-2", string(broken), "x", receipt + "0"} {
		_, err := public.LookupReceipt(t.Context(), &complaintv1.LookupReceiptRequest{Receipt: code})
		if got := answer(t, nil, err); !errors.Is(err, authz.ErrNotFound) || first != "" && got != first {
			t.Errorf("%q is answered by %v", code, err)
		} else {
			first = got
		}
	}
}

func TestCitizensFileWithoutCredentialsUpToALimit(t *testing.T) {
	p := newPlace(t)
	submit := func(edit func(*complaintv1.Complaint)) (*complaintv1.SubmitComplaintResponse, error) {
		c := p.about(p.school, complaintv1.Complaint_TYPE_REPORT).GetComplaint()
		c.Channel = complaintv1.Complaint_CHANNEL_WEB
		edit(c)
		return p.Complaint("").SubmitComplaint(t.Context(), &complaintv1.SubmitComplaintRequest{Complaint: c})
	}
	filed := suitetest.OK[*complaintv1.SubmitComplaintResponse](t)(submit(func(*complaintv1.Complaint) {}))
	if filed.GetDesk() != p.district || len(filed.GetReceipt()) != 26 {
		t.Errorf("filed: %v", filed)
	}
	refused[*complaintv1.SubmitComplaintResponse](t, complaint.ErrChannelMismatch)(submit(func(c *complaintv1.Complaint) { c.Channel = complaintv1.Complaint_CHANNEL_VISIT }))
	refused[*complaintv1.SubmitComplaintResponse](t, complaint.ErrNobodyHears)(submit(func(c *complaintv1.Complaint) { c.Unit = p.Root }))
	var err error
	for range 100 {
		if _, err = submit(func(c *complaintv1.Complaint) { c.Text = "" }); status.Code(err) == codes.ResourceExhausted {
			t.Error("what the contract refuses uses up the bucket")
		}
	}
	for n := 0; n < filings && status.Code(err) != codes.ResourceExhausted; n++ {
		_, err = submit(func(c *complaintv1.Complaint) { c.Unit = p.Root })
	}
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the hundredth filing of one network = %v, want a limit", err)
	}
	if _, err = p.Complaint("").SubmitComplaint(t.Context(), &complaintv1.SubmitComplaintRequest{
		Complaint: p.web(), ValidateOnly: true,
	}); err != nil {
		t.Errorf("what is validated only meets the limit of what is filed: %v", err)
	}
	p.otherNetworks()
}

// web is a complaint of a citizen.
func (p *place) web() *complaintv1.Complaint {
	c := p.about(p.school, complaintv1.Complaint_TYPE_REPORT).GetComplaint()
	c.Channel = complaintv1.Complaint_CHANNEL_WEB
	return c
}

// otherNetworks files through the listeners, from a network that has not filed
// yet; what a client says of its network is not believed.
func (p *place) otherNetworks() {
	p.T.Helper()
	conn := suitetest.OK[*grpc.ClientConn](p.T)(grpc.NewClient(p.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer func() { _ = conn.Close() }()
	var err error
	for i := 0; i < filings && status.Code(err) != codes.ResourceExhausted; i++ {
		ctx := metadata.AppendToOutgoingContext(p.T.Context(), "duban-network", strconv.Itoa(i))
		if _, err = complaintv1.NewComplaintServiceClient(conn).SubmitComplaint(ctx, &complaintv1.SubmitComplaintRequest{Complaint: p.web()}); i == 0 && err != nil {
			p.T.Errorf("another network is kept out: %v", err)
		}
	}
	if status.Code(err) != codes.ResourceExhausted {
		p.T.Errorf("the hundredth filing under forged networks = %v, want a limit", err)
	}
	body := suitetest.OK[[]byte](p.T)(protojson.Marshal(&complaintv1.SubmitComplaintRequest{Complaint: p.web()}))
	said := 0
	for n := 0; n < 3 && said != http.StatusTooManyRequests; n++ { // in ten seconds one more may be filed
		res := suitetest.OK[*http.Response](p.T)(http.Post(p.HTTP+"/v1/complaints:submit", "application/json", bytes.NewReader(body)))
		said = res.StatusCode
		_ = res.Body.Close()
	}
	if said != http.StatusTooManyRequests {
		p.T.Errorf("the same network over REST: %d, want 429", said)
	}
}

// filings are many more than a network may file at once: twenty, and one more every
// ten seconds, which a slow machine lets pass.
const filings = 100

func TestARejectionIsReadByTheComplainant(t *testing.T) {
	p := newPlace(t)
	c, receipt := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_COMPLAINT))
	reject := &complaintv1.RejectComplaintRequest{Name: c.GetName(), Reason: "已由法院受理"}
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.officer.Key).RejectComplaint(t.Context(), reject))
	refused[*complaintv1.Complaint](t, complaint.ErrIllegalMove)(p.Complaint(p.officer.Key).RejectComplaint(t.Context(), reject))
	seen := suitetest.OK[*complaintv1.LookupReceiptResponse](t)(p.Complaint("").LookupReceipt(t.Context(), &complaintv1.LookupReceiptRequest{Receipt: receipt}))
	if seen.GetState() != complaintv1.Complaint_STATE_REJECTED || seen.GetAnswers()[0].GetText() != "已由法院受理" {
		t.Errorf("the receipt tells %v", seen)
	}
}

func TestOnlyTheServiceItselfSettles(t *testing.T) {
	p := newPlace(t)
	settle := &complaintv1.SettleRectificationRequest{Name: "complaints/1", Outcome: &complaintv1.SettleRectificationRequest_Refusal{Refusal: "X"}}
	_, err := p.Complaint(p.officer.Key).SettleRectification(t.Context(), settle)
	refused[*complaintv1.SettleRectificationResponse](t, authz.ErrDenied)(nil, err)
	self := complaintv1.NewComplaintServiceClient(p.Conn("complaint"))
	_, err = self.SettleRectification(context.WithoutCancel(t.Context()), settle)
	refused[*complaintv1.SettleRectificationResponse](t, authz.ErrNotFound)(nil, err)
}
