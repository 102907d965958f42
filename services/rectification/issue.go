package rectification

import (
	"google.golang.org/protobuf/proto"

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

// Open returns the ledger of c once it is opened: one that was only issued, as long as c
// goes on. That holds for the ledger of a merged unit too, which its heir opens.
func Open(l *rectificationv1.Ledger, c *campaignv1.Campaign) (*rectificationv1.Ledger, error) {
	switch {
	case !l.GetIssued():
		return nil, ErrLedgerExists.At("ledger.unit", "已有此活动的台账", "has a ledger in the campaign")
	case c.GetState() != campaignv1.Campaign_STATE_PUBLISHED:
		return nil, ErrLedgerCampaignNotPublished.At("ledger.campaign", "已结束", "was closed")
	}
	l = proto.CloneOf(l)
	l.Issued = false
	return l, nil
}
