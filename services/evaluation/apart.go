package evaluation

import (
	"slices"
	"time"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// Apart is how many days lie between the last day of casting of one round and the
// first of another, if the same owner has the same unit rated by the same scheme in
// both: for so long raters are taken to say the same again, so that what several
// rounds show would add up to what few said.
const Apart = 30

// Free returns the day from which a round can be opened for all that another of the
// same owner stands in its way, or the zero date if that does not. Owners and units
// are the same if their heirs (撤并) are, which heir tells.
func Free(r, other *evaluationv1.Round, heir func(unit string) string, now time.Time) (free calendar.Date, err error) {
	if other.GetOpenTime() == nil || other.GetState() == evaluationv1.Round_STATE_VOIDED || other.GetName() == r.GetName() || other.GetScheme() != r.GetScheme() || mute(other) || !overlap(r, other, heir) {
		return free, nil
	}
	mine, err := windowOf(r)
	if err != nil {
		return free, err
	}
	theirs, err := castingOf(other)
	if err != nil {
		return free, err
	}
	if today := calendar.On(now); mine.first.Before(today) {
		mine.first = today
	}
	if theirs.last.DaysUntil(mine.first) >= Apart || mine.last.DaysUntil(theirs.first) >= Apart {
		return free, nil
	}
	return theirs.last.AddDays(Apart), nil
}

// mute says whether nothing can be shown of the round, for want of ballots.
func mute(r *evaluationv1.Round) bool {
	cast := int32(0)
	for _, g := range r.GetGroups() {
		cast += g.GetCast()
	}
	return r.GetCloseTime() != nil && cast < r.GetFrozenScheme().GetLeastBallots()
}

// overlap says whether both rounds are of one owner and rate one unit.
func overlap(r, other *evaluationv1.Round, heir func(string) string) bool {
	if heir(r.GetOwner()) != heir(other.GetOwner()) {
		return false
	}
	rated := map[string]bool{}
	for _, unit := range r.GetSubjects() {
		rated[heir(unit)] = true
	}
	return slices.ContainsFunc(other.GetSubjects(), func(unit string) bool { return rated[heir(unit)] })
}

// castingOf is the window of a round that was opened, as far as it was open.
func castingOf(r *evaluationv1.Round) (window, error) {
	w, err := windowOf(r)
	if r.GetCloseTime() == nil {
		return w, err
	}
	if closed := calendar.On(r.GetCloseTime().AsTime()); closed.Before(w.last) {
		w.last = closed
	}
	return w, err
}
