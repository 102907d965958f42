package campaign

import (
	"google.golang.org/protobuf/proto"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/deadline"
)

// Recount returns a with its correction_due_date counted anew if that is provisional
// (暂定), or nil if it stays what it is: once the holidays are announced it is not.
func Recount(a *campaignv1.Assignment, today string, days *calendar.Calendar) *campaignv1.Assignment {
	again := proto.CloneOf(a)
	setCorrectionDay(again, correctionDay(a).Anew(today, func(from calendar.Date) deadline.Day {
		return deadline.Correction(deadline.Day{Date: a.GetDueDate()}, deadline.Day{}, deadline.Turn{Returned: from}, days)
	}))
	if proto.Equal(a, again) {
		return nil
	}
	return again
}

func correctionDay(a *campaignv1.Assignment) deadline.Day {
	return deadline.Day{
		Date: a.GetCorrectionDueDate(), Provisional: a.GetCorrectionDueProvisional(),
		From: a.GetCorrectionDueFromDate(), Added: a.GetCorrectionDaysAdded(),
	}
}

func setCorrectionDay(a *campaignv1.Assignment, d deadline.Day) {
	a.CorrectionDueDate, a.CorrectionDueProvisional = d.Date, d.Provisional
	a.CorrectionDueFromDate, a.CorrectionDaysAdded = d.From, d.Added
}
