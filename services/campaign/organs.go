package campaign

import (
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
)

// Resolve returns c with a unit for every part that names none, where exactly
// one department of the owner has the function.
func Resolve(c *campaignv1.Campaign, land Land) *campaignv1.Campaign {
	c = proto.CloneOf(c)
	for _, organ := range organs(c) {
		if organ.GetUnit() == "" && organ.GetFunction() != "" {
			organ.Unit = land.department(organ.GetFunction())
		}
	}
	return c
}

// organs yields every part of c, and the path of the field that has it.
func organs(c *campaignv1.Campaign) iter.Seq2[string, *campaignv1.Organ] {
	return func(yield func(string, *campaignv1.Organ) bool) {
		for i, a := range c.GetActions() {
			if !shared(fmt.Sprintf("campaign.actions[%d]", i), a.GetLead(), a.GetCooperating(), yield) {
				return
			}
		}
		for i, t := range c.GetTasks() {
			if !shared(fmt.Sprintf("campaign.tasks[%d]", i), t.GetLead(), t.GetCooperating(), yield) {
				return
			}
		}
	}
}

// shared yields the parts of one action or task.
func shared(path string, lead *campaignv1.Organ, cooperating []*campaignv1.Organ, yield func(string, *campaignv1.Organ) bool) bool {
	if lead != nil && !yield(path+".lead", lead) {
		return false
	}
	for i, organ := range cooperating {
		if !yield(fmt.Sprintf("%s.cooperating[%d]", path, i), organ) {
			return false
		}
	}
	return true
}

// unresolved names the parts that have no unit, if there are any, by what the template
// that c was made from calls them.
func unresolved(c *campaignv1.Campaign, t *Template) error {
	f := ErrDepartmentUnresolved
	for path, organ := range organs(c) {
		if organ.GetUnit() == "" {
			f = f.At(path+".unit", "没有唯一对应的科室："+t.called(organ.GetFunction()), "no single department has the function "+organ.GetFunction())
		}
	}
	if len(f.Fields) > 0 {
		return f
	}
	return nil
}
