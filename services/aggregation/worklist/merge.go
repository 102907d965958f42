package worklist

import (
	"iter"
	"strings"
)

// Merge yields the items of lists in their common order, each once.
func Merge(lists []iter.Seq2[*Item, error]) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		var heads []*front
		for _, list := range lists {
			next, stop := iter.Pull2(list)
			defer stop()
			heads = append(heads, &front{next: next})
		}
		last := ""
		for first := least(heads); first != nil; first = least(heads) {
			if first.err != nil {
				yield(nil, first.err)
				return
			}
			item := first.item
			first.item = nil
			if place := Place(item); place != last {
				if !yield(item, nil) {
					return
				}
				last = place
			}
		}
	}
}

// front is the first item of a list that is left.
type front struct {
	next func() (*Item, error, bool)
	item *Item
	err  error
	done bool
}

// least is the list whose front comes first, or nil.
func least(heads []*front) (first *front) {
	for _, h := range heads {
		if h.item == nil && !h.done {
			var ok bool
			h.item, h.err, ok = h.next()
			h.done = !ok
		}
		switch {
		case h.err != nil:
			return h
		case h.done:
		case first == nil || strings.Compare(Place(h.item), Place(first.item)) < 0:
			first = h
		}
	}
	return first
}
