package complaint

import (
	"slices"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// roles are those by which somebody works on open complaints at a desk.
var roles = []accessv1.Role{accessv1.Role_ROLE_COMPLAINT_OFFICER, accessv1.Role_ROLE_CLERK, accessv1.Role_ROLE_LEADER}

// Vacant says whether nobody is left for a case, given with its content, that has not
// ended: who accepted it may no longer work on it, or if nobody has accepted it, nobody at
// its desk may.
func Vacant(b Bench, c *complaintv1.Complaint) bool {
	if _, goesOn := Life.Next(c.GetState(), TakingOver); !goesOn {
		return false
	}
	switch who := c.GetResponsible(); {
	case c.GetSealed() && who == "":
		officers := b.Holders(c.GetDesk(), accessv1.Role_ROLE_COMPLAINT_OFFICER)
		return !slices.ContainsFunc(officers, func(officer string) bool { return Hears(b, c, officer) })
	case c.GetSealed():
		return !Hears(b, c, who)
	case who == "":
		return !staffed(b, c, c.GetDesk())
	default:
		return !slices.Contains(staff(b, c, c.GetDesk()), who)
	}
}

// staff are those who work on an open case at a desk: who holds a role for that there, or
// where its people act, and where another unit hears it does not belong to the one
// concerned (回避).
func staff(b Bench, c *complaintv1.Complaint, desk string) (who []string) {
	for _, unit := range b.Own(desk) {
		for _, role := range roles {
			who = append(who, b.Holders(unit, role)...)
		}
	}
	if concerned(b, c, desk) {
		return who
	}
	return slices.DeleteFunc(who, func(person string) bool { return b.Belongs(person, c.GetUnit()) })
}

// staffed says whether anybody works on an open case at a desk.
func staffed(b Bench, c *complaintv1.Complaint, desk string) bool { return len(staff(b, c, desk)) > 0 }

// concerned says whether the desk is the unit that the case is about, or what it was merged into.
func concerned(b Bench, c *complaintv1.Complaint, desk string) bool {
	return b.Heir(desk, now) == b.Heir(c.GetUnit(), now)
}

// Heir returns the desk at which a vacant case, given with its content, is taken
// over (接办): its own while somebody is left there who may hear it, else the nearest above
// where somebody is; a sealed one by the rule of Desk. It is "" if the case is not vacant,
// or if nobody is left: then somebody must be granted a role there, or the role of who is
// responsible for a sealed one be ended.
func Heir(b Bench, c *complaintv1.Complaint) string {
	if !Vacant(b, c) {
		return ""
	}
	desks, hears := succession(b, c), hearsAt
	if !c.GetSealed() {
		desks, hears = b.Path(c.GetDesk(), now), inherits
	}
	i := slices.IndexFunc(desks, func(unit string) bool { return hears(b, c, unit) })
	if i < 0 {
		return ""
	}
	return desks[i]
}

// inherits says whether a unit can be the desk of an open case: a complaint does not come
// to whom it is about by what was moved or merged since.
func inherits(b Bench, c *complaintv1.Complaint, unit string) bool {
	if unit != c.GetDesk() && c.GetType() == complaintv1.Complaint_TYPE_COMPLAINT && concerned(b, c, unit) {
		return false
	}
	return staffed(b, c, unit)
}

// succession are the desks that may inherit a sealed case, in turn. While who is responsible is granted
// the role at their desk, and came to have a part in the case or left every post (离任), those
// above alone: whoever enters posts, of whomever, gives it to nobody beside them, and a superior
// sees it. Once another administrator has ended that role their own desk inherits, last if
// there is a part in it.
func succession(b Bench, c *complaintv1.Complaint) []string {
	const officer = accessv1.Role_ROLE_COMPLAINT_OFFICER
	path, who := b.Path(c.GetDesk(), now), c.GetResponsible()
	switch {
	case len(path) == 0 || who == "": // what nobody accepted is at its own desk anybody's
		return path
	case slices.Contains(slices.Concat(b.Holders(c.GetDesk(), officer), b.Departed(c.GetDesk(), officer)), who):
		return path[1:]
	case Involved(b, c, who):
		return append(slices.Clone(path[1:]), path[0])
	default:
		return path
	}
}

// TakeOver makes who takes c over responsible for it, at the desk that inherits
// it; a case that nobody had accepted waits there to be. Whom a sealed one was assigned to
// keeps it only while the desk does, and what the desk looks into itself the new one does.
func TakeOver(c *complaintv1.Complaint, who string, b Bench) (*complaintv1.Complaint, error) {
	taken, err := move(c, TakingOver)
	if err != nil {
		return nil, err
	}
	switch taken.Desk = Heir(b, c); {
	case !Vacant(b, c):
		return nil, ErrNotVacant
	case !takes(b, taken, who):
		return nil, ErrTakeOverPending
	}
	if c.GetResponsible() != "" {
		taken.Responsible = who
	}
	if c.GetAssignedUnit() == c.GetDesk() { // it looked into it itself (自办)
		taken.AssignedUnit = taken.GetDesk()
	}
	if !Hears(b, taken, c.GetAssignee()) {
		taken.Assignee = ""
	}
	return taken, nil
}

// takes says whether the person may have c at the desk that inherits it, if one does.
func takes(b Bench, c *complaintv1.Complaint, who string) bool {
	if c.GetSealed() {
		return Hears(b, c, who)
	}
	return slices.Contains(staff(b, c, c.GetDesk()), who)
}
