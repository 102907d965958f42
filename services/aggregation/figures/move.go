package figures

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures/ended"
	"github.com/duban-project/duban/services/internal/store"
)

// Unit says under which unit another lies from the fold's moment on, also if what
// took effect later is counted already. If it lay
// elsewhere, all that counts in it moves: what came since the beginning of that
// day, what stands on it and what is due leaves those above it before and enters
// those above it now; what came earlier stays.
func (f *Fold) Unit(name, above string) error {
	parents, err := f.tree.parents(name)
	if err != nil {
		return err
	}
	now := parent{f.at, above}
	parents = slices.Clone(parents)
	switch last := len(parents) - 1; {
	case last < 0:
		now.since = ever
		parents = []parent{now}
	case parents[last].unit == above:
		return nil
	case parents[last].since >= f.at:
		now.since = parents[last].since
		parents[last] = now
	default:
		parents = append(parents, now)
	}
	return f.move(name, parents, now.since)
}

func (f *Fold) move(name string, parents []parent, since moment) error {
	if err := f.Flush(); err != nil {
		return err
	}
	before, err := f.tree.path(name, never)
	if err != nil {
		return err
	}
	if err := errors.Join(f.split(since), f.Flush()); err != nil {
		return err
	}
	if err := f.tree.put(name, parents); err != nil {
		return err
	}
	if f.stretch, err = f.tree.stretch(f.at); err != nil {
		return err
	}
	now, err := f.tree.path(name, never)
	if err != nil {
		return err
	}
	way := between(before, now)
	err = errors.Join(f.shiftListed(owedBucket, name, way), f.shiftListed(ended.Bucket, name, way))
	if since == ever {
		return errors.Join(err, f.shiftInTime(name, before), f.Flush())
	}
	return errors.Join(err, f.shiftSince(name, since, way), f.Flush())
}

// shiftInTime moves what counted in a unit, when only it was on its path, along with it
// wherever those above it have moved: a report may be taken before the tree has its unit.
func (f *Fold) shiftInTime(unit string, path []string) error {
	for since := ever; since != never; {
		now, err := f.tree.path(unit, since)
		if err == nil {
			err = f.shiftSince(unit, since, between(path, now))
		}
		if err != nil {
			return err
		}
		path = now
		if since, err = f.tree.turn(path, since); err != nil {
			return err
		}
	}
	return nil
}

// shiftSince moves what counts in a unit since a moment, at which the tree turned.
func (f *Fold) shiftSince(unit string, since moment, way way) (err error) {
	for _, axis := range axes {
		s := shifting{fold: f, axis: axis, day: since.day(), since: since, way: way}
		err = errors.Join(err, s.rows(unit))
	}
	return errors.Join(err, f.shiftLater(unit, since, way))
}

// shifting moves what counts in a unit on an axis, cut by cut.
type shifting struct {
	fold     *Fold
	axis     string
	day      string
	since    moment
	way      way
	cut      string
	standing row // in the cut, before day
}

// rows moves what counts in the unit. Only the rows of months are read: days are in
// them, and years follow from them.
func (s *shifting) rows(unit string) error {
	from, to := store.Prefix(s.axis + under(unit))
	for e, err := range s.fold.tx.Scan(rowsBucket, from, to) {
		if err != nil {
			return err
		}
		key := string(e.Key)
		i := strings.LastIndex(key, zero) + 1
		s.enter(key[len(from):i])
		if span := key[i:]; span[0] == 'm' {
			if err := each(e.Value, func(at slot, n int64) { s.amount(span[1:], at.seenAbove(), n) }); err != nil {
				return fmt.Errorf("%w: %q", err, key)
			}
		}
	}
	s.enter("")
	return nil
}

// enter goes on to a cut; what stood in the one before moves on day.
func (s *shifting) enter(cut string) {
	if cut == s.cut {
		return
	}
	if len(s.standing) > 0 {
		s.fold.shift(s.way, part{[]string{s.cut}, byDay, s.day, s.since}, s.standing)
	}
	s.cut, s.standing = cut, nil
}

// amount moves one of the row of a month.
func (s *shifting) amount(month string, at slot, n int64) {
	day := fmt.Sprintf("%s-%02d", month, at.part())
	at = at.without()
	switch {
	case s.axis == byDue || day >= s.day:
		s.fold.shift(s.way, part{[]string{s.cut}, s.axis, day, s.since}, row{{at, n}})
	case standsOn(at.metric()):
		s.standing.add(at, n)
	}
}

// owes writes what the unit of a record owes by it, under all above the unit.
func (f *Fold) owes(name string, before, after *aggregation.Fact) error {
	if before.Owes == after.Owes && before.Cell == after.Cell {
		return nil
	}
	if err := f.eachOwed(name, before, func(key string) error { return f.tx.Delete(owedBucket, []byte(key)) }); err != nil {
		return err
	}
	return f.eachOwed(name, after, func(key string) error { return f.tx.Put(owedBucket, []byte(key), []byte(after.Unit)) })
}

func (f *Fold) eachOwed(name string, fact *aggregation.Fact, do func(key string) error) error {
	if fact.Owes == "" {
		return nil
	}
	path, err := f.tree.path(fact.Unit, never)
	if err != nil {
		return err
	}
	for _, unit := range path {
		for _, campaign := range owedCuts(fact.Campaign) {
			if err := do(under(unit) + campaign + zero + fact.Owes + zero + name); err != nil {
				return err
			}
		}
	}
	return nil
}

func owedCuts(campaign string) []string {
	if campaign == "" {
		return []string{any}
	}
	return []string{any, owedCut(campaign)}
}

// owedCut is the part of keys that stands for a campaign; "" is any.
func owedCut(campaign string) string {
	return cmp.Or(strings.TrimPrefix(campaign, "campaigns/"), any)
}

// shiftListed moves what a bucket lists of a unit and all beneath it.
func (f *Fold) shiftListed(bucket, unit string, way way) error {
	from, to := store.Prefix(under(unit))
	for e, err := range f.tx.Scan(bucket, from, to) {
		if err != nil {
			return err
		}
		rest := string(e.Key[len(from):])
		for _, u := range way.leaving {
			if err := f.tx.Delete(bucket, []byte(under(u)+rest)); err != nil {
				return err
			}
		}
		for _, u := range way.entering {
			if err := f.tx.Put(bucket, []byte(under(u)+rest), e.Value); err != nil {
				return err
			}
		}
	}
	return nil
}
