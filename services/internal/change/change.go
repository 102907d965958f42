// Package change is the write pipeline: the one way in which a record comes to
// be, changes or goes. Request id, etag, validate_only, finding the record,
// checking the caller's right to its unit, storing, indexing and the feed entry
// are done here, in one transaction, so that no handler can forget a part. What
// a record should become is decided by the rules of its service, which this
// package calls; lists and reads pass through here for the same check.
package change

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/blob"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/store"
)

// The faults that any change may meet.
var (
	ErrEtagStale      = fault.Of(faultv1.Reason_REASON_ETAG_STALE)
	ErrDiskFull       = fault.Of(faultv1.Reason_REASON_DISK_FULL).After(30 * time.Second) // room is made by hand
	ErrLogIncomplete  = fault.Of(faultv1.Reason_REASON_LOG_INCOMPLETE)
	ErrOutcomeUnknown = fault.Of(faultv1.Reason_REASON_OUTCOME_UNKNOWN)
	ErrFields         = fault.Of(faultv1.Reason_REASON_FIELDS_INVALID)
	ErrUnitRemote     = fault.Of(faultv1.Reason_REASON_UNIT_REMOTE)

	errUnmatched = ErrEtagStale.At("If-Match", "与当前的 etag 不符", "does not match the etag that it has now")
)

// Book is what a service writes in: its store and its log, its clocks and its
// sources of names. Every service has one.
type Book struct {
	Store store.Engine
	Log   *feed.Log
	// Indexes are the fields that each type of record is found by, as the
	// service's store.Schema has them.
	Indexes map[string][]string
	// Blobs keeps the files that records name by their digests. All services of
	// an installation share it.
	Blobs *blob.Store
	// Now is the service's clock, by which its rules and figures go.
	Now func() time.Time
	// Clock is real time, by which request ids are kept.
	Clock func() time.Time
	// NewID returns a new identifier, ordered by time.
	NewID func() string
	// Pseudonym hides a principal's name from those without the key.
	Pseudonym func(principal string) []byte
	// Tokens makes page tokens.
	Tokens *page.Tokens
	// Validate holds a record that did not come as a request, such as a row of an
	// import, against the rules of the contract.
	Validate func(proto.Message) error
	// Remote says of which units an installation below keeps the records: none of
	// them changes here. Nil: of none.
	Remote func(unit string) bool
	// Prepared returns once the tree, by which Remote says so, and a simulation's time
	// are known: for workers that begin with what they keep, not with what they hear.
	// Nil: they are.
	Prepared func(ctx context.Context) error
}

// Today is the civil day in China by the service's clock.
func (b *Book) Today() string { return calendar.On(b.Now()).String() }

// Request is what every request that changes something has (AIP-155, AIP-163).
type Request interface {
	proto.Message
	GetRequestId() string
	GetValidateOnly() bool
}

// errDry undoes what validate_only tried.
var errDry = errors.New("change: validate only")

var errUnchecked = errors.New("change: the handler never checked a unit")

// Do runs one change by rule. Its answer to a repeated request id is the first
// answer, without what may be shown once only.
func Do[A proto.Message](ctx context.Context, b *Book, req Request, rule func(*Tx) (A, error), options ...Option) (answer A, err error) {
	r := run[A]{book: b, access: authz.From(ctx), req: req, rule: rule}
	for _, option := range options {
		option(&r.steps)
	}
	if r.id, err = identify(ctx, b, r.access, req); err != nil {
		return answer, err
	}
	err = r.access.Settled(ctx, func() error {
		answer, err = r.attempt(ctx)
		return err
	})
	return answer, err
}

// run is one change on its way.
type run[A proto.Message] struct {
	book   *Book
	access *authz.Access
	req    Request
	id     identity
	rule   func(*Tx) (A, error)
	steps
}

func (r *run[A]) attempt(ctx context.Context) (answer A, err error) {
	answer, repeat, err := r.prepare(ctx)
	if repeat || err != nil {
		return answer, err
	}
	err = r.book.Store.Update(ctx, func(raw store.Tx) error {
		if answer, repeat, err = r.first(ctx, raw); repeat || err != nil {
			return err
		}
		answer, err = r.decide(r.tx(ctx, raw))
		return err
	})
	if errors.Is(err, errDry) {
		return withoutSecrets(answer).(A), nil // they open nothing
	}
	return answer, stored(err)
}

// first returns the first answer, if the request is a repeat and the caller still has the
// right to what it asks.
func (r *run[A]) first(ctx context.Context, raw store.Tx) (answer A, repeat bool, err error) {
	first, err := r.id.answered(raw, r.access, answer)
	if first == nil || err != nil {
		return answer, false, err
	}
	tx := r.book.tx(ctx, raw, r.access)
	tx.req, tx.repeats = r.req, true
	if err := r.may(tx); err != nil {
		return answer, false, err
	}
	return first.(A), true, nil
}

// decide makes the change within its transaction.
func (r *run[A]) decide(tx *Tx) (answer A, err error) {
	if err := r.may(tx); err != nil {
		return answer, err
	}
	if answer, err = r.rule(tx); err != nil {
		return answer, err
	}
	switch {
	case !tx.checked:
		return answer, fmt.Errorf("%w: %s", errUnchecked, r.access.Method.FullName)
	case !tx.matched && header(tx.ctx, "if-match") != "":
		return answer, errUnmatched // of what is only coming to be nothing matches
	case r.req.GetValidateOnly():
		return answer, errDry
	}
	return answer, r.id.keep(tx, r.book.Clock(), tx.units, answer)
}

// stored turns what the store says into what a caller may act on.
func stored(err error) error {
	switch {
	case errors.Is(err, store.ErrFull):
		return ErrDiskFull
	case errors.Is(err, feed.ErrHeld):
		return ErrLogIncomplete
	case errors.Is(err, store.ErrUnknown):
		return ErrOutcomeUnknown
	default:
		return err
	}
}

// View runs a reading of the service's records under the caller's right.
func (b *Book) View(ctx context.Context, read func(*Tx) error) error {
	access := authz.From(ctx)
	return access.Seen(ctx, func() error {
		return stored(b.Store.View(ctx, func(raw store.Tx) error { return read(b.tx(ctx, raw, access)) }))
	})
}

func (r *run[A]) tx(ctx context.Context, raw store.Tx) *Tx {
	tx := r.book.tx(ctx, raw, r.access)
	tx.writes, tx.req = true, r.req
	return tx
}

func (b *Book) tx(ctx context.Context, raw store.Tx, access *authz.Access) *Tx {
	return &Tx{Tx: raw, Now: b.Now(), Access: access, book: b, ctx: ctx}
}

// header returns a header of the call, or "".
func header(ctx context.Context, name string) string {
	if values := metadata.ValueFromIncomingContext(ctx, name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Own runs a change that no caller asked for: a worker of the service goes on
// with what was begun. It has the service's own right, and no request id: that it
// is done once is for the worker's cursor to say, which it moves in the same
// transaction.
func (b *Book) Own(ctx context.Context, service string, do func(*Tx) error) error {
	return b.Store.Update(ctx, func(raw store.Tx) error { return do(b.tx(ctx, raw, authz.Own(service))) })
}
