package campaign

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/scope"
)

// Assignments is how many assignments a campaign gives at most, and in how many
// units it has ledgers filed.
const Assignments = 20_000

// Publish returns c as it is published and the assignments that it gives: one
// for every task and every active unit in scope that the task applies to. land
// is the owner's subtree, and t the template that c was made from or nil. No task falls
// out unsaid: where an action with tasks lacks required items, or a task applies to no unit
// in scope, c is not published.
func Publish(c *campaignv1.Campaign, t *Template, land Land, now time.Time, who string) (*campaignv1.Campaign, []*campaignv1.Assignment, error) {
	c, err := move(c, Publishing)
	if err != nil {
		return nil, nil, err
	}
	c = Resolve(c, land)
	for _, check := range []func() error{
		func() error { return Check(c, land) },
		func() error { return unresolved(c, t) },
		func() error { return complete(c) },
		func() error { return ahead(c, calendar.On(now).String()) },
		func() error { return near(c, calendar.On(now).String()) },
	} {
		if err := check(); err != nil {
			return nil, nil, err
		}
	}
	given, err := assignments(c, land)
	if err != nil {
		return nil, nil, err
	}
	c.AssignmentCount, c.PublishTime, c.Publisher = int32(len(given)), timestamppb.New(now), who
	return c, given, nil
}

// Led says whether those of the leading group who are named as members are in office.
func Led(c *campaignv1.Campaign, serves func(member string) bool) error {
	f := ErrLeaderUnknown
	for i, m := range c.GetLeadingGroup() {
		if m.GetMember() != "" && !serves(m.GetMember()) {
			f = f.At(fmt.Sprintf("campaign.leading_group[%d].member", i), "不存在或不在任", "is nobody in office")
		}
	}
	if len(f.Fields) > 0 {
		return f
	}
	return nil
}

// complete says what a campaign must have before it is published.
func complete(c *campaignv1.Campaign) error {
	f := ErrIncomplete
	need := func(ok bool, path string) {
		if !ok {
			f = f.At(path, "发布前必须填写", "is needed before publishing")
		}
	}
	need(c.GetDisplayName() != "", "campaign.display_name")
	need(len(c.GetTasks()) > 0, "campaign.tasks")
	for i, p := range c.GetPhases() {
		need(p.GetStartDate() != "", fmt.Sprintf("campaign.phases[%d].start_date", i))
		need(p.GetEndDate() != "", fmt.Sprintf("campaign.phases[%d].end_date", i))
	}
	for i, t := range c.GetTasks() {
		need(t.GetDueDate() != "", fmt.Sprintf("campaign.tasks[%d].due_date", i))
	}
	if f = needItems(f, c); len(f.Fields) > 0 {
		return f
	}
	return nil
}

// ahead says whether nothing in c, which MUST be complete, was due before today and
// its last phase has not ended: nobody is late with what nobody had been told.
func ahead(c *campaignv1.Campaign, today string) error {
	f := ErrDatesOver.With("date", today)
	look := func(date, path string) {
		if date != "" && date < today {
			f = f.At(path, date+" 已经过去", date+" has passed")
		}
	}
	last := lastPhase(c)
	look(c.GetPhases()[last].GetEndDate(), fmt.Sprintf("campaign.phases[%d].end_date", last))
	dueDates(c, look)
	if len(f.Fields) > 0 {
		return f
	}
	return nil
}

// yearsBack and yearsAhead are how far from the day of publication the dates of a campaign
// lie at most: as problems' deadlines, and as campaigns that began before they were published.
const yearsBack, yearsAhead = 1, 3

// near says whether no date in c, which MUST be complete, lies years away from today.
func near(c *campaignv1.Campaign, today string) error {
	f := ErrDatesOutside.With("date", today)
	look := func(date, path string) {
		if date != "" && !calendar.Near(date, today, yearsBack, yearsAhead) {
			f = f.At(path, date+" 早于一年之前或晚于三年之后", date+" is more than a year before today or three years after it")
		}
	}
	for i, p := range c.GetPhases() {
		look(p.GetStartDate(), fmt.Sprintf("campaign.phases[%d].start_date", i))
		look(p.GetEndDate(), fmt.Sprintf("campaign.phases[%d].end_date", i))
	}
	dueDates(c, look)
	if len(f.Fields) > 0 {
		return f
	}
	return nil
}

// dueDates has look look at all that falls due in c, and where it stands.
func dueDates(c *campaignv1.Campaign, look func(date, path string)) {
	for i, t := range c.GetTasks() {
		look(t.GetDueDate(), fmt.Sprintf("campaign.tasks[%d].due_date", i))
	}
	look(c.GetFiling().GetDueDate(), "campaign.filing.due_date")
}

// lastPhase is where the phase stands that ends last.
func lastPhase(c *campaignv1.Campaign) (last int) {
	for i, p := range c.GetPhases() {
		if p.GetEndDate() > c.GetPhases()[last].GetEndDate() {
			last = i
		}
	}
	return last
}

// needItems adds to f the items that actions still require for their tasks.
func needItems(f *fault.Fault, c *campaignv1.Campaign) *fault.Fault {
	waiting := map[string][]string{}
	for _, t := range c.GetTasks() {
		waiting[t.GetAction()] = append(waiting[t.GetAction()], t.GetCode())
	}
	for i, a := range c.GetActions() {
		tasks, has, needs := waiting[a.GetCode()], len(a.GetItems()), int(a.GetItemsRequired())
		if len(tasks) == 0 || has >= needs {
			continue
		}
		f = f.At(fmt.Sprintf("campaign.actions[%d].items", i),
			fmt.Sprintf("须录入 %d 项，现有 %d 项，否则任务 %s 无法下达：请录入，或删去这些任务", needs, has, strings.Join(tasks, "、")),
			fmt.Sprintf("has %[2]d of the %[1]d items that the tasks %[3]s need: enter them, or leave these tasks out", needs, has, strings.Join(tasks, ", ")))
	}
	return f
}

// assignments counts before it makes anything.
func assignments(c *campaignv1.Campaign, land Land) (given []*campaignv1.Assignment, err error) {
	tasks := c.GetTasks()
	chosen := make([][]*organizationv1.Unit, len(tasks))
	count := 0
	inScope := scope.Select(c.GetScope(), land)
	f := ErrScopeEmpty
	for i, t := range tasks {
		for _, u := range inScope {
			if scope.Active(u) && scope.Suits(u, t.GetAppliesTo().GetKinds(), t.GetAppliesTo().GetLabels()) {
				chosen[i] = append(chosen[i], u)
			}
		}
		if len(chosen[i]) == 0 {
			f = f.At(fmt.Sprintf("campaign.tasks[%d].applies_to", i), "范围内没有适用单位", "applies to no unit in scope")
		}
		count += len(chosen[i])
	}
	switch most := max(count, len(scope.Owes(c, land))); {
	case len(f.Fields) > 0:
		return nil, f
	case most > Assignments:
		return nil, ErrTooManyAssignments.With("limit", strconv.Itoa(Assignments)).With("count", strconv.Itoa(most))
	}
	media := mediaOf(c)
	for i, t := range tasks {
		for _, u := range chosen[i] {
			given = append(given, issue(c, t, u, media))
		}
	}
	return given, nil
}

// issue makes the assignment of a task to a unit. Task codes have no hyphen, so
// that its name says which task and unit it is of.
func issue(c *campaignv1.Campaign, t *campaignv1.Task, u *organizationv1.Unit, media map[string][]campaignv1.EvidenceKind_Media) *campaignv1.Assignment {
	id := strings.ToLower(t.GetCode()) + "-" + strings.TrimPrefix(u.GetName(), "units/")
	a := &campaignv1.Assignment{
		Name: c.GetName() + "/assignments/" + id, Unit: u.GetName(), Campaign: c.GetName(), Owner: c.GetOwner(),
		Task: t.GetCode(), Title: t.GetTitle(), Phase: t.GetPhase(), Action: t.GetAction(), DueDate: t.GetDueDate(),
		Weight: t.GetWeight(), NilAllowed: t.GetNilReturn(), State: campaignv1.Assignment_STATE_ISSUED,
	}
	for _, code := range t.GetEvidence() {
		a.Required = append(a.Required, &campaignv1.RequiredEvidence{Kind: code, Count: max(1, t.GetCount()), Media: media[code]})
	}
	return a
}

func mediaOf(c *campaignv1.Campaign) map[string][]campaignv1.EvidenceKind_Media {
	media := map[string][]campaignv1.EvidenceKind_Media{}
	for _, k := range c.GetEvidenceKinds() {
		media[k.GetCode()] = k.GetMedia()
	}
	return media
}
