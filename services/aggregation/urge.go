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
	u := urge(before, item, today)
	u.Urger, u.UrgingUnit = urger, unit
	return u, nil
}

// UrgedAbove returns what is kept when an installation above has urged a work item, as it
// said: once a day, whoever urges. It is nil if that is known, or about an earlier time
// that the item awaited the unit, or of a day that is not here yet, or the item awaits it no more.
func UrgedAbove(before *aggregationv1.Urge, item *aggregationv1.WorkItem, said *aggregationv1.Urge, today string) *aggregationv1.Urge {
	day := said.GetUrgeDate()
	if item == nil || day > today || day < item.GetSinceDate() || Urged(before, item) && before.GetUrgeDate() >= day {
		return nil
	}
	u := urge(before, item, day)
	u.UrgingUnit = said.GetUrgingUnit()
	return u
}

// urge is what is kept of an item that is urged once more, on a day.
func urge(before *aggregationv1.Urge, item *aggregationv1.WorkItem, day string) *aggregationv1.Urge {
	u := &aggregationv1.Urge{
		Name: UrgeName(item.GetUnit(), item.GetSubject(), item.GetAction()), Unit: item.GetUnit(), Subject: item.GetSubject(),
		Action: item.GetAction(), SinceDate: item.GetSinceDate(), Count: 1, UrgeDate: day, CreateTime: before.GetCreateTime(),
	}
	if Urged(before, item) {
		u.Count += before.GetCount()
	}
	return u
}

// Urged says whether what is kept is about the item as it awaits the unit now,
// and not about an earlier time that it did.
func Urged(u *aggregationv1.Urge, item *aggregationv1.WorkItem) bool {
	return u != nil && u.GetSinceDate() == item.GetSinceDate()
}
