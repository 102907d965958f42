package figures

import (
	"time"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Past tells figures as they were known at a moment: what became known later is
// taken off what is known now. That costs one small row of a unit for each later
// day, and what changed on the moment's own day after it.
type Past struct {
	tx      store.Tx
	at      moment
	stretch moment
	after   []moment           // the later stretches, in which anything changed
	cut     Query              // whose campaign, category and source it is for
	rest    map[string]changes // of units, in what was left of the stretch; nil: not read yet
	later   map[string]changes // of units, since the moment
}

// NewPast returns the past as it was known at a moment, of the cut of q.
func NewPast(tx store.Tx, at time.Time, q Query) (*Past, error) {
	stretch, err := newTree(tx).stretch(momentOf(at))
	if err != nil {
		return nil, err
	}
	after, err := stretchesAfter(tx, stretch)
	return &Past{tx: tx, at: momentOf(at), stretch: stretch, after: after, cut: q, later: map[string]changes{}}, err
}

// since returns what became known of the figures of q after the moment.
func (p *Past) since(q Query) (changes, error) {
	unit := q.rowsOf()
	if c, ok := p.later[unit]; ok {
		return c, nil
	}
	if err := p.readRest(); err != nil {
		return nil, err
	}
	c := changes{}
	c.merge(p.rest[unit])
	for _, stretch := range p.after {
		if err := p.add(c, q, stretch); err != nil {
			return nil, err
		}
	}
	p.later[unit] = c
	return c, nil
}

// add adds what became known of the figures of q in a later stretch.
func (p *Past) add(c changes, q Query, stretch moment) error {
	campaigns, err := q.campaigns(p.tx, knownBucket, stretch.key())
	if err != nil {
		return err
	}
	for _, campaign := range campaigns {
		b, _, err := store.Seek(p.tx, knownBucket, []byte(stretch.key()+q.base(campaign)))
		if err == nil {
			err = decodeChanges(b, func(at change, n int64) { c[at] += n })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readRest reads what became known in the rest of the moment's stretch.
func (p *Past) readRest() error {
	if p.rest != nil {
		return nil
	}
	p.rest = map[string]changes{}
	places := map[place]*row{}
	err := readJournal(p.tx, p.stretch, p.at, func(k kind, d aggregation.Delta) {
		if p.cut.holds(d.Cell) {
			gather(places, k, d, p.stretch)
		}
	})
	if err != nil {
		return err
	}
	tree := newTree(p.tx)
	for at, r := range places {
		if err := p.spread(tree, at, *r); err != nil {
			return err
		}
	}
	return nil
}

func (p *Past) spread(tree *tree, at place, r row) error {
	return tree.spread(at, r, func(unit, day string, known moment, r row) {
		if known > p.stretch {
			return // kept with the stretch in which the unit moved
		}
		if p.rest[unit] == nil {
			p.rest[unit] = changes{}
		}
		p.rest[unit].add(at.kind.axis(), day, r)
	})
}

// takeOff takes what became known later off the values of q.
func (p *Past) takeOff(q Query, wanted aggregation.Set, values *Values) error {
	later, err := p.since(q)
	if err != nil {
		return err
	}
	start, end, today := int32(0), packed(q.End), packed(q.Today)
	if q.Start != "" {
		start = packed(q.Start)
	}
	for at, n := range later {
		m := at.slot.metric()
		if !wanted.Has(m) || !q.seen(at.slot.standing()) {
			continue
		}
		last := end
		if kindOf(m) == dues {
			last = today
		}
		switch {
		case at.axis == byDue[0] && at.day < today,
			at.axis == byDay[0] && at.day <= last && (kindOf(m) != flows || at.day >= start):
			values[m] -= n
		}
	}
	return nil
}
