package dues

import (
	"cmp"
	"iter"
	"slices"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// Reporting lists which systems of the units of a place report (报送来源), by unit and
// source and at most so many, how fresh each is, and how many there are. Now no report is
// read. late are the reports that are missing then.
func (l *Ledger) Reporting(tx *change.Tx, place Place, late []*aggregationv1.Missing_Item, most int) ([]*aggregationv1.ReportingSource, int64, error) {
	there, total, err := l.there(tx, place, most)
	if err != nil {
		return nil, 0, err
	}
	owed := map[string]int64{}
	for _, item := range late {
		owed[item.GetUnit()]++
	}
	var list []*aggregationv1.ReportingSource
	var sent []*aggregationv1.Report // by the unit of the source before
	for i, s := range there {
		fresh := reports.Fresh(s)
		if at := place.At; !at.IsZero() {
			if i == 0 || there[i-1].GetUnit() != s.GetUnit() {
				if sent, err = l.Sent(tx, s.GetUnit()); err != nil {
					return nil, 0, err
				}
			}
			fresh = reports.Reporting(s, reports.Then(sent, at))
		}
		fresh.ReportsMissing = owed[s.GetUnit()]
		list = append(list, fresh)
	}
	return list, total, nil
}

// there are the first sources of a place, and how many there are. Now those behind the
// first are counted and not read; of a moment all are, for when they came to be.
func (l *Ledger) there(tx *change.Tx, place Place, most int) (list []*aggregationv1.ReportSource, total int64, err error) {
	at, last := place.At, ""
	for unit, err := range l.having(tx, l.units(place)) {
		if err != nil {
			return nil, 0, err
		}
		total++
		if unit == last || at.IsZero() && len(list) >= most {
			continue
		}
		last = unit
		of, err := l.sourcesOf(tx, unit, at)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, of...)
	}
	if !at.IsZero() {
		total = int64(len(list))
	}
	return list[:min(most, len(list))], total, nil
}

// few is how many units are looked up one by one: of more, those of all sources are gone
// through.
const few = 200

// having yields those of the units, which are in order, that have sources: each once for
// each source.
func (l *Ledger) having(tx *change.Tx, units []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		among := []string{""} // all
		if len(units) <= few {
			among = units
		}
		for _, value := range among {
			for unit, err := range l.sources.Values(tx, "unit", value) {
				if _, wanted := slices.BinarySearch(units, unit); (err != nil || wanted) && !yield(unit, err) {
					return
				}
			}
		}
	}
}

// sourcesOf are the sources of a unit in order, now or as of a moment.
func (l *Ledger) sourcesOf(tx *change.Tx, unit string, at time.Time) (of []*aggregationv1.ReportSource, err error) {
	for s, err := range l.sources.Lookup(tx, "unit", unit, "") {
		if err != nil {
			return nil, err
		}
		if at.IsZero() || !s.GetCreateTime().AsTime().After(at) {
			of = append(of, s)
		}
	}
	slices.SortFunc(of, func(a, b *aggregationv1.ReportSource) int { return cmp.Compare(a.GetSource(), b.GetSource()) })
	return of, nil
}

// Sent are all reports of a unit.
func (l *Ledger) Sent(tx *change.Tx, unit string) (sent []*aggregationv1.Report, err error) {
	for r, err := range l.reports.Lookup(tx, "unit", unit, "") {
		if err != nil {
			return nil, err
		}
		sent = append(sent, r)
	}
	return sent, nil
}
