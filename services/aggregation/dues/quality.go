package dues

import (
	"context"
	"slices"
	"time"

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
			period, ends := reports.EndingIn(form, req.GetMonth())
			if !ends {
				continue
			}
			c, err := l.gather(tx, reports.FormPeriod{Form: form, Period: period}, source.GetUnit(), time.Time{})
			if err != nil {
				return err
			}
			l.count(c, source, &sent)
		}
		q = reports.QualityOf(source.GetName(), req.GetMonth(), sent)
		return nil
	})
	return q, err
}

// count adds what a source sent of what has come, and what the unit owes by it.
func (l *Ledger) count(c *come, source *aggregationv1.ReportSource, to *reports.Sent) {
	all := len(c.sent)
	c.sent = slices.DeleteFunc(c.sent, func(r *aggregationv1.Report) bool { return r.GetSource() != source.GetSource() })
	others := all - len(c.sent)
	there := calendar.On(source.GetCreateTime().AsTime()).String() <= c.window.Due // or another one failed to send
	if l.Owes(c.FormPeriod, c.unit) && (len(c.sent) > 0 || others == 0 && there && c.today > c.window.Due) {
		to.Owed, to.Due = append(to.Owed, c.due()), append(to.Due, c.sent...)
	}
	to.Missing += reports.MissingBefore(source, c.sent)
	to.Reports = append(to.Reports, c.sent...)
}
