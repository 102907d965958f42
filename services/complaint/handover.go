package complaint

import (
	"slices"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// roles are those by which somebody works on open complaints at a desk.
var roles = []accessv1.Role{accessv1.Role_ROLE_COMPLAINT_OFFICER, accessv1.Role_ROLE_CLERK, accessv1.Role_ROLE_LEADER}

// Vacant says whether nobody is left for a case, given with its content, that has not
// ended: who accepted it may no longer work on it, or if nobody has accepted a sealed
// one, no officer at its desk may hear it.
func Vacant(b Bench, c *complaintv1.Complaint) bool {
	if _, goesOn := Life.Next(c.GetState(), TakingOver); !goesOn {
		return false
	}
	if !c.GetSealed() {
		return c.GetResponsible() != "" && !works(b, c, c.GetResponsible())
	}
	left := []string{c.GetResponsible()}
	if c.GetResponsible() == "" {
		left = b.Holders(c.GetDesk(), accessv1.Role_ROLE_COMPLAINT_OFFICER)
	}
	return !slices.ContainsFunc(left, func(who string) bool { return Hears(b, c, who) })
}

// works says whether the person still holds a role by which they work on open
// complaints at the desk of c.
func works(b Bench, c *complaintv1.Complaint, who string) bool {
	return slices.ContainsFunc(b.Own(c.GetDesk()), func(unit string) bool {
		return slices.ContainsFunc(roles, func(role accessv1.Role) bool { return slices.Contains(b.Holders(unit, role), who) })
	})
}

// Heir returns the desk at which a vacant case, given with its content, is taken
// over (接办): an open one at its own; a sealed one at its own while an officer is left
// there who may hear it, else at the nearest above, by the rule of Desk. It is "" if
// the case is not vacant, or if nobody is left: then an officer must be granted the role,
// or the role of who is responsible be ended.
func Heir(b Bench, c *complaintv1.Complaint) string {
	switch {
	case !Vacant(b, c):
		return ""
	case !c.GetSealed():
		return c.GetDesk()
	}
	desks := succession(b, c)
	i := slices.IndexFunc(desks, func(unit string) bool { return hearsAt(b, c, unit) })
	if i < 0 {
		return ""
	}
	return desks[i]
}

// succession are the desks that may inherit c, in turn. While who is responsible is granted
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
// it; a case that nobody had accepted waits there to be. Whom it was assigned to
// keeps it only while the desk does.
func TakeOver(c *complaintv1.Complaint, who string, b Bench) (*complaintv1.Complaint, error) {
	taken, err := move(c, TakingOver)
	if err != nil {
		return nil, err
	}
	if taken.Desk = Heir(b, c); taken.Desk == "" || c.GetSealed() && !Hears(b, taken, who) {
		return nil, ErrNotVacant
	}
	if c.GetResponsible() != "" {
		taken.Responsible = who
	}
	if !Hears(b, taken, c.GetAssignee()) {
		taken.Assignee = ""
	}
	return taken, nil
}
