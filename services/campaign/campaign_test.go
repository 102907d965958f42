package campaign_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/scope"
)

// land is a district with departments and three schools, of which one is gone.
//
//	d ─┬─ office, personnel, twice1, twice2, gone
//	   ├─ s1 (boarding) ── s1teach
//	   ├─ s2
//	   └─ s3 (archived)
func land() campaign.Land {
	unit := func(id, parent string, kind organizationv1.Unit_Kind, labels ...string) *organizationv1.Unit {
		u := &organizationv1.Unit{Name: "units/" + id, Parent: "units/" + parent, Kind: kind, State: organizationv1.Unit_STATE_ACTIVE, Labels: map[string]string{}}
		for _, label := range labels {
			key, value, _ := strings.Cut(label, "=")
			u.Labels[key] = value
		}
		return u
	}
	const department, school = organizationv1.Unit_KIND_DEPARTMENT, organizationv1.Unit_KIND_SCHOOL
	all := campaign.Land{
		unit("d", "city", organizationv1.Unit_KIND_DISTRICT),
		unit("office", "d", department, "function=office"),
		unit("personnel", "d", department, "function=personnel"),
		unit("twice1", "d", department, "function=twice"),
		unit("twice2", "d", department, "function=twice"),
		unit("gone", "d", department, "function=gone"),
		unit("s1", "d", school, "boarding=true", "stage=senior"),
		unit("s2", "d", school, "boarding=false"),
		unit("s3", "d", school, "boarding=true"),
		unit("s1teach", "s1", department, "function=teaching"),
	}
	for _, i := range []int{5, 8} {
		all[i].State = organizationv1.Unit_STATE_ARCHIVED
	}
	return all
}

// broad is a district with so many schools.
func broad(schools int) campaign.Land {
	all := land()[:3]
	for i := range schools {
		all = append(all, &organizationv1.Unit{
			Name: fmt.Sprintf("units/x%d", i), Parent: "units/d", Kind: organizationv1.Unit_KIND_SCHOOL,
			State: organizationv1.Unit_STATE_ACTIVE,
		})
	}
	return all
}

// whole is a draft that can be published: a one-off task for schools and a quota.
func whole() *campaignv1.Campaign {
	schools := &campaignv1.Applicability{Kinds: []organizationv1.Unit_Kind{organizationv1.Unit_KIND_SCHOOL}}
	return &campaignv1.Campaign{
		Name: "campaigns/c", Owner: "units/d", DisplayName: "演示活动", State: campaignv1.Campaign_STATE_DRAFT,
		Phases:        []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-02-14", EndDate: "2026-03-05"}},
		Categories:    []*campaignv1.Category{{Code: "WEAK", Name: "弱", Items: []*campaignv1.Item{{Code: "WEAK-1", Text: "甲"}}}},
		EvidenceKinds: []*campaignv1.EvidenceKind{{Code: "photo", Name: "照片", Media: []campaignv1.EvidenceKind_Media{campaignv1.EvidenceKind_MEDIA_IMAGE}}},
		Actions: []*campaignv1.Action{{
			Code: "ACT", Name: "行动", Lead: &campaignv1.Organ{Function: "office"}, ItemsRequired: 1,
			Items: []*campaignv1.Item{{Code: "ACT-1", Text: "甲"}},
		}},
		Tasks: []*campaignv1.Task{
			{Code: "T1", Title: "一", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: "2026-03-01", AppliesTo: schools, Evidence: []string{"photo"}, Weight: 4},
			{Code: "T2", Title: "二", Kind: campaignv1.Task_KIND_QUOTA, Count: 2, Phase: "ONE", Action: "ACT", DueDate: "2026-03-05", AppliesTo: schools, Evidence: []string{"photo"}, NilReturn: true},
		},
	}
}

func names(units []*organizationv1.Unit) (ids []string) {
	for _, u := range units {
		ids = append(ids, strings.TrimPrefix(u.GetName(), "units/"))
	}
	return ids
}

func TestScope(t *testing.T) {
	const department, school = organizationv1.Unit_KIND_DEPARTMENT, organizationv1.Unit_KIND_SCHOOL
	for name, test := range map[string]struct {
		scope *campaignv1.Scope
		want  []string
	}{
		"everything":          {nil, []string{"d", "office", "personnel", "twice1", "twice2", "gone", "s1", "s2", "s3", "s1teach"}},
		"by kind":             {&campaignv1.Scope{Kinds: []organizationv1.Unit_Kind{school}}, []string{"s1", "s2", "s3"}},
		"by label":            {&campaignv1.Scope{Labels: map[string]string{"boarding": "true"}}, []string{"s1", "s3"}},
		"by two labels":       {&campaignv1.Scope{Labels: map[string]string{"boarding": "true", "stage": "senior"}}, []string{"s1"}},
		"by list":             {&campaignv1.Scope{Units: []string{"units/s1"}}, []string{"s1", "s1teach"}},
		"by list and kind":    {&campaignv1.Scope{Units: []string{"units/s1"}, Kinds: []organizationv1.Unit_Kind{department}}, []string{"s1teach"}},
		"minus exceptions":    {&campaignv1.Scope{Exceptions: []string{"units/s1"}, Kinds: []organizationv1.Unit_Kind{school, department}}, []string{"office", "personnel", "twice1", "twice2", "gone", "s2", "s3"}},
		"exception of a list": {&campaignv1.Scope{Units: []string{"units/s1", "units/s2"}, Exceptions: []string{"units/s1teach"}}, []string{"s1", "s2"}},
		"beyond the land":     {&campaignv1.Scope{Units: []string{"units/elsewhere"}}, nil},
	} {
		if diff := cmp.Diff(test.want, names(scope.Select(test.scope, land()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Ledgers that are owed are limited like assignments, however few of these there are.
func TestTooManyLedgersAreRefused(t *testing.T) {
	c := whole()
	for _, task := range c.GetTasks() {
		task.AppliesTo = &campaignv1.Applicability{Kinds: []organizationv1.Unit_Kind{organizationv1.Unit_KIND_DISTRICT}}
	}
	c.Filing = &campaignv1.Filing{DueDate: "2026-04-05"}
	if _, _, err := campaign.Publish(c, nil, broad(campaign.Assignments), noon, "x"); err != nil {
		t.Errorf("as many as are allowed: %v", err)
	}
	if _, _, err := campaign.Publish(c, nil, broad(campaign.Assignments+1), noon, "x"); !errors.Is(err, campaign.ErrTooManyAssignments) {
		t.Errorf("one more: %v", err)
	}
}

func TestPublishingGivesEveryActiveUnitItsTasks(t *testing.T) {
	c, given, err := campaign.Publish(whole(), nil, land(), noon, "units/d/members/head")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range given {
		got = append(got, strings.TrimPrefix(a.GetName(), "campaigns/c/assignments/"))
	}
	if diff := cmp.Diff([]string{"t1-s1", "t1-s2", "t2-s1", "t2-s2"}, got); diff != "" {
		t.Errorf("assignments (-want +got):\n%s", diff)
	}
	if c.GetAssignmentCount() != 4 || !c.GetPublishTime().AsTime().Equal(noon) || c.GetPublisher() != "units/d/members/head" || len(c.GetOmittedTasks()) != 0 {
		t.Errorf("the campaign is published as %v", c)
	}
	want := &campaignv1.Assignment{
		Name: "campaigns/c/assignments/t2-s2", Unit: "units/s2", Campaign: "campaigns/c", Owner: "units/d", Task: "T2", Title: "二",
		Phase: "ONE", Action: "ACT", DueDate: "2026-03-05", NilAllowed: true, State: campaignv1.Assignment_STATE_ISSUED,
		Required: []*campaignv1.RequiredEvidence{{Kind: "photo", Count: 2, Media: []campaignv1.EvidenceKind_Media{campaignv1.EvidenceKind_MEDIA_IMAGE}}},
	}
	if !proto.Equal(want, given[3]) {
		t.Errorf("the quota of s2 = %v, want %v", given[3], want)
	}
	if given[0].GetRequired()[0].GetCount() != 1 || given[0].GetWeight() != 4 {
		t.Errorf("the one-off task of s1 = %v", given[0])
	}
}

func TestTheMostAssignments(t *testing.T) {
	_, given, err := campaign.Publish(whole(), nil, broad(10_000), noon, "x")
	if err != nil || len(given) != campaign.Assignments {
		t.Errorf("10,000 schools with two tasks each = %d, %v", len(given), err)
	}
}

// Without its items an action's tasks would fall out, and a published campaign changes
// no more: it is told which tasks wait for how many, and goes without them if it says so.
func TestACampaignWhoseTasksLackItemsIsNotPublished(t *testing.T) {
	c := whole()
	c.Actions[0].ItemsRequired = 2
	_, _, err := campaign.Publish(c, nil, land(), noon, "x")
	want := []fault.Field{{
		Path: "campaign.actions[0].items", Rule: "campaign_incomplete",
		Zh: "须录入 2 项，现有 1 项，否则任务 T2 无法下达：请录入，或删去这些任务",
		En: "has 1 of the 2 items that the tasks T2 need: enter them, or leave these tasks out",
	}}
	if !errors.Is(err, campaign.ErrIncomplete) || !slices.Equal(fault.As(err).Fields, want) {
		t.Errorf("lacking an item: %v", err)
	}
	c.Tasks = c.Tasks[:1]
	got, given, err := campaign.Publish(c, nil, land(), noon, "x")
	if err != nil || len(given) != 2 || len(got.GetOmittedTasks()) != 0 {
		t.Errorf("without its tasks: %v, %v, %v", given, got.GetOmittedTasks(), err)
	}
}

// A campaign of years ago would be late in everything from its first day; one that has
// begun goes out once what has passed has new days. Today is the day in Shanghai.
func TestWhatIsPastIsNotPublished(t *testing.T) {
	made, err := workStyle().In(2026)
	if err != nil {
		t.Fatal(err)
	}
	c := made.GetCampaign()
	for _, a := range c.GetActions() {
		a.ItemsRequired, a.Lead, a.Cooperating = 0, nil, nil
	}
	c.State, c.Owner = campaignv1.Campaign_STATE_DRAFT, "units/d"
	for _, task := range c.GetTasks() {
		task.Lead, task.Cooperating, task.AppliesTo = nil, nil, nil
	}
	past := func(moment string) (paths []string) {
		now, err := time.Parse(time.RFC3339, moment)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = campaign.Publish(c, nil, land(), now, "x"); err == nil {
			return nil
		}
		if !errors.Is(err, campaign.ErrDatesOver) {
			t.Fatal(err)
		}
		for _, f := range fault.As(err).Fields {
			paths = append(paths, strings.TrimPrefix(f.Path, "campaign."))
		}
		return paths
	}
	for moment, want := range map[string][]string{
		"2026-02-13T12:00:00+08:00": nil,
		"2026-03-01T23:59:59+08:00": nil, // T101 is due that day
		"2026-03-01T16:00:00Z":      {"tasks[0].due_date"},
		"2026-03-31T12:00:00+08:00": {"tasks[0].due_date", "tasks[1].due_date", "tasks[2].due_date", "tasks[3].due_date", "tasks[4].due_date"},
	} {
		if diff := cmp.Diff(want, past(moment)); diff != "" {
			t.Errorf("on %s (-want +got):\n%s", moment, diff)
		}
	}
	if got := past("2027-01-01T00:00:00+08:00"); len(got) != len(c.GetTasks())+2 || got[0] != "phases[3].end_date" || got[len(got)-1] != "filing.due_date" {
		t.Errorf("a year later: %v", got)
	}
}

// A campaign that began within the year before, and ends within the three years after it
// is published, is published.
func TestDatesAsFarAsTheyMayLie(t *testing.T) {
	c := whole()
	c.Phases[0].StartDate, c.Phases[0].EndDate = "2025-03-01", "2029-03-01"
	c.Tasks[0].DueDate, c.Filing = "2029-03-01", &campaignv1.Filing{DueDate: "2029-03-01"}
	if _, _, err := campaign.Publish(c, nil, land(), noon, "x"); err != nil {
		t.Error(err)
	}
	c.Phases[0].StartDate, c.Tasks[0].DueDate, c.Filing.DueDate = "2025-02-28", "2029-03-02", "2029-03-02"
	_, _, err := campaign.Publish(c, nil, land(), noon, "x")
	if f := fault.As(err); !errors.Is(err, campaign.ErrDatesOutside) || len(f.Fields) != 3 {
		t.Errorf("three dates a day farther: %v", err)
	}
}

func TestDepartmentsAreFoundByFunction(t *testing.T) {
	c := whole()
	c.Actions[0].Cooperating = []*campaignv1.Organ{
		{Function: "personnel"}, {Function: "twice"}, {Function: "gone"}, {Function: "teaching"}, {Function: "office", Unit: "units/s1teach"},
	}
	before := proto.CloneOf(c)
	got, err := campaign.Revise(c, land())
	if err != nil {
		t.Fatal(err)
	}
	if lead := got.GetActions()[0].GetLead().GetUnit(); lead != "units/office" {
		t.Errorf("lead = %q", lead)
	}
	var units []string
	for _, organ := range got.GetActions()[0].GetCooperating() {
		units = append(units, organ.GetUnit())
	}
	if diff := cmp.Diff([]string{"units/personnel", "", "", "", "units/s1teach"}, units); diff != "" {
		t.Errorf("cooperating (-want +got):\n%s", diff)
	}
	if !proto.Equal(before, c) {
		t.Error("resolving changed its argument")
	}
}

func TestLateIsByTheDayInShanghai(t *testing.T) {
	for instant, want := range map[string]bool{
		"2026-02-28T23:59:59+08:00": false, "2026-03-01T23:59:59+08:00": false,
		"2026-03-02T00:00:00+08:00": true, "2026-03-01T16:00:00Z": true, "2026-03-01T15:59:59Z": false,
	} {
		now, err := time.Parse(time.RFC3339, instant)
		if err != nil {
			t.Fatal(err)
		}
		a, err := campaign.Submit(open, assigned(), report(), now, "units/s/members/clerk")
		if err != nil || a.GetLate() != want || !a.GetSubmitTime().AsTime().Equal(now) {
			t.Errorf("submitted %s: late = %v, %v; want %v", instant, a.GetLate(), err, want)
		}
	}
}

func TestANilReturnIsAReport(t *testing.T) {
	a := assigned()
	a.NilAllowed = true
	got, err := campaign.Submit(open, a, campaign.Report{Summary: "本单位无此情形", NilReturn: true}, noon, "x")
	if err != nil || !got.GetNilReturn() || got.GetState() != campaignv1.Assignment_STATE_SUBMITTED {
		t.Errorf("a nil return = %v, %v", got, err)
	}
	again := campaign.Report{NilReturn: true, Evidence: report().Evidence}
	if _, err := campaign.Submit(open, a, again, noon, "x"); err == nil {
		t.Error("a nil return with evidence was taken")
	}
}

// What was returned is submitted again with something else: in what it says, or in what
// it shows. A nil return stands again with a word of why.
func TestWhatWasReturnedComesBackOtherwise(t *testing.T) {
	none := campaign.Report{Summary: "本单位无此情形", NilReturn: true}
	given, err := campaign.Submit(open, nilAllowed(), none, noon, "x")
	if err != nil {
		t.Fatal(err)
	}
	why, first := none, report()
	why.Summary += "，已逐项核对"
	first.Evidence = first.Evidence[:1]
	for name, c := range map[string]struct {
		was    *campaignv1.Assignment
		now    campaign.Report
		before []campaign.Exhibit
		want   error
	}{
		"for the first time":    {assigned(), report(), nil, nil},
		"the same":              {resubmitted(), report(), report().Evidence, campaign.ErrUnchanged},
		"with other words":      {resubmitted(), campaign.Report{Summary: "已全部完成", Evidence: report().Evidence}, report().Evidence, nil},
		"with more":             {resubmitted(), report(), first.Evidence, nil},
		"with less":             {resubmitted(), first, report().Evidence, nil},
		"a nil return":          {given, none, nil, campaign.ErrUnchanged},
		"a nil return, and why": {given, why, nil, nil},
		"no nil return":         {given, report(), nil, nil},
	} {
		if err := campaign.Renewed(c.was, c.now, c.before); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s = %v, want %v", name, err, c.want)
		}
	}
}

func nilAllowed() *campaignv1.Assignment {
	a := assigned()
	a.NilAllowed = true
	return a
}

func TestReturnsAreCounted(t *testing.T) {
	a := handedIn()
	for i := range 3 {
		returned, err := campaign.Return(open, a, refusal("再补", "units/d/members/leader"), calendar.Builtin())
		if err != nil || returned.GetReturns() != int32(i+1) || returned.GetReturnReason() != "再补" {
			t.Fatalf("return %d = %v, %v", i, returned, err)
		}
		if a, err = campaign.Submit(open, returned, report(), noon, "units/s/members/clerk"); err != nil {
			t.Fatal(err)
		}
	}
	if a.GetReturns() != 3 {
		t.Errorf("returns = %d after it was submitted again", a.GetReturns())
	}
}

func TestWhoReadsAPublishedCampaign(t *testing.T) {
	schools := campaign.Land{land()[6], land()[9]}
	above := campaign.Land{land()[0]}
	for name, test := range map[string]struct {
		state campaignv1.Campaign_State
		scope *campaignv1.Scope
		want  bool
	}{
		"in scope":     {campaignv1.Campaign_STATE_PUBLISHED, nil, true},
		"closed":       {campaignv1.Campaign_STATE_CLOSED, nil, true},
		"draft":        {campaignv1.Campaign_STATE_DRAFT, nil, false},
		"excepted":     {campaignv1.Campaign_STATE_PUBLISHED, &campaignv1.Scope{Exceptions: []string{"units/s1"}}, false},
		"under a list": {campaignv1.Campaign_STATE_PUBLISHED, &campaignv1.Scope{Units: []string{"units/d"}}, true},
		"only above":   {campaignv1.Campaign_STATE_PUBLISHED, &campaignv1.Scope{Kinds: []organizationv1.Unit_Kind{organizationv1.Unit_KIND_DISTRICT}}, false},
	} {
		c := &campaignv1.Campaign{State: test.state, Scope: test.scope}
		if got := campaign.Readable(c, above, schools); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
