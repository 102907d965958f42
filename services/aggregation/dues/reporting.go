package dues

import (
	"cmp"
	"slices"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// Reporting lists which systems of units report (报送来源), by unit and source and at most
// so many, how fresh each is, and how many there are; at a moment, or now if it is zero.
// late are the reports that are missing then.
func (l *Ledger) Reporting(tx *change.Tx, within func(unit string) bool, at time.Time, late []*aggregationv1.Missing_Item, most int) ([]*aggregationv1.ReportingSource, int64, error) {
	if at.IsZero() {
		at = tx.Now
	}
	var there []*aggregationv1.ReportSource
	for s, err := range l.sources.Scan(tx, "", "") {
		if err != nil {
			return nil, 0, err
		}
		if within(s.GetUnit()) && !s.GetCreateTime().AsTime().After(at) {
			there = append(there, s)
		}
	}
	slices.SortFunc(there, func(a, b *aggregationv1.ReportSource) int {
		return cmp.Or(cmp.Compare(a.GetUnit(), b.GetUnit()), cmp.Compare(a.GetSource(), b.GetSource()))
	})
	owed := map[string]int64{}
	for _, item := range late {
		owed[item.GetUnit()]++
	}
	var list []*aggregationv1.ReportingSource
	var sent []*aggregationv1.Report // by the unit of the source before
	for i, s := range there[:min(most, len(there))] {
		if i == 0 || there[i-1].GetUnit() != s.GetUnit() {
			var err error
			if sent, err = l.sentBy(tx, s.GetUnit(), at); err != nil {
				return nil, 0, err
			}
		}
		fresh := reports.Reporting(s, sent)
		fresh.ReportsMissing = owed[s.GetUnit()]
		list = append(list, fresh)
	}
	return list, int64(len(there)), nil
}

// sentBy are the reports of a unit as they stood at a moment.
func (l *Ledger) sentBy(tx *change.Tx, unit string, at time.Time) ([]*aggregationv1.Report, error) {
	var sent []*aggregationv1.Report
	for r, err := range l.reports.Lookup(tx, "unit", unit, "") {
		if err != nil {
			return nil, err
		}
		sent = append(sent, r)
	}
	return reports.Then(sent, at), nil
}
