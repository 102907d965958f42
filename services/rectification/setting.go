package rectification

import (
	"time"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// maxYears is how many years after it was set a deadline lies at most.
const maxYears = 3

// Serves says whether a member is in office today in a unit, which includes the
// body that it is a department of and the departments of that.
type Serves func(unit, member string) bool

// Settable says whether what after sets, and before did not, can be: who is
// responsible is in office in the unit, and the deadline lies between today and
// maxYears from now. Fields are named as those of the problem in a request.
func Settable(before, after *rectificationv1.Problem, now time.Time, serves Serves) error {
	for _, f := range []struct{ path, before, after string }{
		{"problem.leader_responsible", before.GetLeaderResponsible(), after.GetLeaderResponsible()},
		{"problem.person_responsible", before.GetPersonResponsible(), after.GetPersonResponsible()},
	} {
		if f.after != "" && f.after != f.before && !serves(after.GetUnit(), f.after) {
			return ErrProblemPersonUnknown.At(f.path, "不是该单位的在任人员", "is nobody in office in the unit")
		}
	}
	if after.GetDeadline() == before.GetDeadline() {
		return nil
	}
	return timely("problem.deadline", after.GetDeadline(), now)
}

// timely says whether a deadline that is set now, at the path, can be kept; none can.
func timely(path, deadline string, now time.Time) error {
	if deadline != "" && !calendar.Near(deadline, calendar.On(now).String(), 0, maxYears) {
		return ErrProblemDeadlineOutside.At(path, "不在今天至三年之内", "is not between today and three years from now")
	}
	return nil
}
