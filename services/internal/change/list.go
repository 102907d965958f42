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

// List returns a page of the records that read yields, that the caller may see
// and that the request's filter lets pass, in the order of their names. read
// starts after the record of that name.
func (k *Kind[T]) List(ctx context.Context, req Listing, read func(tx *Tx, after string) (iter.Seq2[T, error], error)) (items []T, next string, err error) {
	var zero T
	filter, err := page.ParseFilter(req.GetFilter(), zero.ProtoReflect().Descriptor())
	if err != nil {
		return nil, "", err
	}
	after, err := k.Book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, "", err
	}
	err = k.Book.View(ctx, func(tx *Tx) error {
		records, err := read(tx, after)
		if err != nil {
			return err
		}
		var broken error
		items, next, err = page.Collect(records, page.Size(req.GetPageSize()), 0, func(r T) bool {
			return filter.Match(r) && k.visible(tx, r, &broken)
		}, func(r T) string { return r.GetName() })
		return errors.Join(err, broken)
	})
	return items, k.Book.Tokens.Encode(next, req), err
}

// visible says whether the caller may read the record. What goes wrong in
// finding out goes to broken.
func (k *Kind[T]) visible(tx *Tx, r T, broken *error) bool {
	err := k.may(tx, r)
	if err != nil && !errors.Is(err, authz.ErrNotFound) && !errors.Is(err, authz.ErrDenied) {
		*broken = err
	}
	return err == nil
}
