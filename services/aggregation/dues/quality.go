package dues

import (
	"context"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// GetReportQuality implements the RPC.
func (l *Ledger) GetReportQuality(ctx context.Context, req *aggregationv1.GetReportQualityRequest) (q *aggregationv1.ReportQuality, err error) {
	err = l.book.View(ctx, func(tx *change.Tx) error {
		source, err := l.sources.Reach(tx, req.GetName())
		if err != nil {
			return err
		}
		var sent reports.Sent
		for _, form := range reports.Forms() {
			if err := l.gather(tx, form, source, req.GetMonth(), &sent); err != nil {
				return err
			}
		}
		q = reports.QualityOf(source.GetName(), req.GetMonth(), sent)
		return nil
	})
	return q, err
}

// gather adds what a source sent by a form, and owed.
func (l *Ledger) gather(tx *change.Tx, form *aggregationv1.ReportForm, source *aggregationv1.ReportSource, month string, to *reports.Sent) error {
	period, ends := reports.EndingIn(form, month)
	if !ends {
		return nil
	}
	sent, err := l.sent(tx, form, period, source.GetUnit())
	if err != nil {
		return err
	}
	others := len(sent)
	sent = slices.DeleteFunc(sent, func(r *aggregationv1.Report) bool { return r.GetSource() != source.GetSource() })
	others -= len(sent)
	window := l.Window(form, period)
	there := calendar.On(source.GetCreateTime().AsTime()).String() <= window.Due // or another one failed to send
	if l.owes(reports.FormPeriod{Form: form, Period: period}, source.GetUnit()) && (len(sent) > 0 || others == 0 && there && l.book.Today() > window.Due) {
		to.Owed = append(to.Owed, reports.DueOf(source.GetUnit(), period, window, l.book.Today(), sent))
	}
	to.Missing += reports.MissingBefore(source, sent)
	to.Reports = append(to.Reports, sent...)
	return nil
}
