package figures

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures/ended"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// Query says which figures of a unit are wanted.
type Query struct {
	Unit string
	// Campaign, Category and Source narrow unless they are empty. A category
	// needs its campaign.
	Campaign, Category, Source string
	// Joined are the campaigns that count with Campaign, in their order.
	Joined []string
	// Start and End are the first and the last day, Today is the one that goes
	// on. An empty Start is the beginning.
	Start, End, Today string
	// Alone asks for the unit's own figures, without those of units beneath.
	Alone bool
	// AsOf, if set, answers as was known then; its cut MUST be that of the query,
	// and End and Today MUST NOT come after its day.
	AsOf *Past
	// Own and Beneath count also what no superior has accepted: of the unit
	// itself, and of those beneath.
	Own, Beneath bool
}

// Values has how much counts of each metric, at its number. Ratios and latest
// values are not in it.
type Values [aggregation.Numbers]int64

// Read returns the values that q asks for, of the wanted metrics: of a stock what
// stands at the end of End, of a flow what came from Start to End, of what is
// overdue what is open though it was due before Today. Rows that can hold none of
// them are not read.
func Read(tx store.Tx, q Query, wanted aggregation.Set) (v Values, err error) {
	bases, err := q.bases(tx)
	if err != nil {
		return v, err
	}
	for _, base := range bases {
		s := sum{tx: tx, base: base, q: q, wanted: wanted, values: &v}
		if err := s.all(); err != nil {
			return v, err
		}
	}
	if q.AsOf != nil {
		err = q.AsOf.takeOff(q, wanted, &v)
	}
	return v, err
}

// ReadGrouped is Read as if the units of subtree, which MUST hold the query's,
// had always stood at and beneath it. It costs a Read for each of them.
func ReadGrouped(tx store.Tx, q Query, subtree []string, wanted aggregation.Set) (v Values, err error) {
	for _, unit := range subtree {
		one := q
		one.Unit, one.Alone = unit, true
		if unit != q.Unit {
			one.Own = q.Beneath
		}
		values, err := Read(tx, one, wanted)
		if err != nil {
			return v, err
		}
		for m, n := range values {
			v[m] += n
		}
	}
	return v, nil
}

// Counts says whether anything counts, or did, in the campaign and category of q.
func Counts(tx store.Tx, q Query) (bool, error) {
	bases, err := q.bases(tx)
	if err != nil {
		return false, err
	}
	for _, base := range bases {
		from, to := store.Prefix(base)
		for _, err := range tx.Scan(rowsBucket, from, to) {
			return err == nil, err
		}
	}
	return false, nil
}

// comesByDay says whether the metric counts by day.
func comesByDay(d *aggregation.Definition) bool { return !d.Overdue() }

// saidOverdue says whether reports may bring what is overdue of the metric, which
// stands by day.
func saidOverdue(d *aggregation.Definition) bool { return d.Overdue() && reports.Reportable(d.Metric) }

// weight is how often what is read of a metric counts.
type weight func(aggregation.Metric) int64

func plus(aggregation.Metric) int64 { return 1 }

func plusOverdue(m aggregation.Metric) int64 {
	if kindOf(m) == dues {
		return 1
	}
	return 0
}

// atEnd is the weight of what stands or came until the end: what reports say is overdue
// is as of today, as all that is overdue.
func (s *sum) atEnd(m aggregation.Metric) int64 {
	if s.q.End == s.q.Today {
		return 1
	}
	return 1 - plusOverdue(m)
}

func minusFlows(m aggregation.Metric) int64 {
	if standsOn(m) {
		return 0
	}
	return -1
}

// bases are the beginnings of the keys of all rows of what is asked for.
func (q Query) bases(tx store.Tx) (bases []string, err error) {
	for _, axis := range axes {
		campaigns, err := q.campaigns(tx, rowsBucket, axis)
		if err != nil {
			return nil, err
		}
		for _, campaign := range campaigns {
			bases = append(bases, axis+q.base(campaign))
		}
	}
	return bases, nil
}

// base is what keys have behind their axis or stretch, in a campaign of what is asked for.
func (q Query) base(campaign string) string {
	or := func(s string) string {
		if s == "" {
			return any
		}
		return s
	}
	return under(q.rowsOf()) + cut(or(strings.TrimPrefix(campaign, "campaigns/")), or(q.Category), or(q.Source))
}

// rowsOf names the rows of the unit, or its own.
func (q Query) rowsOf() string {
	if q.Alone {
		return q.Unit + alone
	}
	return q.Unit
}

// sum adds rows up, whose keys begin with base: those of one axis.
type sum struct {
	tx     store.Tx
	base   string
	q      Query
	wanted aggregation.Set
	values *Values
}

// all adds all that is wanted.
func (s *sum) all() (err error) {
	if s.base[:1] == byDue {
		if s.wanted.Any((*aggregation.Definition).Overdue) {
			err = s.until(s.q.Today, 0, plus)
		}
		return err
	}
	if s.wanted.Any(comesByDay) || s.q.End == s.q.Today && s.wanted.Any(saidOverdue) {
		err = s.until(s.q.End, 1, s.atEnd)
	}
	if err == nil && s.q.End != s.q.Today && s.wanted.Any(saidOverdue) {
		err = s.until(s.q.Today, 1, plusOverdue)
	}
	if err == nil && s.q.Start != "" && s.wanted.Any((*aggregation.Definition).Flow) {
		err = s.until(s.q.Start, 0, minusFlows)
	}
	return err
}

// until adds what lies before a day, or with 1 more before the one behind it,
// each metric times its weight: whole years, the months of the day's year, and the
// days of its month.
func (s *sum) until(day string, more slot, weight weight) error {
	year, month := spans(day)[0], spans(day)[1]
	for e, err := range s.tx.Scan(rowsBucket, []byte(s.base+"y"), []byte(s.base+year.key+any)) {
		if err != nil {
			return err
		}
		end := year.part
		if string(e.Key[len(s.base):]) < year.key {
			end = parts
		}
		if err := s.row(e.Value, end, weight); err != nil {
			return err
		}
	}
	b, _, err := store.Seek(s.tx, rowsBucket, []byte(s.base+month.key))
	return errors.Join(err, s.row(b, month.part+more, weight))
}

// row adds the parts of a row before end.
func (s *sum) row(b []byte, end slot, weight weight) error {
	return each(b, func(at slot, n int64) {
		if m := at.metric(); at.part() < end && s.wanted.Has(m) && s.q.seen(at.standing()) {
			s.values[m] += n * weight(m)
		}
	})
}

func (q Query) seen(of standing) bool {
	return of == accepted || of == own && q.Own || of == beneath && q.Beneath
}

// Owed is what a unit owes.
type Owed struct{ Unit, Subject, Due string }

// ReadOwed returns what the unit and those beneath it owe since before Today, at
// most limit things, the oldest first. How many there are is the value of
// aggregation.ItemsMissing.
func ReadOwed(tx store.Tx, q Query, limit int) (owed []Owed, err error) {
	campaigns, err := q.campaigns(tx, owedBucket, "")
	if err != nil {
		return nil, err
	}
	for _, campaign := range campaigns {
		some, err := readOwed(tx, q, owedCut(campaign), limit)
		if err != nil {
			return nil, err
		}
		owed = append(owed, some...)
	}
	slices.SortStableFunc(owed, func(a, b Owed) int {
		return cmp.Or(strings.Compare(a.Due, b.Due), strings.Compare(a.Subject, b.Subject))
	})
	return owed[:min(limit, len(owed))], nil
}

func readOwed(tx store.Tx, q Query, campaign string, limit int) (owed []Owed, err error) {
	base := under(q.Unit) + campaign + zero
	for e, err := range tx.Scan(owedBucket, []byte(base), []byte(base+q.Today)) {
		if err != nil {
			return nil, err
		}
		if len(owed) == limit {
			break
		}
		due, subject, _ := strings.Cut(string(e.Key[len(base):]), zero)
		owed = append(owed, Owed{string(e.Value), subject, due})
	}
	return owed, nil
}

// ReadEnded returns what ended of reports for the query: at most limit things, the newest
// first, and whether there may be more.
func ReadEnded(tx store.Tx, q Query, limit int) ([]ended.Ended, bool, error) {
	return ended.Read(tx, ended.Span{Unit: q.Unit, Start: q.Start, End: q.End, Today: q.Today, Holds: q.holds}, limit)
}
