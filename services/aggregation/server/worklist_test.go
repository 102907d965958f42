package server_test

import (
	"errors"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

func (s *scene) worklist(key string, req *aggregationv1.ListWorkItemsRequest) (items []*aggregationv1.WorkItem) {
	s.T.Helper()
	req.PageSize, req.PageToken = 1, ""
	for {
		res, err := s.Aggregation(key).ListWorkItems(s.T.Context(), req)
		if err != nil {
			s.T.Fatal(err)
		}
		items = append(items, res.GetWorkItems()...)
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			return items
		}
	}
}

func wantActions(t *testing.T, items []*aggregationv1.WorkItem, want ...aggregationv1.WorkItem_Action) {
	t.Helper()
	ok := len(items) == len(want)
	for i := range want {
		ok = ok && items[i].GetAction() == want[i]
	}
	if !ok {
		t.Errorf("the worklist has %v, want %v", items, want)
	}
}

const (
	plan   = aggregationv1.WorkItem_ACTION_PLAN_PROBLEM
	review = aggregationv1.WorkItem_ACTION_REVIEW_REPORT
)

// What the services write awaits who can do it, turns red with the clock alone,
// moves with its unit, and can be urged once a day by who stands above.
func TestWhatIsToBeDoneAwaitsWhoCanDoIt(t *testing.T) {
	s := newScene(t)
	clerk := s.Person(s.school, accessv1.Role_ROLE_CLERK)
	next := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	s.problems(clerk)
	report := s.sent(s.report(1, row(s.other, "found", 8)))
	s.settled()

	wantActions(t, s.worklist(clerk.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.school}), plan, plan)
	wantActions(t, s.worklist(clerk.Key, &aggregationv1.ListWorkItemsRequest{Parent: "units/-"}), plan, plan)
	wantActions(t, s.worklist(s.eye.Key, &aggregationv1.ListWorkItemsRequest{Parent: "units/-"}))
	wantActions(t, s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: "units/-"}), review)
	wantActions(t, s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.Root, Beneath: true}), plan, plan)
	wantActions(t, s.worklist(s.eye.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.district, Beneath: true, Filter: "light = RED"}))
	if _, err := s.Aggregation(clerk.Key).ListWorkItems(t.Context(), &aggregationv1.ListWorkItemsRequest{Parent: s.other}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("a sibling's worklist = %v", err)
	}
	s.accepted(report.GetName())
	s.settled()
	wantActions(t, s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.Root}))

	item := s.worklist(clerk.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.school})[0]
	urge := func(by suitetest.Person) error {
		_, err := s.Aggregation(by.Key).UrgeWorkItem(t.Context(), &aggregationv1.UrgeWorkItemRequest{Name: s.school, Subject: item.GetSubject(), Action: plan})
		return err
	}
	if err := urge(s.eye); !errors.Is(err, aggregation.ErrNotLate) {
		t.Errorf("urging what is not late = %v", err)
	}
	s.SetTime(suitetest.Start.AddDate(0, 2, 0))
	for _, by := range []suitetest.Person{s.head, clerk} {
		if err := urge(by); !errors.Is(err, authz.ErrDenied) {
			t.Errorf("urging oneself = %v", err)
		}
	}
	if err := urge(s.eye); err != nil {
		t.Fatal(err)
	}
	if err := urge(s.reviewer); !errors.Is(err, aggregation.ErrUrgedToday) {
		t.Errorf("urging again = %v", err)
	}
	s.SetTime(suitetest.Start.AddDate(0, 2, 1))
	if err := urge(s.reviewer); err != nil {
		t.Fatal(err)
	}
	late := s.worklist(clerk.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.school, Filter: "light = RED"})
	if len(late) != 2 || late[0].GetDaysLeft() >= 0 || late[0].GetUrge().GetCount() != 2 || late[0].GetUrge().GetUrgingUnit() != s.Root || late[1].GetUrge() != nil {
		t.Errorf("what is late = %v", late)
	}

	if _, err := s.Organization(s.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: s.school, Parent: next}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	wantActions(t, s.worklist(s.eye.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.district, Beneath: true}))
	wantActions(t, s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: next, Beneath: true}), plan, plan)
	if _, err := s.Rectification(s.reviewer.Key).CancelProblem(t.Context(), &rectificationv1.CancelProblemRequest{Name: item.GetSubject(), Reason: "重复"}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	wantActions(t, s.worklist(clerk.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.school}), plan)
	if err := urge(s.reviewer); !errors.Is(err, aggregation.ErrNotAwaited) {
		t.Errorf("urging what is done = %v", err)
	}
}

// What awaits a superior is not on the list of one who belongs to the unit that it is
// about: they would be refused.
func TestWhatAwaitsASuperiorFallsToNobodyOfTheUnit(t *testing.T) {
	s := newScene(t)
	seconded := s.Person(s.district, accessv1.Role_ROLE_CLERK)
	s.Grant(seconded.Name, s.Root, accessv1.Role_ROLE_SUPERVISOR)
	s.sent(s.report(1, row(s.other, "found", 8)))
	s.settled()
	wantActions(t, s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: "units/-"}), review)
	wantActions(t, s.worklist(seconded.Key, &aggregationv1.ListWorkItemsRequest{Parent: "units/-"}))
	wantActions(t, s.worklist(seconded.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.Root}), review)
}
