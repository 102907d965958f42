package worklist

import (
	"iter"
	"slices"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// Find returns what a record asks of a unit by an action, or nil.
func Find(tx store.Tx, unit, subject string, action aggregationv1.WorkItem_Action) (*Item, error) {
	b, there, err := store.Seek(tx, subjectsBucket, subjectKey(&Item{Subject: subject, Action: action}))
	if err != nil || !there {
		return nil, err
	}
	item, err := decode(b)
	if err != nil || item.GetUnit() != unit {
		return nil, err
	}
	return item, nil
}

// Read yields what awaits a unit, or those beneath it, by due date, behind the
// place of that item.
func Read(tx store.Tx, unit string, below bool, after string) iter.Seq2[*Item, error] {
	list := itself
	if below {
		list = beneath
	}
	from, to := store.Prefix(begin(unit, list))
	if after != "" {
		from = []byte(begin(unit, list) + after + zero)
	}
	return func(yield func(*Item, error) bool) {
		for e, err := range tx.Scan(listsBucket, from, to) {
			var item *Item
			if err == nil {
				item, err = decode(e.Value)
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// Behind yields items in the order of lists, behind the place of that item.
func Behind(items []*Item, after string) iter.Seq2[*Item, error] {
	slices.SortFunc(items, func(a, b *Item) int { return strings.Compare(Place(a), Place(b)) })
	return func(yield func(*Item, error) bool) {
		for _, item := range items {
			if Place(item) > after && !yield(item, nil) {
				return
			}
		}
	}
}

// Place is where an item stands in every list that has it.
func Place(item *Item) string { return rest(item) }
