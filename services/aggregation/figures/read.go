package figures

import (
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Query says which figures of a unit are wanted.
type Query struct {
	Unit string
	// Campaign, Category and Source narrow unless they are empty. A category
	// needs its campaign.
	Campaign, Category, Source string
	// Start and End are the first and the last day, Today is the one that goes
	// on. An empty Start is the beginning.
	Start, End, Today string
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
	s := sum{tx: tx, base: q.base(), q: q, wanted: wanted, values: &v}
	if wanted.Any(comesByDay) {
		err = s.before(byDay, q.End+any, plus)
	}
	if err == nil && q.Start != "" && wanted.Any((*aggregation.Definition).Flow) {
		err = s.before(byDay, q.Start, minusFlows)
	}
	if err == nil && wanted.Any((*aggregation.Definition).Overdue) {
		err = s.before(byDue, q.Today, plus)
	}
	return v, err
}

// comesByDay says whether some of the metric counts by day: what reports say is
// overdue does too.
func comesByDay(d *aggregation.Definition) bool {
	return !d.Overdue() || aggregation.Reportable(d.Metric)
}

func plus(aggregation.Metric) int64 { return 1 }

func minusFlows(m aggregation.Metric) int64 {
	if standsOn(m) {
		return 0
	}
	return -1
}

// base is the beginning of the keys of what is asked for.
func (q Query) base() string {
	or := func(s string) string {
		if s == "" {
			return any
		}
		return s
	}
	return under(q.Unit) + cut(or(strings.TrimPrefix(q.Campaign, "campaigns/")), or(q.Category), or(q.Source))
}

// sum adds rows up.
type sum struct {
	tx     store.Tx
	base   string
	q      Query
	wanted aggregation.Set
	values *Values
}

// before adds what lies before a day, each metric times its weight: whole years,
// then the months of the day's year, then the days of its month.
func (s *sum) before(axis, day string, weight func(aggregation.Metric) int64) error {
	year, month := day[:4], day[:7]
	for _, run := range [3][2]string{
		{axis + "y", axis + "y" + year},
		{axis + "m" + year, axis + "m" + month},
		{axis + "d" + month, axis + "d" + day},
	} {
		if err := s.run(s.base+run[0], s.base+run[1], weight); err != nil {
			return err
		}
	}
	return nil
}

func (s *sum) run(from, to string, weight func(aggregation.Metric) int64) error {
	for e, err := range s.tx.Scan(rowsBucket, []byte(from), []byte(to)) {
		if err != nil {
			return err
		}
		err = each(e.Value, func(slot slot, n int64) {
			if s.wanted.Has(slot.metric()) && s.seen(slot.standing()) {
				s.values[slot.metric()] += n * weight(slot.metric())
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *sum) seen(of standing) bool {
	return of == accepted || of == own && s.q.Own || of == beneath && s.q.Beneath
}

// Owed is what a unit owes.
type Owed struct{ Unit, Subject, Due string }

// ReadOwed returns what the unit and those beneath it owe since before Today, at
// most limit things, the oldest first. How many there are is the value of
// aggregation.ItemsMissing.
func ReadOwed(tx store.Tx, q Query, limit int) (owed []Owed, err error) {
	campaign := strings.TrimPrefix(q.Campaign, "campaigns/")
	if campaign == "" {
		campaign = any
	}
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
