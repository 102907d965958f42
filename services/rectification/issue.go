package rectification

import (
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/scope"
)

// Issue returns the ledgers that a published campaign opens for the units that owe
// one (下达台账), so that what is never begun is owed too. land is the owner's
// subtree as it was when the campaign was published, parents before children.
func Issue(c *campaignv1.Campaign, land []*organizationv1.Unit, days *calendar.Calendar) (issued []*rectificationv1.Ledger, err error) {
	for _, u := range scope.Owes(c, land) {
		l, err := NewLedger([]string{u.GetName(), c.GetOwner()}, c, days)
		if err != nil {
			return nil, err
		}
		l.Issued = true
		issued = append(issued, l)
	}
	return issued, nil
}

// Taken says whether the ledger that stands where one is to be opened, nil for
// none, was begun: then it stays. One that was only issued makes way.
func Taken(l *rectificationv1.Ledger) bool { return l != nil && !l.GetIssued() }
