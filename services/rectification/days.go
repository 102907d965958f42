package rectification

import (
	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/deadline"
)

// Recount returns the ledger with those of its days counted anew that are provisional
// (暂定), or nil if they stay what they are: once the holidays are announced they are not.
func Recount(l *rectificationv1.Ledger, today string, days *calendar.Calendar) *rectificationv1.Ledger {
	filing := filingDay(l).Anew(today, func(from calendar.Date) deadline.Day { return deadline.Rolled(from, days) })
	again := proto.CloneOf(l)
	setFilingDay(again, filing)
	setAnswerDay(again, answerDay(l).Anew(today, func(from calendar.Date) deadline.Day { return deadline.Answer(from, days) }))
	setCorrectionDay(again, correctionDay(l).Anew(today, func(from calendar.Date) deadline.Day {
		return deadline.Correction(filing, deadline.Day{}, deadline.Turn{Returned: from}, days)
	}))
	if proto.Equal(l, again) {
		return nil
	}
	return again
}

func filingDay(l *rectificationv1.Ledger) deadline.Day {
	return deadline.Day{Date: l.GetFilingDueDate(), Provisional: l.GetFilingDueProvisional(), From: l.GetFilingDueFromDate()}
}

func setFilingDay(l *rectificationv1.Ledger, d deadline.Day) {
	l.FilingDueDate, l.FilingDueProvisional, l.FilingDueFromDate = d.Date, d.Provisional, d.From
}

func answerDay(l *rectificationv1.Ledger) deadline.Day {
	return deadline.Day{Date: l.GetAcknowledgeDueDate(), Provisional: l.GetAcknowledgeDueProvisional(), From: l.GetAcknowledgeDueFromDate()}
}

func setAnswerDay(l *rectificationv1.Ledger, d deadline.Day) {
	l.AcknowledgeDueDate, l.AcknowledgeDueProvisional, l.AcknowledgeDueFromDate = d.Date, d.Provisional, d.From
}

func correctionDay(l *rectificationv1.Ledger) deadline.Day {
	return deadline.Day{
		Date: l.GetCorrectionDueDate(), Provisional: l.GetCorrectionDueProvisional(),
		From: l.GetCorrectionDueFromDate(), Added: l.GetCorrectionDaysAdded(),
	}
}

func setCorrectionDay(l *rectificationv1.Ledger, d deadline.Day) {
	l.CorrectionDueDate, l.CorrectionDueProvisional = d.Date, d.Provisional
	l.CorrectionDueFromDate, l.CorrectionDaysAdded = d.From, d.Added
}
