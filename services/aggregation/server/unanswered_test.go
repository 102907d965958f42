package server_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/rectification"
)

// unanswered holds the ledgers that nobody answers of the school and of those above it,
// and what awaits the district of them, against what is wanted.
func (s *scene) unanswered(when string, want int64, asked string) {
	s.T.Helper()
	s.settled()
	for _, unit := range []string{s.school, s.district, s.Root} {
		if got := figure(s.status(s.reviewer.Key, unit, nil).GetFigures(), "ledgers_unacknowledged").GetValue(); got != want {
			s.T.Errorf("%s %s has %d unacknowledged, want %d", when, unit, got, want)
		}
	}
	got := ""
	for _, i := range s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.district, Filter: "action = ACKNOWLEDGE_LEDGER"}) {
		got += i.GetDueDate() + " " + i.GetLight().String()
	}
	if got != asked {
		s.T.Errorf("%s the district is asked for %q, want %q", when, got, asked)
	}
}

// A district that neither acknowledges nor returns what its school filed keeps it from
// the city no longer than 15 working days: then it counts, and the city urges it.
func TestALedgerThatNobodyAnswersIsSeenFromAbove(t *testing.T) {
	s := newScene(t)
	on := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 1, 0, 0, 0, time.UTC) }
	s.SetTime(on(3, 1))
	s.running(s.Campaign(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key), "2026-04-03")
	clerk, ledger := s.Person(s.school, accessv1.Role_ROLE_CLERK).Key, rectification.LedgerName("campaigns/c", s.school)
	urge := func() error {
		_, err := s.Aggregation(s.reviewer.Key).UrgeWorkItem(t.Context(), &aggregationv1.UrgeWorkItemRequest{
			Name: s.district, Subject: ledger, Action: aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER,
		})
		return err
	}
	s.SetTime(on(3, 31))
	s.filesNothing(clerk, ledger)
	s.SetTime(on(4, 22))
	s.unanswered("on the last day", 0, "2026-04-22 LIGHT_YELLOW")
	if err := urge(); !errors.Is(err, aggregation.ErrNotLate) {
		t.Errorf("urging on the last day = %v", err)
	}
	s.SetTime(on(4, 23))
	s.unanswered("on the day after", 1, "2026-04-22 LIGHT_RED")
	if err := urge(); err != nil {
		t.Errorf("urging what is late = %v", err)
	}
	s.SetTime(on(5, 20))
	if _, err := s.Rectification(s.eye.Key).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: ledger}); err != nil {
		t.Fatal(err)
	}
	s.unanswered("once it is acknowledged", 0, "")
	then := s.status(s.reviewer.Key, s.Root, &aggregationv1.Cut{AsOf: timestamppb.New(on(5, 1))})
	wantFigure(t, then.GetFigures(), "ledgers_unacknowledged", 1)
	s.recounted()
}
