package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

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

// kept are three cases and their receipts: two that are sealed, one of them with an
// identity, and an open one with an identity.
type kept struct {
	named, nameless, open string
	receipts              map[string]string
}

func (p *place) keeps(t *testing.T) kept {
	t.Helper()
	k := kept{receipts: map[string]string{}}
	file := func(kind complaintv1.Complaint_Type, who *complaintv1.Complainant) string {
		req := p.about(p.school, kind)
		req.Complainant = who
		c, receipt := p.take(p.clerk, req)
		k.receipts[c.GetName()] = receipt
		return c.GetName()
	}
	who := &complaintv1.Complainant{Name: "反映人", Contact: "13800000000"}
	k.named, k.nameless = file(complaintv1.Complaint_TYPE_REPORT, who), file(complaintv1.Complaint_TYPE_REPORT, nil)
	k.open = file(complaintv1.Complaint_TYPE_COMPLAINT, who)
	return k
}

// row is one row of the store.
type row struct {
	bucket     string
	key, value []byte
}

// rows are those of a case, by bucket.
func (k kept) rows(t *testing.T, engine store.Engine, name string) map[string]row {
	t.Helper()
	found := map[string]row{}
	err := engine.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"complaint.contents", "complaint.identities", "complaint.receipts"} {
			for e, err := range tx.Scan(bucket, nil, nil) {
				if err != nil {
					return err
				}
				if string(e.Key) == name || string(e.Value) == name {
					found[bucket] = row{bucket, e.Key, e.Value}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func put(t *testing.T, engine store.Engine, r row) {
	t.Helper()
	err := engine.Update(t.Context(), func(tx store.Tx) error {
		if r.value == nil {
			return tx.Delete(r.bucket, r.key)
		}
		return tx.Put(r.bucket, r.key, r.value)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

// Whoever changes, deletes or adds a row of what is kept outside of the feed is found
// by fsck, which names the case and has no key to decrypt with.
func TestFsckNamesACaseOfWhichARowIsNotAsItWas(t *testing.T) {
	s := suitetest.Run(t)
	p := furnish(s)
	k := p.keeps(t)
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: k.named}))
	verifier := verifierOf(t, s)
	s.Stop()
	engine := suitetest.OK[store.Engine](t)(bolt.Open(s.Store("complaint"), bolt.Options{}))
	check := func() fsck.Report {
		return suitetest.OK[fsck.Report](t)(fsck.Check(t.Context(), engine, fsck.Expect{Verifier: verifier, Schema: server.Schema, Beside: recheck.Cases}))
	}
	named, nameless, open := k.rows(t, engine, k.named), k.rows(t, engine, k.nameless), k.rows(t, engine, k.open)
	if len(named) != 3 || len(nameless) != 2 || len(open) != 2 {
		t.Fatalf("%d, %d and %d rows are kept", len(named), len(nameless), len(open))
	}
	harm := func(what, subject, says string, r row, as []byte) {
		t.Helper()
		put(t, engine, row{r.bucket, r.key, as})
		got := check()
		if got.First == nil || got.First.Subject != subject || !strings.Contains(got.First.What, says) || !strings.Contains(got.First.What, r.bucket) {
			t.Errorf("%s: %+v, want %s, … %s …", what, got.First, subject, says)
		}
		put(t, engine, r)
	}
	for name, rows := range map[string]map[string]row{k.named: named, k.nameless: nameless, k.open: open} {
		for bucket, r := range rows {
			harm("deleted from "+bucket, name, "missing", r, nil)
			if bucket != "complaint.receipts" {
				harm("flipped in "+bucket, name, "not the one", r, flipped(r.value))
			}
		}
	}
	receipt := named["complaint.receipts"]
	harm("a receipt to no case", k.named, "missing or altered", receipt, flipped(receipt.value))
	harm("a receipt to another case", k.nameless, "not its own", receipt, []byte(k.nameless))
	harm("another case's content", k.named, "not the one", named["complaint.contents"], nameless["complaint.contents"].value)
	harm("another's identity", k.named, "not the one", named["complaint.identities"], open["complaint.identities"].value)
	harm("an added identity", k.nameless, "commits to none", row{"complaint.identities", []byte(k.nameless), nil}, []byte("x"))
	harm("the content of an open case", k.open, "commits to none", row{"complaint.contents", []byte(k.open), nil}, []byte("x"))
	harm("a content of no case", "complaints/none", "no such case", row{"complaint.contents", []byte("complaints/none"), nil}, []byte("x"))
	if got := check(); got.Wrong != 0 {
		t.Errorf("with everything put back: %+v", got.First)
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
}

// A case whose rows are not what it commits to says so to those for whom it exists, and
// to nobody else that it exists; older contents and others' receipts are none of it.
func TestWhatIsLostOfACaseIsSaid(t *testing.T) {
	folder := t.TempDir()
	s := suitetest.RunNew(t, folder)
	p := furnish(s)
	k, second := p.keeps(t), p.report()
	s.Stop()
	path := filepath.Join(folder, "complaint.db")
	engine := suitetest.OK[store.Engine](t)(bolt.Open(path, bolt.Options{}))
	before := k.rows(t, engine, k.named)["complaint.contents"]
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	s = suitetest.RunIn(t, folder)
	suitetest.OK[*complaintv1.Complaint](t)(s.Complaint(p.officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: k.named}))
	s.Stop()

	engine = suitetest.OK[store.Engine](t)(bolt.Open(path, bolt.Options{}))
	put(t, engine, before)
	put(t, engine, row{"complaint.contents", []byte(k.nameless), nil})
	astray := k.rows(t, engine, k.open)["complaint.receipts"]
	put(t, engine, row{astray.bucket, astray.key, []byte(second)})
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	s = suitetest.RunIn(t, folder)
	lost := func(err error) {
		t.Helper()
		if !errors.Is(err, complaint.ErrContentMissing) {
			t.Errorf("%v, want %v", err, complaint.ErrContentMissing)
		}
	}
	for _, name := range []string{k.named, k.nameless} {
		desk, outside := s.Complaint(p.officer.Key), s.Complaint(p.cityOfficer.Key)
		shown := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
		if !shown.GetUnreadable() || shown.GetDesk() != p.district || shown.GetUnit() != "" {
			t.Errorf("read of a case that is lost: %v", shown)
		}
		_, err := desk.OpenComplaint(t.Context(), &complaintv1.OpenComplaintRequest{Name: name, Purpose: complaintv1.Opening_PURPOSE_DECISION})
		lost(err)
		_, err = desk.ReplyComplaint(t.Context(), &complaintv1.ReplyComplaintRequest{Name: name, Text: "x"})
		lost(err)
		missing := asks(t, outside, "complaints/none", p.officer.Name)
		for method, got := range asks(t, outside, name, p.officer.Name) {
			if got != missing[method] {
				t.Errorf("whom it does not exist for asks to %s: %q", method, got)
			}
		}
	}
	list := func(filter string) (names []string) {
		list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(s.Complaint(p.officer.Key).ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{Filter: filter}))
		for _, c := range list.GetComplaints() {
			names = append(names, c.GetName())
		}
		return names
	}
	if got := list("unreadable = true"); !slices.Equal(got, []string{k.named, k.nameless}) {
		t.Errorf("of what is lost the desk lists %v", got)
	}
	if got := list(""); len(got) != 4 {
		t.Errorf("the desk lists %v", got)
	}
	for _, receipt := range k.receipts {
		_, err := s.Complaint("").LookupReceipt(t.Context(), &complaintv1.LookupReceiptRequest{Receipt: receipt})
		lost(err)
	}
}

// Whoever has a part in a case that nobody accepted yet, or came to have one in theirs,
// does not learn that there is one when its content is lost; who would take it over
// does, and from whom it was not kept can tell.
func TestALostCaseTellsThoseItIsAboutNothing(t *testing.T) {
	folder := t.TempDir()
	p := furnish(suitetest.RunNew(t, folder))
	heir := p.Unit("heir", p.district, organizationv1.Unit_KIND_SCHOOL)
	leaving := p.Person(p.district)
	p.Grant(leaving.Name, p.district, officer)
	p.CatchUp()
	fresh, vacant := p.report(), p.report()
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(leaving.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: vacant}))
	p.post(leaving, &organizationv1.Post{Unit: heir, Kind: organizationv1.Post_KIND_STAFF})
	former, insider := p.served(p.school), p.Person(heir)
	for _, who := range []suitetest.Person{former, insider} {
		p.Grant(who.Name, p.district, officer)
	}
	p.merge(p.school, heir)
	names := map[string]string{fresh: p.district, vacant: p.city}
	s := p.Suite
	for range 2 { // with their contents, and without
		for name, desk := range names {
			for who, person := range map[string]suitetest.Person{"a former member": former, "who came with the heir": insider, "who came to belong to it": leaving} {
				there, missing := asks(t, s.Complaint(person.Key), name, p.officer.Name), asks(t, s.Complaint(person.Key), "complaints/none", p.officer.Name)
				for method, got := range there {
					if got != missing[method] {
						t.Errorf("%s asks to %s: %q, and of a missing complaint %q", who, method, got, missing[method])
					}
				}
				if list := suitetest.OK[*complaintv1.ListComplaintsResponse](t)(s.Complaint(person.Key).ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{})); len(list.GetComplaints()) != 0 {
					t.Errorf("%s lists %v", who, list)
				}
			}
			hears := map[string]suitetest.Person{p.district: p.officer, p.city: p.cityOfficer}[desk]
			suitetest.OK[*complaintv1.Complaint](t)(s.Complaint(hears.Key).GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
		}
		s.Stop()
		engine := suitetest.OK[store.Engine](t)(bolt.Open(filepath.Join(folder, "complaint.db"), bolt.Options{}))
		for name := range names {
			put(t, engine, row{"complaint.contents", []byte(name), nil})
		}
		if err := engine.Close(); err != nil {
			t.Fatal(err)
		}
		s = suitetest.RunIn(t, folder)
	}
	refused[*complaintv1.Complaint](t, complaint.ErrContentMissing)(s.Complaint(p.cityOfficer.Key).TakeOverComplaint(t.Context(), &complaintv1.TakeOverComplaintRequest{Name: vacant}))
}

// Of a case that is lost and has no mark, as from before there were any, it is not known
// whom it is about: it exists for who accepted it, and before for those whom it cannot be
// about; as the log has not signed that it is lost, nobody closes it.
func TestALostCaseWithoutAMarkIsAloofOfficersAlone(t *testing.T) {
	folder := t.TempDir()
	p := furnish(suitetest.RunNew(t, folder))
	former := p.served(p.other)
	p.Grant(former.Name, p.district, officer)
	p.CatchUp()
	fresh, accepted := p.report(), p.report()
	suitetest.OK[*complaintv1.Complaint](t)(p.Complaint(p.officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: accepted}))
	p.Stop()
	engine := suitetest.OK[store.Engine](t)(bolt.Open(filepath.Join(folder, "complaint.db"), bolt.Options{}))
	table := store.Table[*complaintv1.Complaint]{Bucket: "duban.complaint.v1.Complaint", Key: (*complaintv1.Complaint).GetName}
	for _, name := range []string{fresh, accepted} {
		put(t, engine, row{"complaint.contents", []byte(name), nil})
		err := engine.Update(t.Context(), func(tx store.Tx) error {
			c, err := table.Get(tx, name)
			if err != nil || len(c.GetDigests().GetConcerned()) == 0 {
				return fmt.Errorf("the record %v: %w", c, err)
			}
			c.Digests.Concerned = nil
			return table.Put(tx, c)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	s := suitetest.RunIn(t, folder)
	desk := s.Complaint(p.officer.Key)
	for _, name := range []string{fresh, accepted} {
		refused[*complaintv1.Complaint](t, authz.ErrNotFound)(s.Complaint(former.Key).GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name}))
		if c := suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: name})); !c.GetUnreadable() {
			t.Errorf("at the desk is read %v", c)
		}
		refused[*complaintv1.Complaint](t, complaint.ErrContentMissing)(desk.CloseComplaint(t.Context(), &complaintv1.CloseComplaintRequest{Name: name}))
	}
}

// Answers leave the digests out, also of a repeat, and the feed says of every case as
// much: neither tells whether a name was given.
func TestDigestsTellNothing(t *testing.T) {
	p := newPlace(t)
	k := p.keeps(t)
	desk := p.Complaint(p.officer.Key)
	accept := &complaintv1.AcceptComplaintRequest{Name: k.named, RequestId: "a"}
	open := &complaintv1.OpenComplaintRequest{Name: k.named, Purpose: complaintv1.Opening_PURPOSE_DECISION}
	shown := []*complaintv1.Complaint{
		suitetest.OK[*complaintv1.CreateComplaintResponse](t)(p.Complaint(p.clerk.Key).CreateComplaint(t.Context(), p.about(p.school, complaintv1.Complaint_TYPE_REPORT))).GetComplaint(),
		suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), accept)),
		suitetest.OK[*complaintv1.Complaint](t)(desk.AcceptComplaint(t.Context(), accept)),
		suitetest.OK[*complaintv1.Complaint](t)(desk.GetComplaint(t.Context(), &complaintv1.GetComplaintRequest{Name: k.named})),
		suitetest.OK[*complaintv1.OpenComplaintResponse](t)(desk.OpenComplaint(t.Context(), open)).GetComplaint(),
	}
	shown = append(shown, suitetest.OK[*complaintv1.ListComplaintsResponse](t)(desk.ListComplaints(t.Context(), &complaintv1.ListComplaintsRequest{})).GetComplaints()...)
	for _, c := range shown {
		if c == nil || c.GetDigests() != nil {
			t.Errorf("shown: %v", c)
		}
	}
	records := suitetest.OK[*feedv1.ListRecordsResponse](t)(feedv1.NewFeedServiceClient(p.As(p.Auditor)).ListRecords(t.Context(), &feedv1.ListRecordsRequest{Parent: "feeds/complaint"}))
	for _, r := range records.GetRecords() {
		e, body := &feedv1.Entry{}, &complaintv1.Complaint{}
		if err := proto.Unmarshal(r.GetEntry(), e); err != nil {
			t.Fatal(err)
		}
		if e.GetBody().MessageIs(body) && (e.GetBody().UnmarshalTo(body) != nil || body.GetDigests() != nil) {
			t.Errorf("the entry %s says %v", e.GetKind(), body)
		}
		var labels []string
		for _, c := range e.GetSealed() {
			labels = append(labels, c.GetLabel())
		}
		if (e.GetSubject() == k.named || e.GetSubject() == k.nameless) && e.GetKind() == "complaint.complaint.received.v1" && strings.Join(labels, " ") != "digests" {
			t.Errorf("the entry of a sealed case commits to %v", labels)
		}
		if len(r.GetOpenings()) > 0 {
			t.Errorf("an auditor is given %v", r.GetOpenings())
		}
	}
}
