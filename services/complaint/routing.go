package complaint

import (
	"slices"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// Routing is the version of Desk. It changes with whatever changes its answers,
// and stands in every complaint that was routed by it.
const Routing = "6"

// Tie is that somebody belongs to a unit, or ever did.
type Tie struct {
	Unit string
	// Head says that they head it, or did (一把手).
	Head bool
	// Since is when that was first entered; zero for where they are entered themselves.
	Since time.Time
	// Entered is when that was entered, if it was over by then; else zero.
	Entered time.Time
}

// now stands for the tree as it is.
var now time.Time

// Bench is what routing asks of the tree, the posts and the grants.
type Bench interface {
	// Path returns the unit and those above it at a time, or for the zero time now,
	// nearest first; nil if there is no such unit. One that was entered later stands
	// where it was entered.
	Path(unit string, at time.Time) []string
	// Heir returns the unit that a unit was merged into (撤并) at a time, or for the
	// zero time now, or the unit itself.
	Heir(unit string, at time.Time) string
	// Own returns the units whose people act for the unit: itself, and for a department
	// or what was merged (撤并) the one above it.
	Own(unit string) []string
	// Holders returns the principals that hold the role on exactly the unit.
	Holders(unit string, role accessv1.Role) []string
	// Departed returns those to whom the role is granted there, who do not hold it as they
	// have left every post.
	Departed(unit string, role accessv1.Role) []string
	// Heads returns those who head exactly the unit now, by a role or a post.
	Heads(unit string) []string
	// Belongs says whether the principal belongs to the unit, or to the one that it was
	// merged into, or to what lies beneath that, now.
	Belongs(principal, unit string) bool
	// Tied returns the ties of the principal: to where they are entered, and by
	// every post and role that they hold or ever held.
	Tied(principal string) []Tie
}

// Desk returns the unit that hears c (受理单位).
//
// Enquiries, help and suggestions go to the unit concerned, or if nobody works there to
// the nearest above it where somebody does; an ordinary complaint to the nearest unit above
// it with a complaint officer. In both, who belongs to the unit concerned counts for nothing
// where another unit hears it. A sealed case
// goes to the nearest unit above the one concerned that has an officer with no
// part in it, and that neither is nor lies beneath a unit led by somebody who leads the
// unit concerned or ever did: whoever leads a unit enters others beneath it. It
// MUST NOT reach the unit concerned, what lies beneath it, or a person tied to either.
// If nobody is left it answers ErrNobodyHears.
func Desk(c *complaintv1.Complaint, b Bench) (string, error) {
	path := b.Path(c.GetUnit(), now)
	if len(path) == 0 {
		return "", ErrUnitUnknown.At("complaint.unit", "单位不存在或已撤并", "is not an active unit")
	}
	desks, hears := path[1:], hearsAt
	if !Sealed(c) && c.GetType() != complaintv1.Complaint_TYPE_COMPLAINT {
		desks, hears = path, staffed
	}
	for _, unit := range desks {
		if hears(b, c, unit) {
			return unit, nil
		}
	}
	return "", ErrNobodyHears
}

// hearsAt says whether a unit above the one concerned can be the desk of c.
func hearsAt(b Bench, c *complaintv1.Complaint, unit string) bool {
	officers := b.Holders(unit, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	if !Sealed(c) {
		return slices.ContainsFunc(officers, func(officer string) bool { return !b.Belongs(officer, c.GetUnit()) })
	}
	impartial := func(officer string) bool { return !Involved(b, c, officer) }
	led := func(unit string) bool {
		return slices.ContainsFunc(b.Heads(unit), func(head string) bool { return everLed(b, c, head) })
	}
	return slices.ContainsFunc(officers, impartial) && !slices.ContainsFunc(b.Path(unit, now), led)
}

// everLed says whether the principal heads the unit concerned, or what it was merged
// into, or ever did: a case tells of then as well as of now.
func everLed(b Bench, c *complaintv1.Complaint, principal string) bool {
	return slices.ContainsFunc(b.Tied(principal), func(t Tie) bool {
		return t.Head && (t.Unit == c.GetUnit() || t.Unit == b.Heir(c.GetUnit(), now))
	})
}

// Involved says whether the principal belongs to the unit concerned or what lies
// beneath it, or holds a role there, or ever did (回避): what a report tells may be
// from their time. If the unit was merged, those of the unit that it was merged into
// have a part in it: its work is theirs.
//
// Nobody loses a case that they are responsible for or was assigned to them by what
// was over when it was entered, unless that was known before the case was accepted:
// else whoever enters posts could take it from them. Nor do they by what is moved or
// merged since: their ties are held against the tree as it was when the case was
// accepted, or when the tie was entered if that was later.
func Involved(b Bench, c *complaintv1.Complaint, principal string) bool {
	own := has(c, principal)
	return slices.ContainsFunc(b.Tied(principal), func(t Tie) bool {
		var at time.Time
		if own {
			at = known(c, t)
		}
		return slices.Contains(b.Path(t.Unit, at), b.Heir(c.GetUnit(), at)) && !(own && late(c, t))
	})
}

// known is when a tie of whose case c is was first held against it, or would have been.
func known(c *complaintv1.Complaint, t Tie) time.Time {
	if accepted := c.GetAcceptTime().AsTime(); t.Since.Before(accepted) {
		return accepted
	}
	return t.Since
}

// has says whether the case was accepted and is the person's.
func has(c *complaintv1.Complaint, person string) bool {
	return c.GetResponsible() != "" && Knows(c, person)
}

// late says whether the tie was over and entered only once c had been accepted. Whom
// it came to after that had no such tie then, or would not have got it.
func late(c *complaintv1.Complaint, t Tie) bool {
	return !t.Entered.Before(c.GetAcceptTime().AsTime())
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
