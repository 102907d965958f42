package figures

import (
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// What an installation below tells of its tree may come late: after changes of
// others that took effect later are counted. What became known since is then kept
// as if the tree had turned before.

// split ends a stretch at a moment within it: what is known since belongs to the
// stretch that begins there. It MUST be called before the tree turns.
func (f *Fold) split(at moment) error {
	old, err := f.tree.stretch(at)
	if err != nil || old == at {
		return err
	}
	places := map[place]*row{}
	err = readJournal(f.tx, old, at-1, func(k kind, d aggregation.Delta) {
		gather(places, k, d, old)
	})
	if err != nil {
		return err
	}
	for p, r := range places {
		if err := f.postpone(p, *r, at); err != nil {
			return err
		}
	}
	return f.splitJournal(old, at)
}

// postpone lets what counts in a place be known since a later moment of its
// stretch.
func (f *Fold) postpone(p place, r row, since moment) error {
	cuts := cuts(p.cell)
	return f.tree.spread(p, r, func(unit, day string, known moment, r row) {
		if known == p.known {
			f.put(unit, part{cuts, p.kind.axis(), day, known}, r.negative())
			f.put(unit, part{cuts, p.kind.axis(), day, since}, r)
		}
	})
}

// splitJournal writes what took effect at a moment or later under the stretch that
// begins there.
func (f *Fold) splitJournal(old, at moment) error {
	var later []store.Entry
	for e, err := range f.tx.Scan(journalBucket, []byte(old.key()+at.key()), []byte((old + 1).key())) {
		if err != nil {
			return err
		}
		later = append(later, e)
	}
	for _, e := range later {
		if err := f.tx.Put(journalBucket, append([]byte(at.key()), e.Key[len(at.key()):]...), e.Value); err != nil {
			return err
		}
		if err := f.tx.Delete(journalBucket, e.Key); err != nil {
			return err
		}
	}
	return nil
}

// shiftLater corrects what shiftRows moved though it became known only after the
// unit did: it moves when it became known.
func (f *Fold) shiftLater(unit string, since moment, way way) error {
	after, err := stretchesAfter(f.tx, since)
	if err != nil {
		return err
	}
	for _, known := range after {
		from, to := store.Prefix(known.key() + under(unit))
		for e, err := range f.tx.Scan(knownBucket, from, to) {
			if err != nil {
				return err
			}
			if err := f.shiftChanges(string(e.Key[len(from):]), e.Value, since, known, way); err != nil {
				return err
			}
		}
	}
	return nil
}

// shiftChanges is shiftLater of what became known of one cut.
func (f *Fold) shiftChanges(cut string, b []byte, since, known moment, way way) error {
	return decodeChanges(b, func(c change, n int64) {
		if day, moves := c.moved(since.day()); moves {
			r := row{{c.slot.seenAbove(), n}}
			f.shift(way, part{[]string{cut}, string(c.axis), day, since}, r.negative())
			f.shift(way, part{[]string{cut}, string(c.axis), day, known}, r)
		}
	})
}

// moved says whether and on which day a change leaves with a unit that moves on
// that day: see shifting.amount.
func (c change) moved(day string) (on string, moves bool) {
	switch at := unpacked(c.day); {
	case c.axis == byDue[0] || at >= day:
		return at, true
	default:
		return day, standsOn(c.slot.metric())
	}
}
