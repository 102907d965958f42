package aggregation

import (
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// UrgeName is the name of what says how a work item was urged.
func UrgeName(unit, subject string, action aggregationv1.WorkItem_Action) string {
	return "urges/" + idOf(unit, subject, action.String())
}

// Urging returns what is kept when a work item is urged (催报) today by a person in
// the name of a unit above. before is what was kept until then, or nil; item is
// nil if nothing of the kind awaits the unit.
func Urging(before *aggregationv1.Urge, item *aggregationv1.WorkItem, today, urger, unit string) (*aggregationv1.Urge, error) {
	switch {
	case item == nil:
		return nil, ErrNotAwaited
	case item.GetDueDate() == "" || item.GetDueDate() >= today:
		return nil, ErrNotLate
	case Urged(before, item) && before.GetUrgeDate() >= today:
		return nil, ErrUrgedToday
	}
	u := &aggregationv1.Urge{
		Name: UrgeName(item.GetUnit(), item.GetSubject(), item.GetAction()), Unit: item.GetUnit(), Subject: item.GetSubject(),
		Action: item.GetAction(), SinceDate: item.GetSinceDate(), Count: 1, UrgeDate: today, Urger: urger, UrgingUnit: unit,
		CreateTime: before.GetCreateTime(),
	}
	if Urged(before, item) {
		u.Count += before.GetCount()
	}
	return u, nil
}

// Urged says whether what is kept is about the item as it awaits the unit now,
// and not about an earlier time that it did.
func Urged(u *aggregationv1.Urge, item *aggregationv1.WorkItem) bool {
	return u != nil && u.GetSinceDate() == item.GetSinceDate()
}
