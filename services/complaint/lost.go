package complaint

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// Aloof are those who have no part in a sealed case whichever unit it is about: for when
// its content is lost, and nobody can say any more whom it was about (被反映单位不明).
type Aloof struct {
	Bench
	// Units returns all units, among them those that were merged.
	Units func() []string
}

// Keeper returns the desk whose aloof officers know of a lost case, and close it: its own,
// or the nearest above that has one and neither is nor lies beneath a unit that somebody leads
// who ever led what the case may be about. It is "" if nobody is left, and while who accepted
// the case hears it.
func (a Aloof) Keeper(c *complaintv1.Complaint) string {
	const officer = accessv1.Role_ROLE_COMPLAINT_OFFICER
	if who := c.GetResponsible(); who != "" && slices.Contains(a.Holders(c.GetDesk(), officer), who) {
		return ""
	}
	aloof := func(who string) bool { return a.From(c, who) }
	for i, unit := range a.Path(c.GetDesk(), now) {
		if (i == 0 || !a.led(c, unit)) && slices.ContainsFunc(a.Holders(unit, officer), aloof) {
			return unit
		}
	}
	return ""
}

// From says whether the person was never tied to any unit but such as stood at or above the desk
// when the case came in: it is about none of these, nor about what lies above them.
func (a Aloof) From(c *complaintv1.Complaint, person string) bool {
	return !slices.ContainsFunc(a.Tied(person), func(t Tie) bool { return a.mayConcern(c, t) })
}

// led says whether a unit, or one above it, is led by somebody who may have led the unit
// concerned.
func (a Aloof) led(c *complaintv1.Complaint, unit string) bool {
	return slices.ContainsFunc(a.Path(unit, now), func(unit string) bool {
		return slices.ContainsFunc(a.Heads(unit), func(head string) bool {
			return slices.ContainsFunc(a.Tied(head), func(t Tie) bool { return t.Head && a.mayConcern(c, t) })
		})
	})
}

// mayConcern says whether the unit of a tie may be, or lie beneath, the one that the case is
// about, or what that was merged into since.
func (a Aloof) mayConcern(c *complaintv1.Complaint, t Tie) bool {
	path, came := a.Path(t.Unit, now), c.GetCreateTime().AsTime()
	above := a.Path(c.GetDesk(), came)
	outside := func(unit string) bool { return !slices.Contains(above, unit) }
	return len(path) == 0 || slices.ContainsFunc(path, outside) || a.merged(path, came)
}

// merged says whether a unit was merged into one of these since.
func (a Aloof) merged(into []string, since time.Time) bool {
	return slices.ContainsFunc(a.Units(), func(unit string) bool {
		heir := a.Heir(unit, now)
		return heir != unit && slices.Contains(into, heir) && a.Heir(unit, since) != heir
	})
}

// Forsake ends a case of which the log has signed that what it was about is lost (灭失办结):
// nobody can hear it any more.
func Forsake(c *complaintv1.Complaint, who string, now time.Time) (*complaintv1.Complaint, error) {
	c, err := move(c, Forsaking)
	if err != nil {
		return nil, err
	}
	c.ClosedBy, c.CloseTime = who, timestamppb.New(now)
	return c, nil
}
