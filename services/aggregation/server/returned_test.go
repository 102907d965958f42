package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/rectification"
)

// filesNothing has the school sign its ledger as it stands, and file it.
func (s *scene) filesNothing(clerk, ledger string) {
	s.T.Helper()
	head := s.Rectification(s.head.Key)
	l, err := head.GetLedger(s.T.Context(), &rectificationv1.GetLedgerRequest{Name: ledger})
	if err == nil {
		_, err = head.SignLedger(s.T.Context(), &rectificationv1.SignLedgerRequest{Name: ledger, ContentDigest: l.GetContentDigest()})
	}
	if err == nil {
		_, err = s.Rectification(clerk).FileLedger(s.T.Context(), &rectificationv1.FileLedgerRequest{Name: ledger})
	}
	if err != nil {
		s.T.Fatal(err)
	}
}

// filings are the ledgers of the school that are due, filed, filed late and missing, as
// was known at a moment.
func (s *scene) filings(asOf *timestamppb.Timestamp) (n [4]int64) {
	s.T.Helper()
	s.settled()
	status := s.status(s.reviewer.Key, s.school, &aggregationv1.Cut{AsOf: asOf})
	for i, id := range []string{"ledgers_due", "ledgers_filed", "ledgers_filed_late"} {
		n[i] = figure(status.GetFigures(), id).GetValue()
	}
	for _, m := range status.GetMissing().GetItems() {
		if strings.HasPrefix(m.GetSubject(), "ledgers/") {
			n[3]++
		}
	}
	if got := figure(status.GetFigures(), "ledgers_overdue").GetValue(); asOf == nil && got != n[3] {
		s.T.Errorf("%d ledgers are overdue, and %d missing", got, n[3])
	}
	return n
}

// Who files an empty ledger on the last day and gets it back has filed nothing: it is
// owed again by a day of its own, missing after it, urged, and late when it comes. What
// was known before stays what it was.
func TestAReturnedLedgerIsNotFiled(t *testing.T) {
	s := newScene(t)
	on := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 1, 0, 0, 0, time.UTC) }
	s.SetTime(on(3, 1))
	s.running(s.Campaign(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key), "2026-04-03")
	clerk, ledger := s.Person(s.school, accessv1.Role_ROLE_CLERK).Key, rectification.LedgerName("campaigns/c", s.school)
	s.SetTime(on(4, 3))
	s.filesNothing(clerk, ledger)
	want := func(when string, asOf *timestamppb.Timestamp, want [4]int64) {
		t.Helper()
		if got := s.filings(asOf); got != want {
			t.Errorf("%s due, filed, late and missing are %v, want %v", when, got, want)
		}
	}
	s.SetTime(on(4, 8))
	want("once it is filed", nil, [4]int64{1, 1, 0, 0})
	back := &rectificationv1.ReturnLedgerRequest{Name: ledger, Reason: "台账为空"}
	if _, err := s.Rectification(s.eye.Key).ReturnLedger(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	want("once it is returned", nil, [4]int64{1, 0, 0, 0})
	if got := s.ledgerItems(s.school); got[s.school] != "ACTION_SIGN_LEDGER 2026-04-15 LIGHT_GREEN" {
		t.Errorf("the school is asked for %v", got)
	}

	s.SetTime(on(4, 16))
	want("after the day of correction", nil, [4]int64{1, 0, 0, 1})
	if diff := cmp.Diff([]string{s.school}, s.missingLedgers(s.school)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	urge := &aggregationv1.UrgeWorkItemRequest{Name: s.school, Subject: ledger, Action: aggregationv1.WorkItem_ACTION_SIGN_LEDGER}
	if _, err := s.Aggregation(s.eye.Key).UrgeWorkItem(t.Context(), urge); err != nil {
		t.Error(err)
	}
	s.SetTime(on(6, 8))
	s.filesNothing(clerk, ledger)
	want("filed two months later", nil, [4]int64{1, 1, 1, 0})
	want("as was known while it lay with the superior", timestamppb.New(on(4, 7)), [4]int64{1, 1, 0, 0})
	s.recounted()
}

// A ledger whose unit was archived before it was due is owed by nobody and asked of
// nobody; one that was due stays missing, in the list of who stands above.
func TestTheLedgerOfAnArchivedUnitIsOwedOnlyIfItWasDue(t *testing.T) {
	s := newScene(t)
	on := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 1, 0, 0, 0, time.UTC) }
	s.SetTime(on(3, 1))
	late := s.Unit("late", s.district, organizationv1.Unit_KIND_SCHOOL)
	s.running(s.Campaign(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key), "2026-04-05")
	s.Recorded("rectification", "rectification.ledger.issued.v1", 2)
	archive := func(unit string) {
		t.Helper()
		if _, err := s.Organization(s.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: unit}); err != nil {
			t.Fatal(err)
		}
	}
	s.SetTime(on(4, 4))
	archive(s.other)
	s.Recorded("rectification", "rectification.ledger.changed.v1", 1)
	s.SetTime(on(4, 5)) // the day on which it is due
	archive(late)
	s.Recorded("rectification", "rectification.ledger.changed.v1", 2)
	s.SetTime(on(5, 20))
	s.settled()
	if diff := cmp.Diff([]string{late, s.school}, slices.Sorted(slices.Values(s.missingLedgers(s.district)))); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "ledgers_due", 2)
	asked := map[string]string{}
	for _, i := range s.worklist(s.eye.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.district, Beneath: true, Filter: "action = OPEN_LEDGER OR action = SIGN_LEDGER"}) {
		asked[i.GetOwner()] = i.GetDueDate()
	}
	if diff := cmp.Diff(map[string]string{late: "2026-04-05", s.school: "2026-04-05"}, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	s.recounted()
}
