package dues

import (
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/lower"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// come is what has come by a form from a unit for a period, and until when it was due.
type come struct {
	reports.FormPeriod
	unit   string
	window reports.Window
	today  string
	sent   []*aggregationv1.Report
}

// gather finds what has come, of whatever source, or had at a moment, unless that is zero.
func (l *Ledger) gather(tx *change.Tx, p reports.FormPeriod, unit string, at time.Time) (*come, error) {
	c := &come{FormPeriod: p, unit: unit, window: l.Window(p.Form, p.Period), today: l.day(at)}
	for r, err := range l.reports.Lookup(tx, "duty", reports.Duty(unit, p.Form.GetName(), p.String()), "") {
		if err != nil {
			return nil, err
		}
		c.sent = append(c.sent, r)
	}
	below, err := lower.Sent(tx, unit, p.Form.GetName(), p.String())
	if c.sent = append(c.sent, below...); !at.IsZero() {
		c.sent = reports.Then(c.sent, at)
	}
	return c, err
}

// day is that of a moment, or today if it is zero.
func (l *Ledger) day(at time.Time) string {
	if at.IsZero() {
		return l.book.Today()
	}
	return calendar.On(at).String()
}

// due says what has come of what the unit owes.
func (c *come) due() *aggregationv1.ReportDue {
	return reports.DueOf(c.unit, c.Period, c.window, c.today, c.sent)
}
