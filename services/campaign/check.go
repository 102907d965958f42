package campaign

import (
	"fmt"
	"iter"
	"slices"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
)

// Check says whether c holds together, complete or not: codes are unique, what
// refers finds what it refers to, dates are in order, and every unit it names is
// an active one of the land, which is the owner's subtree.
func Check(c *campaignv1.Campaign, land Land) error {
	for _, check := range []func(*campaignv1.Campaign) error{checkCodes, checkItems, checkPhases, checkTasks} {
		if err := check(c); err != nil {
			return err
		}
	}
	for path, unit := range namedUnits(c) {
		if unit != "" && !land.active(unit) {
			return ErrUnitOutside.With("unit", unit).At(path, "不是主办单位辖内的在用单位", "is not an active unit of the owner")
		}
	}
	return nil
}

// coded is what has a code.
type coded interface{ GetCode() string }

// unique says whether no two of list, which stands at path, have the same code.
func unique[T coded](path string, list []T) error { return fresh(path, list, map[string]bool{}) }

// fresh is unique also among the codes that were seen before, to which it adds those of
// the list.
func fresh[T coded](path string, list []T, seen map[string]bool) error {
	for i, item := range list {
		if seen[item.GetCode()] {
			return ErrCodeRepeated.With("code", item.GetCode()).At(fmt.Sprintf("%s[%d].code", path, i), "编码重复", "is used before")
		}
		seen[item.GetCode()] = true
	}
	return nil
}

func checkCodes(c *campaignv1.Campaign) error {
	for _, err := range []error{
		unique("campaign.phases", c.GetPhases()),
		unique("campaign.categories", c.GetCategories()),
		unique("campaign.actions", c.GetActions()),
		unique("campaign.evidence_kinds", c.GetEvidenceKinds()),
		unique("campaign.tasks", c.GetTasks()),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkItems looks at the lines of categories, which problems refer to by their
// code alone, and of actions.
func checkItems(c *campaignv1.Campaign) error {
	seen := map[string]bool{}
	for i, category := range c.GetCategories() {
		if err := fresh(fmt.Sprintf("campaign.categories[%d].items", i), category.GetItems(), seen); err != nil {
			return err
		}
	}
	for i, a := range c.GetActions() {
		if err := unique(fmt.Sprintf("campaign.actions[%d].items", i), a.GetItems()); err != nil {
			return err
		}
	}
	return nil
}

// checkPhases compares civil dates as text, which puts them in their order.
func checkPhases(c *campaignv1.Campaign) error {
	for i, p := range c.GetPhases() {
		if p.GetEndDate() != "" && p.GetEndDate() < p.GetStartDate() {
			return ErrDatesReversed.At(fmt.Sprintf("campaign.phases[%d].end_date", i), "早于开始日期", "lies before the first day")
		}
	}
	return nil
}

func checkTasks(c *campaignv1.Campaign) error {
	phases, actions, kinds := codes(c.GetPhases()), codes(c.GetActions()), codes(c.GetEvidenceKinds())
	actions[""] = true
	for i, t := range c.GetTasks() {
		path := fmt.Sprintf("campaign.tasks[%d]", i)
		quota := t.GetKind() == campaignv1.Task_KIND_QUOTA
		switch {
		case !phases[t.GetPhase()]:
			return unknown(path+".phase", t.GetPhase())
		case !actions[t.GetAction()]:
			return unknown(path+".action", t.GetAction())
		case quota != (t.GetCount() > 0):
			return ErrCountInvalid.At(path+".count", "与任务类型不符", "does not fit the kind of task")
		}
		for j, code := range t.GetEvidence() {
			if !kinds[code] {
				return unknown(fmt.Sprintf("%s.evidence[%d]", path, j), code)
			}
		}
	}
	return nil
}

func codes[T coded](list []T) map[string]bool {
	set := map[string]bool{}
	for _, item := range list {
		set[item.GetCode()] = true
	}
	return set
}

func unknown(path, code string) error {
	return ErrReferenceUnknown.With("code", code).At(path, "引用的编码不存在", "is the code of nothing")
}

// namedUnits yields every unit that c names, and the path of the field.
func namedUnits(c *campaignv1.Campaign) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if !yield("campaign.owner", c.GetOwner()) {
			return
		}
		for path, organ := range organs(c) {
			if !yield(path+".unit", organ.GetUnit()) {
				return
			}
		}
		units := c.GetScope().GetUnits()
		for i, unit := range slices.Concat(units, c.GetScope().GetExceptions()) {
			path := fmt.Sprintf("campaign.scope.units[%d]", i)
			if i >= len(units) {
				path = fmt.Sprintf("campaign.scope.exceptions[%d]", i-len(units))
			}
			if !yield(path, unit) {
				return
			}
		}
	}
}
