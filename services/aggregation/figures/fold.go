package figures

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Fold takes changes into the figures. What it was given is written by Flush,
// which MUST be called in the same transaction. After an error the transaction
// MUST fail.
type Fold struct {
	tx      store.Tx
	tree    tree
	facts   map[string]*aggregation.Fact // of this fold, to be written
	places  map[place]*row
	rows    map[string]*row // what is to be added, by key
	holders map[string]holder
	paths   map[[2]string][]string
}

// place is where a delta counts before it is spread over rows.
type place struct {
	cell aggregation.Cell
	axis string
	day  string
}

// New returns a fold within tx.
func New(tx store.Tx) *Fold {
	return &Fold{
		tx: tx, tree: tree{tx, map[string][]parent{}},
		facts: map[string]*aggregation.Fact{}, places: map[place]*row{}, rows: map[string]*row{},
		holders: map[string]holder{}, paths: map[[2]string][]string{},
	}
}

// Record replaces what the record of that name counts by what rule makes of it.
// The change took effect on day.
func (f *Fold) Record(name, day string, rule func(before *aggregation.Fact) aggregation.Fact) error {
	before, err := f.fact(name)
	if err != nil {
		return err
	}
	after := rule(before)
	for _, d := range aggregation.Change(before, &after, day) {
		if err := f.count(d); err != nil {
			return err
		}
	}
	f.facts[name] = &after
	return errors.Join(f.owes(name, before, &after), f.scores(name, before, &after))
}

// fact returns what a record counts, as this fold has it.
func (f *Fold) fact(name string) (*aggregation.Fact, error) {
	if fact, ok := f.facts[name]; ok {
		return fact, nil
	}
	b, err := f.tx.Get(factsBucket, []byte(name))
	if errors.Is(err, store.ErrNotFound) {
		return &aggregation.Fact{}, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeFact(name, b)
}

// count takes one delta of a feed in, unless reports have the figure.
func (f *Fold) count(d aggregation.Delta) error {
	switch ours, err := f.admit(d); {
	case err != nil:
		return err
	case ours:
		return f.add(axis(d.Metric), d)
	default:
		return nil
	}
}

// add counts a delta in the unit and those above it.
func (f *Fold) add(axis string, d aggregation.Delta) error {
	s := own
	if d.Accepted {
		s = accepted
	}
	at := place{d.Cell, axis, d.Day}
	if f.places[at] == nil {
		f.places[at] = &row{}
	}
	f.places[at].add(slotOf(d.Metric, s), d.N)
	if axis == byDay && standsOn(d.Metric) {
		return f.follow(d, s)
	}
	return nil
}

// standsOn says whether what counts by day goes on counting on later days.
func standsOn(m aggregation.Metric) bool {
	return !aggregation.Define(m).Flow()
}

// follow lets what stands since a day in the past move with its unit on later
// days.
func (f *Fold) follow(d aggregation.Delta, s standing) error {
	all, err := f.tree.stretches(d.Unit, d.Day)
	if err != nil {
		return err
	}
	r := row{{slotOf(d.Metric, s).seenAbove(), d.N}}
	for i := 1; i < len(all); i++ {
		f.shift(between(all[i-1].path, all[i].path), cuts(d.Cell), byDay, all[i].from, r)
	}
	return nil
}

// shift takes r off the units that something leaves and adds it to those that it
// enters.
func (f *Fold) shift(way way, cuts []string, axis, day string, r row) {
	less := slices.Clone(r)
	for i := range less {
		less[i].n = -less[i].n
	}
	for _, unit := range way.leaving {
		f.put(unit, cuts, axis, day, less)
	}
	for _, unit := range way.entering {
		f.put(unit, cuts, axis, day, r)
	}
}

// put adds r to the rows of one unit on one day.
func (f *Fold) put(unit string, cuts []string, axis, day string, r row) {
	unit, spans := under(unit), spans(axis, day)
	for _, cut := range cuts {
		for _, span := range spans {
			key := unit + cut + span.key
			sum := f.rows[key]
			if sum == nil {
				sum = &row{}
				f.rows[key] = sum
			}
			sum.merge(r, span.part)
		}
	}
}

// Flush writes what was taken in.
func (f *Fold) Flush() error {
	if err := f.spread(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(f.facts)) {
		if err := f.writeFact(name, f.facts[name]); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.rows)) {
		if err := f.writeRow(key, *f.rows[key]); err != nil {
			return err
		}
	}
	clear(f.facts)
	clear(f.rows)
	return f.writeHolders()
}

// spread turns places into rows of every unit on their paths.
func (f *Fold) spread() error {
	for at, r := range f.places {
		path, err := f.path(at)
		if err != nil {
			return err
		}
		above := slices.Clone(*r)
		for i := range above {
			above[i].slot = above[i].slot.seenAbove()
		}
		cuts := cuts(at.cell)
		for i, unit := range path {
			if i == 0 {
				f.put(unit, cuts, at.axis, at.day, *r)
			} else {
				f.put(unit, cuts, at.axis, at.day, above)
			}
		}
	}
	clear(f.places)
	return nil
}

// path is that of the place's day; what is due stands where its unit is now.
func (f *Fold) path(at place) (path []string, err error) {
	day := at.day
	if at.axis == byDue {
		day = end
	}
	key := [2]string{at.cell.Unit, day}
	path, ok := f.paths[key]
	if !ok {
		if path, err = f.tree.path(at.cell.Unit, day); err != nil {
			return nil, err
		}
		f.paths[key] = path
	}
	return path, nil
}

func (f *Fold) writeRow(key string, r row) error {
	if len(r) == 0 {
		return nil
	}
	b, err := f.tx.Get(rowsBucket, []byte(key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("reading figures: %w", err)
	}
	sum, err := decode(key, b)
	if err != nil {
		return err
	}
	sum.merge(r, 0)
	if len(sum) == 0 {
		return f.tx.Delete(rowsBucket, []byte(key))
	}
	return f.tx.Put(rowsBucket, []byte(key), sum.encode())
}

func (f *Fold) writeFact(name string, fact *aggregation.Fact) error {
	if len(fact.Counts) == 0 && fact.Score == nil {
		return f.tx.Delete(factsBucket, []byte(name))
	}
	return f.tx.Put(factsBucket, []byte(name), encodeFact(fact))
}
