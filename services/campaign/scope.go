package campaign

import (
	"slices"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/scope"
)

// Land is a part of the tree of units: the topmost first, parents before
// children. The rules never look beyond it.
type Land []*organizationv1.Unit

// active says whether the unit of that name lies in the land and gets new work.
func (l Land) active(name string) bool {
	return slices.ContainsFunc(l, func(u *organizationv1.Unit) bool { return u.GetName() == name && scope.Active(u) })
}

// department returns the one active department directly beneath the topmost unit
// that has the function, or "" if there is none or more than one.
func (l Land) department(function string) (found string) {
	for _, u := range l {
		if u.GetParent() != l[0].GetName() || u.GetKind() != organizationv1.Unit_KIND_DEPARTMENT ||
			!scope.Active(u) || u.GetLabels()["function"] != function {
			continue
		}
		if found != "" {
			return ""
		}
		found = u.GetName()
	}
	return found
}

// Readable says whether somebody at home in the land reads c, which belongs to
// a unit above: it is no draft, and its scope has a unit there. above leads from
// the owner down to the land's topmost unit, without it.
func Readable(c *campaignv1.Campaign, above, land Land) bool {
	if c.GetState() == campaignv1.Campaign_STATE_DRAFT {
		return false
	}
	chosen := scope.Select(c.GetScope(), slices.Concat(above, land))
	return slices.ContainsFunc(chosen, func(u *organizationv1.Unit) bool { return slices.Contains(land, u) })
}
