package change

import (
	"iter"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/page"
)

// Registry is a list that is part of the program, such as the metrics or the
// templates that ship with it. No two items have one name. Whoever may call the
// method sees all of it.
type Registry[T named] []T

// Get returns the item of that name, or authz.ErrNotFound.
func (r Registry[T]) Get(name string) (item T, err error) {
	for _, item := range r {
		if item.GetName() == name {
			return item, nil
		}
	}
	return item, authz.ErrNotFound
}

// List returns a page of the items that the request's filter lets pass, in the
// order of their names.
func (r Registry[T]) List(tokens *page.Tokens, req Listing) (items []T, next string, err error) {
	cut, err := newCut[T](tokens, req)
	if err != nil {
		return nil, "", err
	}
	most := page.Most{Items: page.Size(req.GetPageSize())}
	return cut.page(r.behind(cut.after), most, func(item T) (T, bool, error) { return item, cut.filter.Match(item), nil })
}

// behind yields the items whose name comes after that one.
func (r Registry[T]) behind(name string) iter.Seq2[T, error] {
	ordered := slices.SortedFunc(slices.Values(r), func(a, b T) int { return strings.Compare(a.GetName(), b.GetName()) })
	return func(yield func(T, error) bool) {
		for _, item := range ordered {
			if item.GetName() > name && !yield(item, nil) {
				return
			}
		}
	}
}
