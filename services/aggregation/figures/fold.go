package figures

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures/ended"
	"github.com/duban-project/duban/services/aggregation/figures/facts"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
	"github.com/duban-project/duban/services/internal/store"
)

// Fold takes changes into the figures. What it was given is written by Flush,
// which MUST be called in the same transaction. After an error the transaction
// MUST fail.
type Fold struct {
	tx      store.Tx
	tree    *tree
	at      moment                       // when what is taken in took effect
	stretch moment                       // the first moment of its stretch
	name    string                       // of the record that is taken in
	facts   map[string]*aggregation.Fact // of this fold, to be written
	places  map[place]*row
	rows    map[string]*row    // what is to be added, by key
	known   map[string]changes // the same, by when it became known
	journal map[string][]byte
	ended   *ended.Notes // what reports had told, and records tell since
	*reported.Claims
}

// New returns a fold within tx.
func New(tx store.Tx) *Fold {
	f := &Fold{
		tx: tx, tree: newTree(tx), facts: map[string]*aggregation.Fact{}, places: map[place]*row{}, rows: map[string]*row{},
		known: map[string]changes{}, journal: map[string][]byte{}, ended: ended.New(tx),
	}
	f.Claims = reported.New(tx, reported.Counter{Report: f.report, Feed: f.takeBack, End: f.end})
	return f
}

// At says when what is taken in from now on took effect. It MUST be called
// before anything is. The time of one feed MUST NOT go back, nor that of the moves
// within one installation.
func (f *Fold) At(t time.Time) (err error) {
	at := momentOf(t)
	if at == f.at {
		return nil
	}
	f.at, f.Moment = at, int64(at)
	f.stretch, err = f.tree.stretch(at)
	return err
}

// Day is the civil day of the fold's moment.
func (f *Fold) Day() string { return f.at.day() }

// Path returns the unit and those above it, as far as the tree is folded, nearest
// first.
func (f *Fold) Path(unit string) ([]string, error) { return f.tree.path(unit, never) }

// Record replaces what the record of that name counts by what rule makes of it,
// if the change took effect on day.
func (f *Fold) Record(name string, rule func(before *aggregation.Fact, day string) aggregation.Fact) error {
	before, err := f.fact(name)
	if err != nil {
		return err
	}
	f.name = name
	day := f.at.day()
	after := rule(before, day)
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
	b, there, err := store.Seek(f.tx, factsBucket, []byte(name))
	if err != nil || !there {
		return &aggregation.Fact{}, err
	}
	return facts.Decode(name, b)
}

// count takes one delta of a feed in, unless reports have the figure.
func (f *Fold) count(d aggregation.Delta) error {
	switch d, ours, err := f.Admit(d, f.at.day()); {
	case err != nil:
		return err
	case ours:
		return f.add(kindOf(d.Metric), d)
	default:
		return nil
	}
}

var errNoMoment = errors.New("figures: what is counted took effect at no moment")

// add counts a delta in the unit and those above it.
func (f *Fold) add(k kind, d aggregation.Delta) error {
	if f.at == ever {
		return errNoMoment
	}
	f.note(k, d)
	gather(f.places, k, d, f.stretch)
	return nil
}

// report counts what a figure of a report changes. Also what is overdue stands, until
// the next report says otherwise. What a record puts an end to, as it is counted late,
// ends no earlier than it was known.
func (f *Fold) report(r reported.Figure, d aggregation.Delta) error {
	k := kindOf(d.Metric)
	if k == dues {
		k = stands
	}
	return f.late("reports/"+r.Source, moment(r.Moment), func() error { return f.add(k, d) })
}

// takeBack takes back what the feed had counted, no earlier than that was known.
func (f *Fold) takeBack(d aggregation.Delta, known int64) error {
	return f.late("feeds", moment(known), func() error { return f.add(kindOf(d.Metric), d) })
}

// late lets do count something of that name, which was known no earlier than a moment.
func (f *Fold) late(name string, known moment, do func() error) (err error) {
	was, at, stretch := f.name, f.at, f.stretch
	defer func() { f.name, f.at, f.stretch = was, at, stretch }()
	f.name = name
	if known > at {
		if f.stretch, err = f.tree.stretch(known); err != nil {
			return err
		}
		f.at = known
	}
	return do()
}

// gather puts a delta in its place.
func gather(places map[place]*row, k kind, d aggregation.Delta, stretch moment) {
	s := own
	if d.Accepted {
		s = accepted
	}
	at := place{d.Cell, k, d.Day, stretch}
	if places[at] == nil {
		places[at] = &row{}
	}
	places[at].add(slotOf(d.Metric, s), d.N)
}

// shift takes r off the units that something leaves and adds it to those that it
// enters.
func (f *Fold) shift(way way, to part, r row) {
	less := r.negative()
	for _, unit := range way.leaving {
		f.put(unit, to, less)
	}
	for _, unit := range way.entering {
		f.put(unit, to, r)
	}
}

// part is a part of a unit's figures: in those cuts, on a day of an axis, and known
// since a moment.
type part struct {
	cuts      []string
	axis, day string
	known     moment
}

// put adds r to a part of the figures of one unit.
func (f *Fold) put(unit string, to part, r row) {
	unit, spans, since := under(unit), spans(to.day), to.known.key()
	for _, cut := range to.cuts {
		for _, span := range spans {
			key := to.axis + unit + cut + span.key
			sum := f.rows[key]
			if sum == nil {
				sum = &row{}
				f.rows[key] = sum
			}
			sum.merge(r, span.part)
		}
		key := since + unit + cut
		if f.known[key] == nil {
			f.known[key] = changes{}
		}
		f.known[key].add(to.axis, to.day, r)
	}
}

// Flush writes what was taken in.
func (f *Fold) Flush() error {
	if err := errors.Join(f.Settle(), f.spread()); err != nil {
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
	for _, key := range slices.Sorted(maps.Keys(f.known)) {
		if err := writeChanges(f.tx, key, f.known[key]); err != nil {
			return err
		}
	}
	clear(f.facts)
	clear(f.rows)
	clear(f.known)
	return errors.Join(f.writeJournal(), f.ended.Flush(), f.Claims.Flush())
}

// spread turns places into rows of every unit on their ways.
func (f *Fold) spread() error {
	for at, r := range f.places {
		cuts := cuts(at.cell)
		err := f.tree.spread(at, *r, func(unit, day string, known moment, r row) {
			f.put(unit, part{cuts, at.kind.axis(), day, known}, r)
		})
		if err != nil {
			return err
		}
	}
	clear(f.places)
	return nil
}

func (f *Fold) writeRow(key string, r row) error {
	if len(r) == 0 {
		return nil
	}
	b, _, err := store.Seek(f.tx, rowsBucket, []byte(key))
	if err != nil {
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
	return f.tx.Put(factsBucket, []byte(name), facts.Encode(fact))
}

// end notes, under all above its unit, that what d says is of reports ended on its day.
func (f *Fold) end(d aggregation.Delta) error {
	path, err := f.tree.path(d.Unit, never)
	if err == nil {
		f.ended.Add(path, d)
	}
	return err
}
