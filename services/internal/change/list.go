package change

import (
	"context"
	"errors"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/page"
)

// Listing is what every request for a list has (AIP-158, AIP-160).
type Listing interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
	GetFilter() string
}

// Keep says whether a list that was asked for has the record, whoever may see it.
type Keep[T Record] func(*Tx, T) (bool, error)

// List returns a page of the records that read yields, that keep lets pass, that
// the caller may see and that, as it is shown them, the request's filter lets
// pass, in the order of their names. read starts after the record of that name.
// It MUST yield whatever it comes across and leave skipping to keep: what is
// skipped counts against the work of a page.
func (k *Kind[T]) List(ctx context.Context, req Listing, read func(tx *Tx, after string) (iter.Seq2[T, error], error), keep ...Keep[T]) (items []T, next string, err error) {
	return k.upTo(ctx, req, page.Most{Items: page.Size(req.GetPageSize())}, read, keep)
}

// All is List without pages: at most so many records, and whether there may be more.
func (k *Kind[T]) All(ctx context.Context, req Listing, most int, read func(tx *Tx, after string) (iter.Seq2[T, error], error)) (items []T, more bool, err error) {
	items, next, err := k.upTo(ctx, req, page.Most{Items: most, Bytes: page.FileBytes}, read, nil)
	return items, next != "", err
}

func (k *Kind[T]) upTo(ctx context.Context, req Listing, most page.Most, read func(tx *Tx, after string) (iter.Seq2[T, error], error), keep []Keep[T]) (items []T, next string, err error) {
	cut, err := newCut[T](k.Book.Tokens, req)
	if err != nil {
		return nil, "", err
	}
	err = k.Book.View(ctx, func(tx *Tx) error {
		records, err := read(tx, cut.after)
		if err != nil {
			return err
		}
		items, next, err = cut.page(records, most, func(r T) (T, bool, error) { return k.listed(tx, r, keep, cut.filter) })
		return err
	})
	return items, next, err
}

// By returns what List reads for a request that may name a value of an indexed
// field: the records under it, or all if it is empty.
func (k *Kind[T]) By(field, value string) func(tx *Tx, after string) (iter.Seq2[T, error], error) {
	return func(tx *Tx, after string) (iter.Seq2[T, error], error) {
		if value == "" {
			return k.Scan(tx, after, ""), nil
		}
		return k.Lookup(tx, field, value, after), nil
	}
}

// Of is By for the unit of records: a unit that is named MUST be one that the
// caller may act in.
func (k *Kind[T]) Of(unit string) func(tx *Tx, after string) (iter.Seq2[T, error], error) {
	return func(tx *Tx, after string) (iter.Seq2[T, error], error) {
		if unit != "" {
			if err := tx.Check(unit); err != nil {
				return nil, err
			}
		}
		return k.By("unit", unit)(tx, after)
	}
}

// listed says whether a list has the record, and as what. What the caller may not
// see is left out before the filter looks at anything.
func (k *Kind[T]) listed(tx *Tx, r T, keep []Keep[T], filter page.Filter) (shown T, kept bool, err error) {
	for _, keep := range keep {
		if kept, err := keep(tx, r); !kept || err != nil {
			return r, false, err
		}
	}
	switch err := k.may(tx, r); {
	case errors.Is(err, authz.ErrNotFound), errors.Is(err, authz.ErrDenied):
		return r, false, nil
	case err != nil:
		return r, false, err
	}
	shown, err = k.Shown(tx, r)
	return shown, err == nil && filter.Match(shown), err
}

// named is whatever a list has its order by.
type named interface {
	proto.Message
	GetName() string
}

// cut is where a page begins and which records it shows.
type cut[T named] struct {
	tokens *page.Tokens
	req    Listing
	after  string
	filter page.Filter
}

func newCut[T named](tokens *page.Tokens, req Listing) (c cut[T], err error) {
	var zero T
	c = cut[T]{tokens: tokens, req: req}
	if c.filter, err = page.ParseFilter(req.GetFilter(), zero.ProtoReflect().Descriptor()); err != nil {
		return c, err
	}
	c.after, err = tokens.Decode(req.GetPageToken(), req)
	return c, err
}

// page returns the records of a page of at most that and the token of the next.
func (c cut[T]) page(records iter.Seq2[T, error], most page.Most, show func(T) (T, bool, error)) ([]T, string, error) {
	items, next, err := page.Collect(records, most, show, T.GetName)
	return items, c.tokens.Encode(next, c.req), err
}
