package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/complaint/recheck"
	"github.com/duban-project/duban/services/complaint/server"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// answer is all that a caller sees of a call.
func answer(t testing.TB, m proto.Message, err error) string {
	t.Helper()
	if err != nil {
		m = status.Convert(err).Proto()
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// asks makes every call that names a complaint.
func asks(t testing.TB, c complaintv1.ComplaintServiceClient, name, person string) map[string]string {
	t.Helper()
	got := map[string]string{}
	note := func(method string) func(m proto.Message, err error) {
		return func(m proto.Message, err error) { got[method] = answer(t, m, err) }
	}
	ctx := t.Context()
	do := func(method string, call func() (proto.Message, error)) { m, err := call(); note(method)(m, err) }
	do("get", func() (proto.Message, error) {
		return c.GetComplaint(ctx, &complaintv1.GetComplaintRequest{Name: name})
	})
	do("open", func() (proto.Message, error) {
		return c.OpenComplaint(ctx, &complaintv1.OpenComplaintRequest{Name: name, Purpose: complaintv1.Opening_PURPOSE_DECISION})
	})
	do("accept", func() (proto.Message, error) {
		return c.AcceptComplaint(ctx, &complaintv1.AcceptComplaintRequest{Name: name, Etag: "no"})
	})
	do("reject", func() (proto.Message, error) {
		return c.RejectComplaint(ctx, &complaintv1.RejectComplaintRequest{Name: name, Reason: "x", Etag: "no"})
	})
	do("assign", func() (proto.Message, error) { return c.AssignComplaint(ctx, assignPerson(name, person)) })
	do("reply", func() (proto.Message, error) {
		return c.ReplyComplaint(ctx, &complaintv1.ReplyComplaintRequest{Name: name, Text: "x"})
	})
	do("close", func() (proto.Message, error) {
		return c.CloseComplaint(ctx, &complaintv1.CloseComplaintRequest{Name: name})
	})
	do("take over", func() (proto.Message, error) {
		return c.TakeOverComplaint(ctx, &complaintv1.TakeOverComplaintRequest{Name: name})
	})
	do("rectify", func() (proto.Message, error) { return c.RectifyComplaint(ctx, rectify(name)) })
	do("settle", func() (proto.Message, error) {
		return c.SettleRectification(ctx, &complaintv1.SettleRectificationRequest{Name: name, Outcome: &complaintv1.SettleRectificationRequest_Refusal{Refusal: "X"}})
	})
	return got
}

// TestASealedCaseDoesNotExistForAnyoneElse asks, with every role in every
// relation to the case, for the case and for one that is not there.
func TestASealedCaseDoesNotExistForAnyoneElse(t *testing.T) {
	p := newPlace(t)
	dept := p.Unit("dept", p.school, organizationv1.Unit_KIND_DEPARTMENT)
	people := map[string]suitetest.Person{"the public": {}, "the system administrator": {Key: p.SystemAdmin},
		"the security administrator": {Key: p.SecurityAdmin}, "the auditor": {Key: p.Auditor}}
	for word, n := range accessv1.Role_value {
		role := accessv1.Role(n)
		for _, unit := range []string{p.Root, p.city, p.district, p.other, p.school, dept} {
			switch {
			case n == 0, role == officer && unit == p.district:
			case role == accessv1.Role_ROLE_REPORTER, role == accessv1.Role_ROLE_PORTAL:
				people[word+" on "+unit] = p.Machine(unit, role)
			default:
				people[word+" on "+unit] = p.Person(unit, role)
			}
		}
	}
	spy := p.Person(p.school)
	p.Grant(spy.Name, p.district, officer)
	people["an officer at the desk who comes from the accused"] = spy
	both := p.Person(p.district, officer)
	p.Grant(both.Name, dept, accessv1.Role_ROLE_VIEWER)
	people["an officer at the desk with a role beneath the accused"] = both
	second := p.Person(p.district, officer)

	p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_HELP)) // behind which a page could end
	req := p.about(p.school, complaintv1.Complaint_TYPE_REPORT)
	req.Intake = p.city
	c, _ := p.take(p.cityOfficer, req)
	if c.GetDesk() != p.district || !c.GetSealed() {
		t.Fatalf("received: %v", c)
	}
	absent := func() {
		t.Helper()
		for who, person := range people {
			client := p.Complaint(person.Key)
			there, missing := asks(t, client, c.GetName(), p.officer.Name), asks(t, client, "complaints/none", p.officer.Name)
			for method, got := range there {
				if got != missing[method] {
					t.Errorf("%s asks to %s: %q, and of a missing complaint %q", who, method, got, missing[method])
				}
			}
			list, err := client.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{PageSize: 1})
			hidden := func(c *complaintv1.Complaint) bool { return c.GetSealed() }
			if err == nil && (slices.ContainsFunc(list.GetComplaints(), hidden) || list.GetNextPageToken() != "") {
				t.Errorf("%s lists %v", who, list)
			}
		}
	}
	absent()
	desk := p.Complaint(p.officer.Key)
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(second.Key).GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: c.GetName()}))
	suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: c.GetName()}))
	people["another officer at the desk, once it is accepted"] = second
	absent()
	if list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(desk.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{Desk: p.district})); len(list.GetComplaints()) != 1 {
		t.Errorf("the officer responsible lists %v", list)
	}
	refused[*complaintv1.Complaint](t, complaint.ErrOfficerWanted)(desk.AssignComplaint(t.Context(), assignPerson(c.GetName(), spy.Name)))
	refused[*complaintv1.Complaint](t, complaint.ErrOfficerWanted)(desk.AssignComplaint(t.Context(), assignUnit(c.GetName(), p.district)))
	suitetest.OK[*complaintv1.Complaint](t)(desk.AssignComplaint(t.Context(), assignPerson(c.GetName(), second.Name)))
	delete(people, "another officer at the desk, once it is accepted")
	absent()
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(second.Key).GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: c.GetName()}))
}

// captured is a test whose output is kept, and whose folder is known.
type captured struct {
	testing.TB
	folder string
	mu     sync.Mutex
	log    bytes.Buffer
}

func (c *captured) TempDir() string { return c.folder }

func (c *captured) Output() io.Writer { return c }

func (c *captured) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(b)
}

// What must be found nowhere, and the officer's own words, which belong in the
// ledger.
var (
	canaries = []string{"canary-name", "138-canary-phone", "canary-text", "canary-category", "canary-reply"}
	ordered  = "canary-description"
)

func TestNothingOfAReportLiesInTheOpen(t *testing.T) {
	folder := t.TempDir()
	kept := &captured{TB: t, folder: folder}
	s := suitetest.Run(kept)
	p := furnish(s)
	var seen bytes.Buffer // every answer but the opening itself
	note := func(m proto.Message, err error) { seen.WriteString(answer(t, m, err)) }

	req := p.about(p.school, complaintv1.Complaint_TYPE_REPORT)
	req.RequestId = "canary story"
	req.Intake = p.city
	req.Complaint.Text, req.Complaint.Category = "canary-text", "canary-category"
	req.Complainant = &complaintv1.Complainant{Name: "canary-name", Contact: "138-canary-phone"}
	filed, err := p.Complaint(p.cityOfficer.Key).CreateComplaint(t.Context(), req)
	note(filed, err)
	name, desk := filed.GetComplaint().GetName(), p.Complaint(p.officer.Key)
	note(desk.AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: name, RequestId: "a"}))
	opened := suitetest.OK[*complaintv1.OpenComplaintResponse](t)(desk.OpenComplaint(t.Context(), &complaintv1.OpenComplaintRequest{
		Name: name, Purpose: complaintv1.Opening_PURPOSE_INVESTIGATION, RequestId: "o",
	}))
	if c := opened.GetComplaint(); c.GetText() != "canary-text" || c.GetUnit() != p.school || c.GetCategory() != "canary-category" || !c.GetRealName() || c.GetIntake() != p.city {
		t.Errorf("opened: %v", c)
	}
	again := suitetest.OK[*complaintv1.OpenComplaintResponse](t)(desk.OpenComplaint(t.Context(), &complaintv1.OpenComplaintRequest{
		Name: name, Purpose: complaintv1.Opening_PURPOSE_INVESTIGATION, RequestId: "o",
	}))
	if again.GetComplaint() != nil || again.GetOpening().GetName() != opened.GetOpening().GetName() {
		t.Errorf("a repeat of the opening shows %v", again)
	}
	note(desk.AssignComplaint(t.Context(), assignPerson(name, p.officer.Name)))
	order := rectify(name)
	order.Description = ordered
	note(desk.RectifyComplaint(t.Context(), order))
	note(desk.ReplyComplaint(t.Context(), &complaintv1.ReplyComplaintRequest{Name: name, Text: "canary-reply", RequestId: "r"}))
	note(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))
	note(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
	note(desk.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{}))
	note(p.Complaint(p.cityOfficer.Key).CreateComplaint(t.Context(), req)) // the repeat
	bad := proto.CloneOf(req)
	bad.Complaint.Type, bad.RequestId = 99, ""
	note(p.Complaint(p.cityOfficer.Key).CreateComplaint(t.Context(), bad))
	bad.Complaint.Type, bad.Complaint.Unit = complaintv1.Complaint_TYPE_REPORT, p.Root
	note(p.Complaint(p.cityOfficer.Key).CreateComplaint(t.Context(), bad))
	told := suitetest.OK[*complaintv1.LookupReceiptResponse](t)(p.Complaint("").LookupReceipt(t.Context(), &complaintv1.LookupReceiptRequest{Receipt: filed.GetReceipt()}))
	if len(told.GetAnswers()) != 1 || told.GetAnswers()[0].GetText() != "canary-reply" {
		t.Errorf("the receipt tells %v", told)
	}

	records := suitetest.OK[*feedv1.ListRecordsResponse](t)(feedv1.NewFeedServiceClient(s.As(s.Auditor)).ListRecords(t.Context(), &feedv1.ListRecordsRequest{Parent: "feeds/complaint"}))
	sealedInTheFeed(t, records, p)
	verifier := verifierOf(t, s)
	s.Stop()
	found := map[string][]byte{"answers": seen.Bytes(), "logs": kept.log.Bytes()}
	files(t, folder, found)
	for where, b := range found {
		for _, canary := range canaries {
			if bytes.Contains(b, []byte(canary)) {
				t.Errorf("%s has %q", where, canary)
			}
		}
		// The ledger has it, and the events of those who may read the ledger.
		if where != "rectification.db" && where != "event.db" && bytes.Contains(b, []byte(ordered)) {
			t.Errorf("%s has what was ordered", where)
		}
		if digits, _ := complaint.ReadReceipt(filed.GetReceipt()); where != "answers" && (bytes.Contains(b, []byte(digits)) || bytes.Contains(b, []byte(filed.GetReceipt()))) {
			t.Errorf("%s has the receipt", where)
		}
	}
	for whose, secret := range map[string]string{"the accused": p.school, "who took it in": p.cityOfficer.Name, "the unit that took it in": p.city} {
		if bytes.Contains(found["complaint.db"], []byte(secret)) {
			t.Errorf("the complaints' store names %s", whose)
		}
	}
	agree(t, s.Store("complaint"), verifier)
}

// sealedInTheFeed looks at what an auditor reads.
func sealedInTheFeed(t *testing.T, records *feedv1.ListRecordsResponse, p *place) {
	t.Helper()
	kinds := map[string]int{}
	for _, r := range records.GetRecords() {
		e := &feedv1.Entry{}
		if err := proto.Unmarshal(r.GetEntry(), e); err != nil {
			t.Fatal(err)
		}
		kinds[e.GetKind()]++
		if actor := e.GetActor(); e.GetKind() == "complaint.complaint.received.v1" && (actor.GetRole() != "public" || len(actor.GetPseudonym()) > 0) {
			t.Errorf("it was taken in by %v, and is to look as if filed by the public", actor)
		}
		for _, bad := range append([]string{p.school, p.officer.Name, p.cityOfficer.Name, p.city}, canaries...) {
			if bytes.Contains(r.GetEntry(), []byte(bad)) {
				t.Errorf("the entry %s has %q", e.GetKind(), bad)
			}
		}
	}
	for _, want := range []string{"received", "accepted", "assigned", "replied", "closed"} {
		if kinds["complaint.complaint."+want+".v1"] != 1 {
			t.Errorf("the feed has %v, want one %s", kinds, want)
		}
	}
	if kinds["complaint.case.opened.v1"] != 1 || kinds["complaint.rectification.ordered.v1"] != 1 {
		t.Errorf("the feed has %v, want one opening and one order", kinds)
	}
}

func verifierOf(t *testing.T, s *suitetest.Suite) note.Verifier {
	t.Helper()
	cp := suitetest.OK[*feedv1.Checkpoint](t)(feedv1.NewFeedServiceClient(s.As(s.Auditor)).GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/complaint"}))
	return suitetest.OK[note.Verifier](t)(note.NewVerifier(cp.GetVerifierKey()))
}

// files reads every file of the installation.
func files(t *testing.T, folder string, into map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		into[filepath.Base(path)] = b
		return err
	})
	if err != nil || len(into["complaint.db"]) == 0 {
		t.Fatalf("reading the installation: %v, %d files", err, len(into))
	}
}

// agree checks that feed and records say the same.
func agree(t *testing.T, path string, verifier note.Verifier) {
	t.Helper()
	engine, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	}()
	report, err := fsck.Check(t.Context(), engine, fsck.Expect{Verifier: verifier, Schema: server.Schema, Beside: recheck.Cases})
	if err != nil || report.Wrong != 0 || report.Entries == 0 {
		t.Errorf("fsck: %s, %v", fmt.Sprint(report, report.First), err)
	}
}

// TestACaseAboutAHeadPassesTheBureauThatThePersonLeads: who leads the school
// leads the district too, so the city hears it.
func TestACaseAboutAHeadPassesTheBureauThatThePersonLeads(t *testing.T) {
	p := newPlace(t)
	head := p.Person(p.school, accessv1.Role_ROLE_HEAD)
	req := p.about(p.school, complaintv1.Complaint_TYPE_SUGGESTION)
	req.Complaint.AboutHead = true
	if c, _ := p.take(p.clerk, req); c.GetDesk() != p.district {
		t.Errorf("the desk is %s, want the district", c.GetDesk())
	}
	p.Grant(head.Name, p.district, accessv1.Role_ROLE_HEAD)
	c, _ := p.take(p.clerk, req)
	if c.GetDesk() != p.city {
		t.Errorf("the desk is %s, want the city", c.GetDesk())
	}
	refused[*complaintv1.Complaint](t, authz.ErrNotFound)(p.Complaint(p.officer.Key).GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: c.GetName()}))
}

// TestACaseThatCannotBeOpenedHidesNoOther, nor itself: the list of the desk says of it
// that it cannot be read, and who opens it is told so.
func TestACaseThatCannotBeOpenedHidesNoOther(t *testing.T) {
	folder := t.TempDir()
	s := suitetest.RunNew(t, folder)
	p := furnish(s)
	broken, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_REPORT))
	good, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_REPORT))
	s.Stop()
	engine := suitetest.OK[store.Engine](t)(bolt.Open(filepath.Join(folder, "complaint.db"), bolt.Options{}))
	err := engine.Update(t.Context(), func(tx store.Tx) error {
		return tx.Put("complaint.contents", []byte(broken.GetName()), []byte("garbage"))
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
	desk := suitetest.RunIn(t, folder).Complaint(p.officer.Key)
	found, err := desk.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{})
	unreadable := map[string]bool{}
	for _, c := range found.GetComplaints() {
		unreadable[c.GetName()] = c.GetUnreadable()
	}
	if want := map[string]bool{broken.GetName(): true, good.GetName(): false}; err != nil || !maps.Equal(unreadable, want) {
		t.Errorf("the list = %v, %v; want %v", found, err, want)
	}
	for _, dry := range []bool{false, true} {
		req := &complaintv1.OpenComplaintRequest{Name: broken.GetName(), Purpose: complaintv1.Opening_PURPOSE_DECISION, ValidateOnly: dry}
		refused[*complaintv1.OpenComplaintResponse](t, complaint.ErrContentMissing)(desk.OpenComplaint(t.Context(), req))
	}
}

// An opening names the key that was used; where keys do not sign, none opens.
func TestAnOpeningNamesItsKeyAndTakesASecondFactor(t *testing.T) {
	p := newPlace(t)
	req := p.about(p.school, complaintv1.Complaint_TYPE_REPORT)
	req.Intake = p.city
	filed := suitetest.OK[*complaintv1.CreateComplaintResponse](t)(p.Complaint(p.cityOfficer.Key).CreateComplaint(t.Context(), req))
	opened := suitetest.OK[*complaintv1.OpenComplaintResponse](t)(p.Complaint(p.officer.Key).OpenComplaint(t.Context(), &complaintv1.OpenComplaintRequest{
		Name: filed.GetComplaint().GetName(), Purpose: complaintv1.Opening_PURPOSE_DECISION,
	}))
	if key := opened.GetOpening().GetApiKey(); !strings.HasPrefix(key, "apiKeys/") || strings.Contains(p.officer.Key, key) {
		t.Errorf("opened with %q", key)
	}
	if !rule(t, "OpenComplaint").GetSecondFactor() {
		t.Error("a key that does not sign opens")
	}
}

// rule is who may call a method of the service.
func rule(t *testing.T, method protoreflect.Name) *accessv1.Rule {
	t.Helper()
	m := complaintv1.File_duban_complaint_v1_complaint_proto.Services().Get(0).Methods().ByName(method)
	is, found := proto.GetExtension(m.Options(), accessv1.E_Rule).(*accessv1.Rule)
	if !found {
		t.Fatalf("%s has no rule", method)
	}
	return is
}
