package complaint

import (
	"slices"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// Routing is the version of Desk. It changes with whatever changes its answers,
// and stands in every complaint that was routed by it.
const Routing = "2"

// Bench is what routing asks of the tree and the grants.
type Bench interface {
	// Path returns the unit and those above it, nearest first; nil if there is
	// no such unit.
	Path(unit string) []string
	// Heir returns the unit that a unit was merged into (撤并), or the unit itself.
	Heir(unit string) string
	// Holders returns the principals that hold the role on exactly the unit.
	Holders(unit string, role accessv1.Role) []string
	// Tied returns the units that the principal belongs to or ever did: where they
	// are entered, and hold or held a post or a role.
	Tied(principal string) []string
}

// Desk returns the unit that hears c (受理单位).
//
// Enquiries, help and suggestions go to the unit concerned; an ordinary
// complaint to the nearest unit above it with a complaint officer. A sealed case
// goes to the nearest unit above the one concerned that has an officer with no
// part in it and is not led by whoever leads the unit concerned. It MUST NOT
// reach the unit concerned, what lies beneath it, or a person tied to either.
// If nobody is left it answers ErrNobodyHears.
func Desk(c *complaintv1.Complaint, b Bench) (string, error) {
	path := b.Path(c.GetUnit())
	switch {
	case len(path) == 0:
		return "", ErrUnitUnknown.At("complaint.unit", "单位不存在或已撤并", "is not an active unit")
	case !Sealed(c) && c.GetType() != complaintv1.Complaint_TYPE_COMPLAINT:
		return path[0], nil
	}
	for _, unit := range path[1:] {
		if hearsAt(b, c, unit) {
			return unit, nil
		}
	}
	return "", ErrNobodyHears
}

// hearsAt says whether a unit above the one concerned can be the desk of c.
func hearsAt(b Bench, c *complaintv1.Complaint, unit string) bool {
	officers := b.Holders(unit, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	if !Sealed(c) {
		return len(officers) > 0
	}
	impartial := func(officer string) bool { return !Involved(b, c, officer) }
	return slices.ContainsFunc(officers, impartial) && !sameHead(b, b.Heir(c.GetUnit()), unit)
}

// sameHead says whether a person heads both units.
func sameHead(b Bench, concerned, above string) bool {
	heads := b.Holders(concerned, accessv1.Role_ROLE_HEAD)
	return slices.ContainsFunc(b.Holders(above, accessv1.Role_ROLE_HEAD), func(head string) bool {
		return slices.Contains(heads, head)
	})
}

// Involved says whether the principal belongs to the unit concerned or what lies
// beneath it, or holds a role there, or ever did (回避): what a report tells may be
// from their time. If the unit was merged, those of the unit that it was merged into
// have a part in it: its work is theirs.
func Involved(b Bench, c *complaintv1.Complaint, principal string) bool {
	concerned := b.Heir(c.GetUnit())
	return slices.ContainsFunc(b.Tied(principal), func(unit string) bool {
		return slices.Contains(b.Path(unit), concerned)
	})
}

// TakeIn says whether the principal may take c in: a sealed case MUST NOT pass
// through the hands of those it is about.
func TakeIn(c *complaintv1.Complaint, principal string, b Bench) error {
	if Sealed(c) && Involved(b, c, principal) {
		return ErrTakerInvolved
	}
	return nil
}

// Hears says whether the person may be shown a sealed case, given with its
// content: an officer at exactly its desk who has no part in it.
func Hears(b Bench, c *complaintv1.Complaint, person string) bool {
	officers := b.Holders(c.GetDesk(), accessv1.Role_ROLE_COMPLAINT_OFFICER)
	return slices.Contains(officers, person) && !Involved(b, c, person)
}

// Knows says whether the person is one to whom a sealed case is open in its
// state: anyone at the desk before it is accepted, and afterwards who is
// responsible or was assigned.
func Knows(c *complaintv1.Complaint, person string) bool {
	return c.GetResponsible() == "" || person == c.GetResponsible() || person == c.GetAssignee()
}
