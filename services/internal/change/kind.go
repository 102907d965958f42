package change

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/portal"
	"github.com/duban-project/duban/services/internal/store"
)

// Record is a resource as the API shows it, which is also how it is stored.
type Record interface {
	proto.Message
	GetName() string
	GetEtag() string
}

// Kind is one kind of record of a service.
type Kind[T Record] struct {
	Book *Book
	// Unit returns the unit whose record it is.
	Unit func(T) string
	// May, if set, decides instead of Tx.Knows whether the caller may act on the
	// record. It answers authz.ErrNotFound for what the caller may not know of, and
	// MUST leave to portals what is public alone.
	May func(*Tx, T) error
	// Gone, if set, says of which records nobody may know any more: they are deleted, and
	// kept for what still speaks of them.
	Gone func(T) bool
	// Show, if set, returns what the caller may know of a record that it may read; of
	// that portals are shown what portal.Shown has of it. Get and List answer with it, and
	// filters look at nothing else. It MUST NOT change the record.
	Show func(*Tx, T) (T, error)
	// Real kinds go by real time in a simulation too, as what they say of time does.
	Real bool
	// Over kinds say something of a unit and change nothing that is kept of it: the unit
	// may be one that an installation below keeps.
	Over bool
	// Still kinds write nothing, and no entry, for a change that leaves the record as
	// it is.
	Still bool
}

// table names the bucket after the message, by which fsck finds the records that
// the feed speaks of.
func (k *Kind[T]) table() store.Table[T] {
	var zero T
	bucket := string(zero.ProtoReflect().Descriptor().FullName())
	return store.Table[T]{Bucket: bucket, Key: T.GetName, Indexes: k.Book.Indexes[bucket]}
}

// may decides about a record that was found.
func (k *Kind[T]) may(tx *Tx, r T) error {
	if k.gone(r) {
		tx.checked = true
		return authz.ErrNotFound
	}
	if k.May != nil {
		tx.checked = true
		return k.May(tx, r)
	}
	return tx.knows(k.Unit(r), r, k.check())
}

func (k *Kind[T]) gone(r T) bool { return k.Gone != nil && k.Gone(r) }

// check is how the unit of a record is checked.
func (k *Kind[T]) check() func(*Tx, string) error {
	if k.Over {
		return (*Tx).over
	}
	return (*Tx).Check
}

// Shown is what the caller may know of a record that it may read.
func (k *Kind[T]) Shown(tx *Tx, r T) (shown T, err error) {
	if shown = r; k.Show != nil {
		shown, err = k.Show(tx, r)
	}
	if err != nil || !k.Outside(tx, r) {
		return shown, err
	}
	return portal.Shown(shown), nil
}

// Outside says whether the caller reads the record as a portal alone.
func (k *Kind[T]) Outside(tx *Tx, r T) bool { return k.Unit != nil && tx.Access.Outside(k.Unit(r)) }

// Find returns a record whoever asks, or authz.ErrNotFound.
func (k *Kind[T]) Find(tx *Tx, name string) (T, error) {
	r, err := k.table().Get(tx, name)
	if errors.Is(err, store.ErrNotFound) {
		return r, authz.ErrNotFound
	}
	return r, err
}

// Seek is Find for what need not be there: then it returns none, which is no error.
func (k *Kind[T]) Seek(tx *Tx, name string) (r T, err error) {
	if r, err = k.Find(tx, name); errors.Is(err, authz.ErrNotFound) {
		return r, nil
	}
	return r, err
}

// Free says whether no record has that name, or answers taken.
func (k *Kind[T]) Free(tx *Tx, name string, taken error) error {
	switch _, err := k.Find(tx, name); {
	case errors.Is(err, authz.ErrNotFound):
		return nil
	case err != nil:
		return err
	default:
		return taken
	}
}

// NewName returns the name of a new record: prefix and the id that the caller
// asks for, or a new id if that is empty. If a record has it, it answers taken.
func (k *Kind[T]) NewName(tx *Tx, prefix, id string, taken error) (string, error) {
	if id == "" {
		id = tx.NewID()
	}
	return prefix + id, k.Free(tx, prefix+id, taken)
}

// Reach returns a record on which the caller may act, or says that there is
// none, or that it may not.
func (k *Kind[T]) Reach(tx *Tx, name string) (T, error) {
	r, err := k.Find(tx, name)
	if errors.Is(err, authz.ErrNotFound) && tx.remote(name) {
		return r, tx.Check(name) // a unit of which an installation below has the record
	}
	if err != nil {
		tx.checked = true
		return r, err
	}
	return r, k.may(tx, r)
}

// ReachInside is Reach for what belongs to a record and is never for portals, such as its
// files: for them it is not there.
func (k *Kind[T]) ReachInside(tx *Tx, name string) error {
	r, err := k.Reach(tx, name)
	if err == nil && k.Outside(tx, r) {
		return authz.ErrNotFound
	}
	return err
}

// Create makes a record of the unit by rule. The unit is checked before the rule
// is asked.
func (k *Kind[T]) Create(ctx context.Context, req Request, unit string, rule func(*Tx) (T, error), options ...Option) (T, error) {
	return Do(ctx, k.Book, req, func(tx *Tx) (r T, err error) {
		if r, err = rule(tx); err != nil {
			return r, err
		}
		return k.Put(tx, r)
	}, append(options, in(unit, k.check()))...)
}

// At names a record as the caller knows it: by a request, or by what an update
// should make of it.
type At interface {
	GetName() string
	GetEtag() string
}

// Named is a request that changes the record of that name.
type Named interface {
	Request
	At
}

// Change replaces the record that req names by what rule makes of it.
func (k *Kind[T]) Change(ctx context.Context, req Named, rule func(*Tx, T) (T, error), options ...Option) (T, error) {
	return k.ChangeAs(ctx, req, req, rule, options...)
}

// ChangeAs is Change for requests that name the record elsewhere, as the
// standard method Update does.
func (k *Kind[T]) ChangeAs(ctx context.Context, req Request, at At, rule func(*Tx, T) (T, error), options ...Option) (T, error) {
	var r T
	return Do(ctx, k.Book, req, func(tx *Tx) (T, error) {
		was := proto.CloneOf(r)
		changed, err := rule(tx, r)
		if err != nil || k.Still && proto.Equal(was, changed) {
			return changed, err
		}
		return k.Put(tx, changed)
	}, append(options, k.reaching(at, &r))...)
}

// On runs a change about the record that req names, for methods that answer with
// something else than that. The rule stores what it makes.
func On[T Record, A proto.Message](ctx context.Context, k *Kind[T], req Named, rule func(*Tx, T) (A, error), options ...Option) (A, error) {
	var r T
	return Do(ctx, k.Book, req, func(tx *Tx) (A, error) { return rule(tx, r) }, append(options, k.reaching(req, &r))...)
}

// reaching puts the record into r for those who may act on it.
func (k *Kind[T]) reaching(at At, r *T) Option {
	return If(func(tx *Tx) (err error) {
		if tx.repeats {
			return k.again(tx, at.GetName())
		}
		*r, err = k.ReachAt(tx, at)
		return err
	})
}

// again decides whether who changed the record of that name may be told so once more. Of
// what was deleted since, nothing more is to be known than that.
func (k *Kind[T]) again(tx *Tx, name string) error {
	r, err := k.Find(tx, name)
	if errors.Is(err, authz.ErrNotFound) || err == nil && k.gone(r) {
		return nil
	}
	if err != nil {
		return err
	}
	return k.may(tx, r)
}

// ReachAt is Reach for a record that is still as the caller knows it.
func (k *Kind[T]) ReachAt(tx *Tx, at At) (T, error) {
	r, err := k.Reach(tx, at.GetName())
	if err != nil {
		return r, err
	}
	tx.matched = true
	return r, tx.fresh(at, r.GetEtag())
}

// Put stores a record, gives it its etag and times, and appends the method's
// event to the feed.
func (k *Kind[T]) Put(tx *Tx, r T) (T, error) {
	return k.PutAs(tx, tx.Access.Method.Rule.GetEvent(), r)
}

// PutAs is Put with an event of its own, for records that change beside the one
// that the method is about.
func (k *Kind[T]) PutAs(tx *Tx, event string, r T) (T, error) {
	if k.Unit != nil && !k.Over {
		if err := tx.local(k.Unit(r)); err != nil {
			return r, err
		}
	}
	rev, err := tx.book.Log.Next(tx, r.GetName())
	if err != nil {
		return r, err
	}
	r = proto.CloneOf(r)
	now := tx.Now
	if k.Real {
		now = tx.book.Clock()
	}
	stamp(r.ProtoReflect(), rev, timestamppb.New(now))
	if err := k.table().Put(tx, r); err != nil {
		return r, fmt.Errorf("storing %s: %w", event, err)
	}
	_, err = tx.book.Log.Append(tx, feed.Change{
		Kind: tx.Access.Method.Kind(event), Subject: r.GetName(), Rev: rev,
		Effective: tx.Now, Actor: tx.actor(), Body: r,
	})
	return r, err
}

// Get returns a record that the caller may see.
func (k *Kind[T]) Get(ctx context.Context, name string) (r T, err error) {
	err = k.Book.View(ctx, func(tx *Tx) error {
		if r, err = k.Reach(tx, name); err == nil {
			r, err = k.Shown(tx, r)
		}
		return err
	})
	return r, err
}

// Scan yields all records, whoever asks, whose name begins with prefix and comes
// after the other.
func (k *Kind[T]) Scan(tx *Tx, after, prefix string) iter.Seq2[T, error] {
	return k.table().Scan(tx, after, prefix)
}

// Lookup yields the records, whoever asks, that the index of a field has under
// value.
func (k *Kind[T]) Lookup(tx *Tx, field, value, after string) iter.Seq2[T, error] {
	return k.table().Lookup(tx, field, value, after)
}

// Values yields a value of an indexed field for each record under it, without reading any:
// the one named, or all in order if it is empty.
func (k *Kind[T]) Values(tx *Tx, field, value string) iter.Seq2[string, error] {
	return k.table().Values(tx, field, value)
}
