package campaign_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
)

// refusals has, for every fault of the rules, something that is refused for it.
// The value is the field that it names, if it names one.
var refusals = []struct {
	fault *fault.Fault
	field string
	do    func() error
}{
	{campaign.ErrIllegalMove, "", func() error { _, err := campaign.Close(whole(), noon, "x"); return err }},
	{campaign.ErrYearInvalid, "year", func() error { _, err := workStyle().In(1999); return err }},
	{campaign.ErrYearInvalid, "year", func() error { _, err := workStyle().In(2101); return err }},
	{campaign.ErrCodeRepeated, "campaign.tasks[1].code", changed(func(c *campaignv1.Campaign) { c.Tasks[1].Code = "T1" })},
	{campaign.ErrCodeRepeated, "campaign.phases[1].code", changed(func(c *campaignv1.Campaign) { c.Phases = append(c.Phases, c.Phases[0]) })},
	{campaign.ErrCodeRepeated, "campaign.categories[1].items[0].code", changed(func(c *campaignv1.Campaign) {
		c.Categories = append(c.Categories, &campaignv1.Category{Code: "SLOW", Items: c.Categories[0].Items})
	})},
	{campaign.ErrCodeRepeated, "campaign.actions[0].items[1].code", changed(func(c *campaignv1.Campaign) {
		c.Actions[0].Items = append(c.Actions[0].Items, c.Actions[0].Items[0])
	})},
	{campaign.ErrReferenceUnknown, "campaign.tasks[0].phase", changed(func(c *campaignv1.Campaign) { c.Tasks[0].Phase = "NONE" })},
	{campaign.ErrReferenceUnknown, "campaign.tasks[1].action", changed(func(c *campaignv1.Campaign) { c.Tasks[1].Action = "NONE" })},
	{campaign.ErrReferenceUnknown, "campaign.tasks[0].evidence[0]", changed(func(c *campaignv1.Campaign) { c.Tasks[0].Evidence[0] = "none" })},
	{campaign.ErrDatesReversed, "campaign.phases[0].end_date", changed(func(c *campaignv1.Campaign) { c.Phases[0].EndDate = "2026-02-13" })},
	{campaign.ErrCountInvalid, "campaign.tasks[0].count", changed(func(c *campaignv1.Campaign) { c.Tasks[0].Count = 1 })},
	{campaign.ErrCountInvalid, "campaign.tasks[1].count", changed(func(c *campaignv1.Campaign) { c.Tasks[1].Count = 0 })},
	{campaign.ErrUnitOutside, "campaign.scope.units[0]", changed(func(c *campaignv1.Campaign) { c.Scope = &campaignv1.Scope{Units: []string{"units/elsewhere"}} })},
	{campaign.ErrUnitOutside, "campaign.scope.exceptions[1]", changed(func(c *campaignv1.Campaign) {
		c.Scope = &campaignv1.Scope{Units: []string{"units/d"}, Exceptions: []string{"units/s1", "units/mistyped"}}
	})},
	{campaign.ErrUnitOutside, "campaign.tasks[1].lead.unit", changed(func(c *campaignv1.Campaign) { c.Tasks[1].Lead = &campaignv1.Organ{Unit: "units/gone"} })},
	{campaign.ErrDepartmentUnresolved, "campaign.actions[0].lead.unit", published(func(c *campaignv1.Campaign) { c.Actions[0].Lead.Function = "petition" })},
	{campaign.ErrDepartmentUnresolved, "campaign.tasks[1].cooperating[0].unit", published(func(c *campaignv1.Campaign) {
		c.Tasks[1].Cooperating = []*campaignv1.Organ{{Function: "twice"}}
	})},
	{campaign.ErrParentInvalid, "campaign.parent", func() error {
		return campaign.CheckParent(&campaignv1.Campaign{Parent: "installations/510104/campaigns/c"}, "installations/510104")
	}},
	{campaign.ErrIncomplete, "campaign.display_name", published(func(c *campaignv1.Campaign) { c.DisplayName = "" })},
	{campaign.ErrIncomplete, "campaign.tasks", published(func(c *campaignv1.Campaign) { c.Tasks = nil })},
	{campaign.ErrIncomplete, "campaign.tasks[0].due_date", published(func(c *campaignv1.Campaign) { c.Tasks[0].DueDate = "" })},
	{campaign.ErrIncomplete, "campaign.phases[0].start_date", published(func(c *campaignv1.Campaign) { c.Phases[0].StartDate = "" })},
	{campaign.ErrIncomplete, "campaign.actions[0].items", published(func(c *campaignv1.Campaign) { c.Actions[0].Items = nil })},
	{campaign.ErrDatesOver, "campaign.phases[0].end_date", published(func(c *campaignv1.Campaign) { c.Phases[0].EndDate = "2026-02-28" })},
	{campaign.ErrDatesOver, "campaign.tasks[1].due_date", published(func(c *campaignv1.Campaign) { c.Tasks[1].DueDate = "2026-02-28" })},
	{campaign.ErrDatesOver, "campaign.filing.due_date", published(func(c *campaignv1.Campaign) { c.Filing = &campaignv1.Filing{DueDate: "2026-02-28"} })},
	{campaign.ErrDatesOutside, "campaign.phases[0].start_date", published(func(c *campaignv1.Campaign) { c.Phases[0].StartDate = "1900-01-01" })},
	{campaign.ErrDatesOutside, "campaign.phases[0].start_date", published(func(c *campaignv1.Campaign) { c.Phases[0].StartDate = "2025-02-28" })},
	{campaign.ErrDatesOutside, "campaign.phases[0].end_date", published(func(c *campaignv1.Campaign) { c.Phases[0].EndDate = "2029-03-02" })},
	{campaign.ErrDatesOutside, "campaign.tasks[1].due_date", published(func(c *campaignv1.Campaign) { c.Tasks[1].DueDate = "2062-03-05" })},
	{campaign.ErrDatesOutside, "campaign.filing.due_date", published(func(c *campaignv1.Campaign) { c.Filing = &campaignv1.Filing{DueDate: "9999-12-31"} })},
	{campaign.ErrLeaderUnknown, "campaign.leading_group[1].member", func() error {
		group := []*campaignv1.LeadingMember{{DisplayName: "示例组长"}, {Member: "units/c/members/gone"}, {Member: "units/c/members/head"}}
		return campaign.Led(&campaignv1.Campaign{LeadingGroup: group}, func(member string) bool { return member == "units/c/members/head" })
	}},
	{campaign.ErrScopeEmpty, "campaign.tasks[0].applies_to", published(func(c *campaignv1.Campaign) { c.Scope = &campaignv1.Scope{Exceptions: []string{"units/d"}} })},
	{campaign.ErrScopeEmpty, "campaign.tasks[1].applies_to", published(func(c *campaignv1.Campaign) {
		c.Tasks[1].AppliesTo = &campaignv1.Applicability{Kinds: []organizationv1.Unit_Kind{organizationv1.Unit_KIND_NATION}}
	})},
	{campaign.ErrTooManyAssignments, "", func() error { _, _, err := campaign.Publish(whole(), nil, broad(10_001), noon, "x"); return err }},

	{campaign.ErrAssignmentIllegalMove, "", func() error { _, err := campaign.Receive(open, assigned(), noon, "x"); return err }},
	{campaign.ErrCampaignClosed, "", func() error { return campaign.TakesFiles(closed, assigned()) }},
	{campaign.ErrEvidenceMissing, "", submitted(func(r *campaign.Report) { r.Evidence = r.Evidence[:2] })},
	{campaign.ErrEvidenceUnknown, "evidence[2].attachment", submitted(func(r *campaign.Report) { r.Evidence[2].File = file("2", "application/pdf") })},
	{campaign.ErrEvidenceKindUnknown, "evidence[0].kind", submitted(func(r *campaign.Report) { r.Evidence[0].Kind = "report" })},
	{campaign.ErrEvidenceMedia, "evidence[0].attachment", submitted(func(r *campaign.Report) { r.Evidence[0].File = file("4", "application/pdf") })},
	{campaign.ErrNilRefused, "", submitted(func(r *campaign.Report) { r.NilReturn, r.Evidence = true, nil })},
	{campaign.ErrSamePerson, "", func() error {
		_, err := campaign.Approve(open, handedIn(), noon, handedIn().GetSubmitter())
		return err
	}},
	{campaign.ErrSamePerson, "", func() error {
		_, err := campaign.Return(open, handedIn(), refusal("x", handedIn().GetSubmitter()), calendar.Builtin())
		return err
	}},
	{campaign.ErrSamePerson, "", func() error {
		_, err := campaign.Approve(open, resubmitted(), noon, handedIn().GetSubmitter())
		return err
	}},
	{campaign.ErrSamePerson, "", func() error {
		_, err := campaign.Return(open, resubmitted(), refusal("x", handedIn().GetSubmitter()), calendar.Builtin())
		return err
	}},
	{campaign.ErrSubmittersFull, "", func() error {
		a := assigned()
		for i := range campaign.MaxSubmitters {
			a.Submitters = append(a.Submitters, strconv.Itoa(i))
		}
		_, err := campaign.Submit(open, a, report(), noon, "x")
		return err
	}},
	{campaign.ErrUnchanged, "summary", func() error {
		r := report()
		slices.Reverse(r.Evidence)
		r.Summary += " \n"
		return campaign.Renewed(resubmitted(), r, report().Evidence)
	}},
	{campaign.ErrTakesNoFiles, "", func() error { return campaign.TakesFiles(open, handedIn()) }},
}

// servers are the faults that only finding records can give; the server's tests
// hit them.
var servers = []*fault.Fault{campaign.ErrExists, campaign.ErrTemplateUnknown}

var (
	open   = &campaignv1.Campaign{State: campaignv1.Campaign_STATE_PUBLISHED}
	closed = &campaignv1.Campaign{State: campaignv1.Campaign_STATE_CLOSED}
)

func handedIn() *campaignv1.Assignment {
	a := assigned()
	a.State = campaignv1.Assignment_STATE_SUBMITTED
	return a
}

func changed(change func(*campaignv1.Campaign)) func() error {
	return func() error {
		c := whole()
		change(c)
		_, err := campaign.Revise(c, land())
		return err
	}
}

func published(change func(*campaignv1.Campaign)) func() error {
	return func() error {
		c := whole()
		change(c)
		_, _, err := campaign.Publish(c, nil, land(), noon, "x")
		return err
	}
}

// resubmitted was handed in, returned, and handed in by another.
func resubmitted() *campaignv1.Assignment {
	a := handedIn()
	a.State, a.Returns = campaignv1.Assignment_STATE_RETURNED, 1
	a, err := campaign.Submit(open, a, report(), noon, "units/s/members/other")
	if err != nil {
		panic(err)
	}
	return a
}

func submitted(change func(*campaign.Report)) func() error {
	return func() error {
		r := report()
		change(&r)
		_, err := campaign.Submit(open, assigned(), r, noon, "x")
		return err
	}
}

func TestRefusals(t *testing.T) {
	for _, r := range refusals {
		err := r.do()
		if !errors.Is(err, r.fault) {
			t.Errorf("%s: %v", r.fault.Reason, err)
			continue
		}
		f := fault.As(err)
		if r.field != "" && (len(f.Fields) == 0 || f.Fields[0].Path != r.field) {
			t.Errorf("%s names %v, want %s", f.Reason, f.Fields, r.field)
		}
		if said := f.Error() + f.Chinese(); strings.ContainsAny(said, "{}") {
			t.Errorf("%s lacks a fact: %s", f.Reason, said)
		}
	}
}

// TestOfficialsReadNames, and no codes, where the campaign or its template has a name.
func TestOfficialsReadNames(t *testing.T) {
	all, err := campaign.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	var template *campaign.Template
	for _, made := range all {
		if made.Name == "campaignTemplates/work-style" {
			template = made
		}
	}
	leaderless := whole()
	leaderless.Actions[0].Lead = &campaignv1.Organ{Function: "party"}
	_, _, unresolved := campaign.Publish(leaderless, template, land(), noon, "x")
	named := &campaignv1.Campaign{State: open.GetState(), EvidenceKinds: []*campaignv1.EvidenceKind{{Code: "photo", Name: "现场照片"}}}
	_, missing := campaign.Submit(named, assigned(), campaign.Report{}, noon, "x")
	for want, err := range map[string]error{
		"没有唯一对应的科室：党建股、党建科、机关党委办公室": unresolved,
		"佐证材料不足：现场照片 需 ":            missing,
	} {
		if zh, _ := fault.As(err).Whole(); !strings.Contains(zh, want) {
			t.Errorf("%q does not say %q", zh, want)
		}
	}
}

func TestEveryFaultIsHit(t *testing.T) {
	hit := map[string]bool{"UNSPECIFIED": true}
	for _, r := range refusals {
		hit[r.fault.Reason] = true
	}
	for _, f := range servers {
		hit[f.Reason] = true
	}
	for _, name := range campaignv1.Reason_name {
		if !hit[strings.TrimPrefix(name, "REASON_")] {
			t.Errorf("nothing is refused for %s", name)
		}
	}
}
