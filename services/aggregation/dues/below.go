package dues

import (
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// Below knows how far it is known here what installations below tell of reports.
type Below interface {
	// Told says whether all is known that an installation below tells of the unit's reports
	// until a moment, or now if it is zero. Of a unit that none keeps it is.
	Told(tx *change.Tx, unit string, at time.Time) (bool, error)
}

// Federate lets the ledger know of units that installations below keep. It MUST be
// called before anything is asked, or not at all.
func (l *Ledger) Federate(below Below) { l.below = below }

// come says what has come of what a unit owes, or had at a moment, unless that is zero. What
// has not come is unknown (不明) while not all is known that tells of it.
func (l *Ledger) come(tx *change.Tx, p reports.FormPeriod, unit string, at time.Time) (*aggregationv1.ReportDue, error) {
	c, err := l.gather(tx, p, unit, at)
	if err != nil {
		return nil, err
	}
	due := c.due()
	if due.GetReport() != "" && due.GetState() != aggregationv1.ReportDue_STATE_RETURNED || l.below == nil {
		return due, nil
	}
	told, err := l.below.Told(tx, unit, at)
	if !told {
		due.State = aggregationv1.ReportDue_STATE_UNKNOWN
	}
	return due, err
}
