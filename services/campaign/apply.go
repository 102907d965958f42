package campaign

import (
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// setting gives c what tasks refer to: phases, categories, actions and kinds of
// evidence.
func (d *document) setting(c *campaignv1.Campaign, year int) {
	for _, p := range d.Phases {
		c.Phases = append(c.Phases, &campaignv1.Phase{
			Code: p.Code, Name: p.Name, StartDate: p.From.in(year), EndDate: p.To.in(year), Goal: p.Goal,
		})
	}
	for _, k := range d.Taxonomy {
		c.Categories = append(c.Categories, &campaignv1.Category{Code: k.Code, Name: k.Name, Title: k.Title, Items: items(k.Items)})
	}
	for _, a := range d.Actions {
		c.Actions = append(c.Actions, &campaignv1.Action{
			Code: a.Code, Name: a.Name, Goal: a.Goal, ItemsRequired: a.ItemsRequired,
			Lead: organ(a.Lead), Cooperating: organsOf(a.Cooperating),
		})
	}
	for _, k := range d.EvidenceKinds {
		kind := &campaignv1.EvidenceKind{Code: k.Code, Name: k.Name}
		for _, name := range k.Media {
			kind.Media = append(kind.Media, campaignv1.EvidenceKind_Media(campaignv1.EvidenceKind_Media_value["MEDIA_"+name]))
		}
		c.EvidenceKinds = append(c.EvidenceKinds, kind)
	}
}

func items(lines []line) (list []*campaignv1.Item) {
	for _, l := range lines {
		list = append(list, &campaignv1.Item{Code: l.Code, Text: l.Text})
	}
	return list
}

// organ is the part of a department that is not found yet, or nil.
func organ(function string) *campaignv1.Organ {
	if function == "" {
		return nil
	}
	return &campaignv1.Organ{Function: function}
}

func organsOf(functions []string) (list []*campaignv1.Organ) {
	for _, function := range functions {
		list = append(list, organ(function))
	}
	return list
}

// work gives c its tasks, and names those that are left out.
func (d *document) work(c *campaignv1.Campaign, year int) {
	for i := range d.Tasks {
		t := &d.Tasks[i]
		if t.Kind == duty {
			c.OmittedTasks = append(c.OmittedTasks, &campaignv1.OmittedTask{
				Code: t.Code, Title: t.Title, Cause: campaignv1.OmittedTask_CAUSE_DUTY,
			})
			continue
		}
		c.Tasks = append(c.Tasks, t.in(year))
	}
}

// in is a one-off task or a quota in a year.
func (t *task) in(year int) *campaignv1.Task {
	made := &campaignv1.Task{
		Code: t.Code, Title: t.Title, Kind: campaignv1.Task_KIND_ONE_OFF, Phase: t.Phase, Action: t.Action,
		DueDate: t.Due.in(year), Lead: organ(t.Lead), Cooperating: organsOf(t.Cooperating),
		AppliesTo: &campaignv1.Applicability{Labels: t.AppliesTo.Labels},
		Evidence:  t.Evidence, NilReturn: t.NilReturn, Weight: t.Weight, Scheme: t.Scheme,
	}
	if t.Quota != nil {
		made.Kind, made.Count = campaignv1.Task_KIND_QUOTA, t.Quota.Count
	}
	for _, name := range t.AppliesTo.Kinds {
		made.AppliesTo.Kinds = append(made.AppliesTo.Kinds, organizationv1.Unit_Kind(organizationv1.Unit_Kind_value["KIND_"+name]))
	}
	return made
}
