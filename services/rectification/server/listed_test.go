package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// listed are the items about problems in a unit's list, as somebody reads it; not that they may.
func (w *world) listed(t *testing.T, by suitetest.Person, unit string, beneath bool) (items []string, may bool) {
	t.Helper()
	list, err := w.Aggregation(by.Key).ListWorkItems(t.Context(), &aggregationv1.ListWorkItemsRequest{Parent: unit, Beneath: beneath, PageSize: 1000})
	for _, item := range list.GetWorkItems() {
		if strings.Contains(item.GetSubject(), "/problems/") {
			items = append(items, item.GetSubject()+" "+item.GetAction().String())
		}
	}
	return items, err == nil
}

// Whoever may read a unit's list finds there what awaits it of every problem that GET shows
// them, whosever turn it is to verify, to close or to decide, and of no other: those who belong to
// the unit and hold a role above it, too, though they are not asked.
func TestAListShowsOfAProblemWhatGetShows(t *testing.T) {
	w := begin(t)
	both := w.Person(w.school, clerk)
	w.Grant(both.Name, w.bureau, leader)
	everybody := []suitetest.Person{
		w.clerk, w.leader, w.head, w.viewer, w.stranger, w.supervisor, w.bureauLeader, both,
		w.Person(w.Root, viewer), w.Person(w.bureau, viewer), w.Person(w.office, clerk), w.Person(w.Root, supervisor),
	}
	whole := everybody[8]
	ledger := w.ledger(t).GetName()
	letter := selfCheck("来信")
	letter.Source, letter.Deadline = rectificationv1.Problem_SOURCE_LETTER, "2026-04-15"
	var problems []string
	for _, found := range []*rectificationv1.Problem{selfCheck("一"), selfCheck("二"), letter} {
		name := w.problem(t, w.clerk, ledger, found).GetName()
		w.plan(t, name, "2026-04-15")
		problems = append(problems, name)
	}
	above := problems[0] // closed above: the head worked on it, and the leader leads
	suitetest.OK[*problem](t)(w.as(w.head).StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: above}))
	for _, name := range problems {
		w.submit(t, name)
	}
	want(t, "verifying", w.judge(t, w.leader, "verifying", above), nil)
	problems = append(problems, w.inspected(t, everybody[11]))
	w.plan(t, problems[3], "")
	_, err := w.as(w.clerk).ExtendProblem(t.Context(), &rectificationv1.ExtendProblemRequest{Name: problems[3], Deadline: "2026-06-01", Reason: "忙"})
	want(t, "asking for another deadline", err, nil)
	if !w.read(t, above).GetCloseAbove() {
		t.Fatal("the unit closes it itself")
	}
	until(t, func() bool {
		items, _ := w.listed(t, whole, w.Root, false)
		return slices.Contains(items, problems[3]+" "+aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION.String())
	}, func() string { return "nobody is asked for another deadline" })
	for _, by := range everybody {
		for _, unit := range []string{w.Root, w.bureau, w.school} {
			for _, beneath := range []bool{false, true} {
				got, may := w.listed(t, by, unit, beneath)
				if !may {
					continue
				}
				all, _ := w.listed(t, whole, unit, beneath)
				var want []string
				for _, item := range all {
					name, _, _ := strings.Cut(item, " ")
					if _, err := w.as(by).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: name}); err == nil {
						want = append(want, item)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s finds in %s, beneath %v: %v, and GET shows %v", by.Name, unit, beneath, got, want)
				}
			}
		}
	}
}

// until returns once done says so; it gives up after half a minute, and says what it waited for.
func until(t *testing.T, done func() bool, what func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(what())
		}
	}
}
