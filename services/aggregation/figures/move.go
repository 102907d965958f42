package figures

import (
	"errors"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Unit says under which unit another lies since the end of the day. If it lay
// elsewhere, all that counts in it moves: what came since that day, what stands
// on that day and what is due leaves those above it before and enters those
// above it now; what came earlier stays.
func (f *Fold) Unit(name, above, day string) error {
	parents, err := f.tree.parents(name)
	if err != nil {
		return err
	}
	now := parent{day, above}
	parents = slices.Clone(parents)
	switch last := len(parents) - 1; {
	case last < 0:
		now.since = ""
		parents = []parent{now}
	case parents[last].unit == above:
		return nil
	case parents[last].since >= day:
		now.since = parents[last].since
		parents[last] = now
	default:
		parents = append(parents, now)
	}
	return f.move(name, parents, now.since)
}

func (f *Fold) move(name string, parents []parent, day string) error {
	if err := f.Flush(); err != nil {
		return err
	}
	before, err := f.tree.path(name, end)
	if err != nil {
		return err
	}
	if err := f.tree.put(name, parents); err != nil {
		return err
	}
	clear(f.paths)
	now, err := f.tree.path(name, end)
	if err != nil {
		return err
	}
	leaving, entering := without(before, now), without(now, before)
	return errors.Join(f.shiftRows(name, day, leaving, entering), f.shiftOwed(name, leaving, entering), f.Flush())
}

// shiftRows moves what counts in the unit. Only the rows of single days are
// read: months and years follow from them.
func (f *Fold) shiftRows(unit, day string, leaving, entering []string) error {
	from, to := store.Prefix(under(unit))
	var cut string
	var standing row // in that cut, before day
	settle := func() {
		if len(standing) > 0 {
			f.shift(leaving, entering, []string{cut}, byDay, day, standing)
		}
		standing = nil
	}
	for e, err := range f.tx.Scan(rowsBucket, from, to) {
		if err != nil {
			return err
		}
		key := string(e.Key)
		i := strings.LastIndex(key, zero) + 1
		if c := key[len(from):i]; c != cut {
			settle()
			cut = c
		}
		r, err := decode(key, e.Value)
		if err != nil {
			return err
		}
		r = seenAbove(r)
		switch span := key[i:]; {
		case !strings.HasPrefix(span, byDay+"d") && !strings.HasPrefix(span, byDue+"d"):
		case strings.HasPrefix(span, byDay) && span[2:] < day:
			for _, a := range r {
				if standsOn(a.slot.metric()) {
					standing.add(a.slot, a.n)
				}
			}
		default:
			f.shift(leaving, entering, []string{cut}, span[:1], span[2:], r)
		}
	}
	settle()
	return nil
}

// seenAbove is the row as those above count it.
func seenAbove(r row) (above row) {
	for _, a := range r {
		above.add(a.slot.seenAbove(), a.n)
	}
	return above
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
	path, err := f.tree.path(fact.Unit, end)
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
	return []string{any, strings.TrimPrefix(campaign, "campaigns/")}
}

// shiftOwed moves what is owed by a unit and all beneath it.
func (f *Fold) shiftOwed(unit string, leaving, entering []string) error {
	from, to := store.Prefix(under(unit))
	for e, err := range f.tx.Scan(owedBucket, from, to) {
		if err != nil {
			return err
		}
		rest := string(e.Key[len(from):])
		for _, u := range leaving {
			if err := f.tx.Delete(owedBucket, []byte(under(u)+rest)); err != nil {
				return err
			}
		}
		for _, u := range entering {
			if err := f.tx.Put(owedBucket, []byte(under(u)+rest), e.Value); err != nil {
				return err
			}
		}
	}
	return nil
}
