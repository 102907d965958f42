package worklist

import (
	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// soon is how many days before its due date a thing has a yellow light (黄灯).
const soon = 3

// Shine returns the item with its light and the days that are left, on a day. It
// does not change the item.
func Shine(item *Item, today string) (*Item, error) {
	if item.GetDueDate() == "" {
		return item, nil
	}
	due, err := calendar.ParseDate(item.GetDueDate())
	if err != nil {
		return nil, err
	}
	now, err := calendar.ParseDate(today)
	if err != nil {
		return nil, err
	}
	left := now.DaysUntil(due)
	lit := &Item{
		Unit: item.GetUnit(), Subject: item.GetSubject(), Action: item.GetAction(), Owner: item.GetOwner(), Campaign: item.GetCampaign(),
		DueDate: item.GetDueDate(), Roles: item.GetRoles(), SinceDate: item.GetSinceDate(), DaysLeft: int32(left), DaysUntilDue: proto.Int32(int32(left)),
		FoundBy: item.GetFoundBy(), Concerned: item.GetConcerned(), Rated: item.GetRated(),
	}
	switch {
	case left < 0:
		lit.Light = aggregationv1.WorkItem_LIGHT_RED
	case left <= soon:
		lit.Light = aggregationv1.WorkItem_LIGHT_YELLOW
	default:
		lit.Light = aggregationv1.WorkItem_LIGHT_GREEN
	}
	return lit, nil
}
