package complaint

import (
	"slices"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// Vacant says whether nobody is left for a sealed case, given with its content: who
// accepted it may no longer hear it, or if nobody has, no officer at its desk may;
// and it has not ended.
func Vacant(b Bench, c *complaintv1.Complaint) bool {
	_, goesOn := Life.Next(c.GetState(), TakingOver)
	left := []string{c.GetResponsible()}
	if c.GetResponsible() == "" {
		left = b.Holders(c.GetDesk(), accessv1.Role_ROLE_COMPLAINT_OFFICER)
	}
	return goesOn && c.GetSealed() && !slices.ContainsFunc(left, func(who string) bool { return Hears(b, c, who) })
}

// Heir returns the desk at which a vacant case, given with its content, is taken
// over (接办): its own while an officer is left there who may hear it, else the
// nearest above, by the rule of Desk. It is "" if the case is not vacant, or if
// nobody is left: then a new officer must be granted the role.
func Heir(b Bench, c *complaintv1.Complaint) string {
	if !Vacant(b, c) {
		return ""
	}
	desks := succession(b, c)
	i := slices.IndexFunc(desks, func(unit string) bool { return hearsAt(b, c, unit) })
	if i < 0 {
		return ""
	}
	return desks[i]
}

// succession are the desks that may inherit c, in turn. If who is responsible came to
// have a part in it, those above come before its own, so that whoever enters posts
// gives it to nobody beside them, and a superior sees it.
func succession(b Bench, c *complaintv1.Complaint) []string {
	path := b.Path(c.GetDesk(), now)
	if len(path) > 1 && Involved(b, c, c.GetResponsible()) {
		return append(slices.Clone(path[1:]), path[0])
	}
	return path
}

// TakeOver makes who takes c over responsible for it, at the desk that inherits
// it; a case that nobody had accepted waits there to be. Whom it was assigned to
// keeps it only while the desk does.
func TakeOver(c *complaintv1.Complaint, who string, b Bench) (*complaintv1.Complaint, error) {
	taken, err := move(c, TakingOver)
	if err != nil {
		return nil, err
	}
	if taken.Desk = Heir(b, c); taken.Desk == "" || !Hears(b, taken, who) {
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
