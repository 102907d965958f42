package worklist

import (
	"cmp"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

var problemActions = map[rectificationv1.Problem_State]aggregationv1.WorkItem_Action{
	rectificationv1.Problem_STATE_IDENTIFIED: aggregationv1.WorkItem_ACTION_PLAN_PROBLEM,
	rectificationv1.Problem_STATE_PLANNED:    aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM,
	rectificationv1.Problem_STATE_RECTIFYING: aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM,
	rectificationv1.Problem_STATE_RETURNED:   aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM,
	rectificationv1.Problem_STATE_REOPENED:   aggregationv1.WorkItem_ACTION_RECTIFY_PROBLEM,
	rectificationv1.Problem_STATE_SUBMITTED:  aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM,
	rectificationv1.Problem_STATE_VERIFIED:   aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM,
}

// problem asks for nothing of what is struck off or cancelled: a wish for another deadline
// that an older build left open there, nobody decides on.
func problem(p *rectificationv1.Problem) []*Item {
	items := ask(p, p.GetUnit(), p.GetCampaign(), problemActions[p.GetState()], p.GetDeadline())
	for _, item := range items {
		if duties[item.GetAction()].side != above {
			continue
		}
		if item.FoundBy = p.GetFoundBy(); ownFinding(p) && !decidedAbove(p) {
			item.Unit, item.Roles = p.GetUnit(), leaders
		}
	}
	extensions := p.GetExtensions()
	if n := len(extensions); n > 0 && len(items) > 0 && extensions[n-1].GetState() == rectificationv1.Extension_STATE_ASKED {
		for _, item := range ask(p, p.GetUnit(), p.GetCampaign(), aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION, p.GetDeadline()) {
			item.FoundBy = cmp.Or(extensions[n-1].GetBureau(), p.GetFoundBy())
			item.Roles = rolesAbove(item)
			items = append(items, item)
		}
	}
	return items
}

// ownFinding says whether the unit found the problem itself: then its own leaders
// verify and close it.
func ownFinding(p *rectificationv1.Problem) bool {
	return p.GetSource() == rectificationv1.Problem_SOURCE_SELF_CHECK || p.GetSource() == rectificationv1.Problem_SOURCE_OUTREACH
}

// decidedAbove says whether none of the unit's own leaders was free to verify what is
// submitted, or to close what is verified.
func decidedAbove(p *rectificationv1.Problem) bool {
	if p.GetState() == rectificationv1.Problem_STATE_SUBMITTED {
		return p.GetVerifyAbove()
	}
	return p.GetCloseAbove()
}
