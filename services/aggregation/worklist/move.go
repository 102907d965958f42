package worklist

import (
	"errors"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/internal/store"
)

// Move takes a unit, with all beneath it, from those above it before to those
// above it now, by its paths, and notes whether it was merged into the one above
// it. What awaited its superior awaits the new one.
func (l *List) Move(before, now []string, merged bool) error {
	was, err := l.merged(now[0])
	if err != nil || was == merged && (len(before) < 2 || slices.Equal(before, now)) {
		return err
	}
	handed, err := l.handed(before)
	if err != nil {
		return err
	}
	if merged {
		if err := l.tx.Put(mergedBucket, mergedKey(now[0]), nil); err != nil {
			return err
		}
	}
	if len(before) > 1 {
		if err := l.carry(before, now); err != nil {
			return err
		}
	}
	return errors.Join(l.hand(handed), l.adopt(now[0]))
}

// adopt has what awaits the leaders of a unit that was merged into the topmost one, or of one
// that was merged into it before, await all who do it there.
func (l *List) adopt(unit string) error {
	path, err := l.heirs(unit)
	if err != nil || !l.topmost(path) || path[0] == unit {
		return err
	}
	items, err := l.led(unit)
	for _, item := range items {
		err = errors.Join(err, l.remove(item))
	}
	return errors.Join(err, l.hand(items))
}

// led is what awaits the leaders of a unit, or of one that was merged into it, where a superior
// could do it too.
func (l *List) led(unit string) (items []*Item, err error) {
	for _, below := range []bool{false, true} {
		for item, err := range Read(l.tx, unit, below, "") {
			if err != nil {
				return nil, err
			}
			apart, err := l.apart(item, unit)
			if err != nil {
				return nil, err
			}
			if !apart && duties[item.GetAction()].side == above && item.GetUnit() == item.GetOwner() {
				items = append(items, item)
			}
		}
	}
	return items, nil
}

func mergedKey(unit string) []byte { return []byte(strings.TrimPrefix(unit, "units/")) }

// merged says whether the unit was merged into the one above it.
func (l *List) merged(unit string) (bool, error) {
	_, there, err := store.Seek(l.tx, mergedBucket, mergedKey(unit))
	return there, err
}

// heirs is the path of the unit that one was merged into, or its own.
func (l *List) heirs(unit string) ([]string, error) {
	path, err := l.path(unit)
	if err != nil {
		return nil, err
	}
	return l.living(path)
}

// living is the part of a path from the first unit on that was merged into none.
func (l *List) living(path []string) ([]string, error) {
	for i, unit := range path {
		if merged, err := l.merged(unit); err != nil || !merged {
			return path[i:], err
		}
	}
	return nil, nil
}

// carry takes what stands in the lists of a unit from those above it before to
// those above it now.
func (l *List) carry(before, now []string) error {
	for _, list := range []string{itself, beneath} {
		from, to := store.Prefix(begin(before[0], list))
		for e, err := range l.tx.Scan(listsBucket, from, to) {
			if err != nil {
				return err
			}
			if err := l.shift(string(e.Key[len(from):]), e.Value, before[1:], now[1:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// hand gives what awaited an old superior to the new one, if there is one.
func (l *List) hand(items []*Item) (err error) {
	for _, item := range items {
		item.Unit = ""
		if item.Unit, err = l.turn(item); err != nil {
			return err
		}
		if item.Unit == "" {
			continue
		}
		if err := l.add(item); err != nil {
			return err
		}
	}
	return nil
}

// handed takes what may await another by the move out of all lists: what awaits the
// unit's old superior because of the unit, or of what was merged into it, and what awaits
// a bureau that found it, there or higher.
func (l *List) handed(before []string) (items []*Item, err error) {
	for i, unit := range before {
		for item, err := range Read(l.tx, unit, false, "") {
			if err != nil {
				return nil, err
			}
			stays, err := l.stays(item, before, i)
			if err != nil {
				return nil, err
			}
			if !stays {
				items = append(items, item)
			}
		}
	}
	old := List{tx: l.tx, path: func(unit string) ([]string, error) { return before[slices.Index(before, unit):], nil }}
	for _, item := range items {
		if err := old.remove(item); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// stays says whether an item that awaits the i-th of the units has nothing to do with
// the move of the first.
func (l *List) stays(item *Item, before []string, i int) (bool, error) {
	if item.GetFoundBy() != "" {
		return false, nil
	}
	above, err := l.living(before)
	if err != nil || len(above) < 2 || before[i] != above[1] {
		return true, err
	}
	return l.apart(item, before[0])
}

// apart says whether the item's record is neither the unit's nor that of one that was
// merged into it.
func (l *List) apart(item *Item, unit string) (bool, error) {
	path, err := l.path(item.GetOwner())
	if err != nil {
		return false, err
	}
	for _, u := range path {
		if u == unit {
			return false, nil
		}
		if merged, err := l.merged(u); err != nil || !merged {
			return true, err
		}
	}
	return true, nil
}

// shift takes an item out of the lists of some units and puts it into those of
// others.
func (l *List) shift(rest string, item []byte, leaving, entering []string) error {
	for _, unit := range leaving {
		if err := l.tx.Delete(listsBucket, []byte(begin(unit, beneath)+rest)); err != nil {
			return err
		}
	}
	for _, unit := range entering {
		if err := l.tx.Put(listsBucket, []byte(begin(unit, beneath)+rest), item); err != nil {
			return err
		}
	}
	return nil
}
