package worklist

import (
	"slices"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/authz"
)

// Reader is who reads a worklist.
type Reader interface {
	// Inside says whether they see the unit's records by another role than a portal's.
	Inside(unit string) bool
	// Holds says whether they hold one of the roles on the unit or above.
	Holds(unit string, roles ...accessv1.Role) bool
	// Belongs says whether they belong to the unit or to what lies beneath it.
	Belongs(unit string) bool
}

// readers are who reads complaints, as the contract of their service says.
var readers = authz.Roles(complaintv1.ComplaintService_GetComplaint_FullMethodName)

// Shown says whether the reader may know of the item; heir is the unit that one was merged
// into, or itself. Of complaints only those hear who may read them, at a desk nobody who
// belongs to the unit that it is about where another hears it (回避), and portals of
// nothing: what is to be done is about drafts and plans.
func Shown(r Reader, heir func(unit string) string, item *Item) bool {
	unit, concerned := item.GetUnit(), item.GetConcerned()
	switch {
	case !r.Inside(unit), complains(item) && !r.Holds(unit, readers...):
		return false
	default:
		return concerned == "" || heir(concerned) == heir(unit) || !r.Belongs(concerned)
	}
}

// complains says whether the item is about a complaint.
func complains(item *Item) bool {
	switch item.GetAction() {
	case aggregationv1.WorkItem_ACTION_DECIDE_COMPLAINT, aggregationv1.WorkItem_ACTION_ASSIGN_COMPLAINT,
		aggregationv1.WorkItem_ACTION_REPLY_COMPLAINT, aggregationv1.WorkItem_ACTION_CLOSE_COMPLAINT:
		return true
	default:
		return false
	}
}

// Evaluated says whether who stands there, by paths, is among those whom the item's round
// rates (被评者): they do nothing in it but vote.
func Evaluated(item *Item, standing [][]string) bool {
	return slices.ContainsFunc(slices.Concat(standing...), func(unit string) bool { return slices.Contains(item.GetRated(), unit) })
}
