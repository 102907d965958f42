package campaign

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// Move is something that happens to a campaign.
type Move string

// The moves of a campaign.
const (
	Updating   Move = "update / 修改"
	Publishing Move = "publish / 发布"
	Closing    Move = "close / 结束"
)

// Life says which moves of a campaign are allowed from which state.
var Life = lifecycle.Table[campaignv1.Campaign_State, Move]{
	campaignv1.Campaign_STATE_DRAFT: {
		Updating:   campaignv1.Campaign_STATE_DRAFT,
		Publishing: campaignv1.Campaign_STATE_PUBLISHED,
	},
	campaignv1.Campaign_STATE_PUBLISHED: {
		Closing: campaignv1.Campaign_STATE_CLOSED,
	},
}

// move returns a copy of c in the state that m leads to.
func move(c *campaignv1.Campaign, m Move) (*campaignv1.Campaign, error) {
	return lifecycle.Move(Life, c, m, ErrIllegalMove)
}

// Close ends c. What becomes of its assignments Lapse says.
func Close(c *campaignv1.Campaign, now time.Time, who string) (*campaignv1.Campaign, error) {
	c, err := move(c, Closing)
	if err != nil {
		return nil, err
	}
	c.CloseTime, c.Closer = timestamppb.New(now), who
	return c, nil
}

// Lapse returns a as it is once its campaign c is closed, or nil if nothing
// changes: what was approved and due by then stays as it was. What was due and is
// not done stays so, and what was not due yet never will be.
func Lapse(c *campaignv1.Campaign, a *campaignv1.Assignment) *campaignv1.Assignment {
	day := calendar.On(c.GetCloseTime().AsTime()).String()
	if done(a, day) {
		return nil
	}
	a = proto.CloneOf(a)
	a.CampaignCloseDate = day
	return a
}

// Abandon returns a as it is once its unit was archived on day, or nil if nothing
// changes: it was told before, or was approved and due by then. What was due by then
// stays due.
func Abandon(a *campaignv1.Assignment, day string) *campaignv1.Assignment {
	if a.GetUnitArchiveDate() != "" || done(a, day) {
		return nil
	}
	a = proto.CloneOf(a)
	a.UnitArchiveDate = day
	return a
}

// done says whether a was approved, and due on day or before.
func done(a *campaignv1.Assignment, day string) bool {
	return a.GetState() == campaignv1.Assignment_STATE_APPROVED && a.GetDueDate() <= day
}

// Step is something that happens to an assignment.
type Step string

// The moves of an assignment.
const (
	Receiving  Step = "receive / 签收"
	Submitting Step = "submit / 提交"
	Approving  Step = "approve / 审核通过"
	Returning  Step = "return / 退回"
)

// Work says which moves of an assignment are allowed from which state.
var Work = lifecycle.Table[campaignv1.Assignment_State, Step]{
	campaignv1.Assignment_STATE_ISSUED: {
		Receiving: campaignv1.Assignment_STATE_RECEIVED,
	},
	campaignv1.Assignment_STATE_RECEIVED: {
		Submitting: campaignv1.Assignment_STATE_SUBMITTED,
	},
	campaignv1.Assignment_STATE_SUBMITTED: {
		Approving: campaignv1.Assignment_STATE_APPROVED,
		Returning: campaignv1.Assignment_STATE_RETURNED,
	},
	campaignv1.Assignment_STATE_RETURNED: {
		Submitting: campaignv1.Assignment_STATE_SUBMITTED,
	},
}

// step returns a copy of a in the state that m leads to, unless its campaign c
// is over.
func step(c *campaignv1.Campaign, a *campaignv1.Assignment, m Step) (*campaignv1.Assignment, error) {
	if c.GetState() == campaignv1.Campaign_STATE_CLOSED {
		return nil, ErrCampaignClosed
	}
	return lifecycle.Move(Work, a, m, ErrAssignmentIllegalMove)
}
