package worklist

import (
	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// Asked are who is asked for every action, at most.
func Asked() map[aggregationv1.WorkItem_Action][]accessv1.Role {
	all := map[aggregationv1.WorkItem_Action][]accessv1.Role{}
	for action := range aggregationv1.WorkItem_Action_name {
		if a := aggregationv1.WorkItem_Action(action); a != aggregationv1.WorkItem_ACTION_UNSPECIFIED {
			all[a] = duties[a].roles
		}
	}
	return all
}
