package campaign

import (
	"slices"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// Land is a part of the tree of units: the topmost first, parents before
// children. The rules never look beyond it.
type Land []*organizationv1.Unit

// active says whether the unit of that name lies in the land and gets new work.
func (l Land) active(name string) bool {
	return slices.ContainsFunc(l, func(u *organizationv1.Unit) bool { return u.GetName() == name && active(u) })
}

func active(u *organizationv1.Unit) bool { return u.GetState() == organizationv1.Unit_STATE_ACTIVE }

// department returns the one active department directly beneath the topmost unit
// that has the function, or "" if there is none or more than one.
func (l Land) department(function string) (found string) {
	for _, u := range l {
		if u.GetParent() != l[0].GetName() || u.GetKind() != organizationv1.Unit_KIND_DEPARTMENT ||
			!active(u) || u.GetLabels()["function"] != function {
			continue
		}
		if found != "" {
			return ""
		}
		found = u.GetName()
	}
	return found
}

// Selects returns the units of the land that the scope is about, whether or not
// they are still active.
func Selects(s *campaignv1.Scope, land Land) (units []*organizationv1.Unit) {
	listed, excepted := map[string]bool{}, map[string]bool{}
	for _, u := range land {
		name, parent := u.GetName(), u.GetParent()
		listed[name] = len(s.GetUnits()) == 0 || listed[parent] || slices.Contains(s.GetUnits(), name)
		excepted[name] = excepted[parent] || slices.Contains(s.GetExceptions(), name)
		if listed[name] && !excepted[name] && suits(u, s.GetKinds(), s.GetLabels()) {
			units = append(units, u)
		}
	}
	return units
}

// suits says whether the unit is of one of the kinds, if there are any, and has
// all the labels.
func suits(u *organizationv1.Unit, kinds []organizationv1.Unit_Kind, labels map[string]string) bool {
	for key, value := range labels {
		if has, ok := u.GetLabels()[key]; !ok || has != value {
			return false
		}
	}
	return len(kinds) == 0 || slices.Contains(kinds, u.GetKind())
}

// Readable says whether somebody at home in the land reads c, which belongs to
// a unit above: it is no draft, and its scope has a unit there. above leads from
// the owner down to the land's topmost unit, without it.
func Readable(c *campaignv1.Campaign, above, land Land) bool {
	if c.GetState() == campaignv1.Campaign_STATE_DRAFT {
		return false
	}
	chosen := Selects(c.GetScope(), slices.Concat(above, land))
	return slices.ContainsFunc(chosen, func(u *organizationv1.Unit) bool { return slices.Contains(land, u) })
}
