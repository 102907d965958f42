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
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/blob"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/portal"
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

// Tx is one change in the making. It MUST NOT outlive the function it was given
// to.
type Tx struct {
	store.Tx
	// Now is the service's time, the same for the whole change.
	Now time.Time
	// Access is the caller's right.
	Access *authz.Access

	book    *Book
	ctx     context.Context
	req     Request // of a change
	checked bool
	writes  bool
	matched bool     // whether If-Match was held against a record
	units   []string // on which Check allowed it
	repeats bool     // it only asks whether the first answer is given again
	veiled  bool
}

// Veil has nothing that is kept of the change tell who made it: entries say what they say
// of the public, and the remembered request names no unit.
func (tx *Tx) Veil() { tx.veiled, tx.units = true, nil }

// KnowsOr is Knows for a record of the unit that others, who do not see the unit,
// may read but not change, if it concerns them.
func (tx *Tx) KnowsOr(unit string, record proto.Message, concerned func() bool) error {
	err := tx.Knows(unit, record)
	if !errors.Is(err, authz.ErrNotFound) || !concerned() {
		return err
	}
	if tx.Access.Method.Rule.GetEvent() != "" {
		return authz.ErrDenied
	}
	return nil
}

// Check decides whether the caller may act on the unit's records. A change that
// never checks is refused as broken.
func (tx *Tx) Check(unit string) error {
	err := tx.over(unit)
	if err == nil {
		err = tx.local(unit)
	}
	return err
}

// over is Check for what may be said of units that installations below keep, too.
func (tx *Tx) over(unit string) error {
	tx.checked = true
	err := tx.Access.Check(unit)
	if err == nil && !tx.veiled {
		tx.units = append(tx.units, unit)
	}
	return err
}

// CheckAt is Check for a unit that the request names at field. For whom there is no
// such unit it says where.
func (tx *Tx) CheckAt(unit, field string) error {
	return Unknown(tx.Check(unit), unknownAt(field))
}

func unknownAt(field string) error {
	return authz.ErrNotFound.At(field, "没有这个单位", "there is no such unit")
}

// Unknown is the fault if looking for what a request names found nothing; else what
// went wrong, or nil.
func Unknown(err, fault error) error {
	if errors.Is(err, authz.ErrNotFound) {
		return fault
	}
	return err
}

// Knows is Check for a record of the unit: for portals there is none that is not
// public.
func (tx *Tx) Knows(unit string, record proto.Message) error {
	return tx.knows(unit, record, (*Tx).Check)
}

func (tx *Tx) knows(unit string, record proto.Message, check func(*Tx, string) error) error {
	if !portal.Public(record) && !tx.Access.Inside(unit) {
		tx.checked = true
		return authz.ErrNotFound
	}
	return check(tx, unit)
}

// remote says whether a change is about a unit of which an installation below keeps the
// records.
func (tx *Tx) remote(unit string) bool {
	return tx.writes && tx.book.Remote != nil && tx.book.Remote(unit)
}

// local refuses a change of what an installation below keeps.
func (tx *Tx) local(unit string) error {
	if tx.remote(unit) {
		return ErrUnitRemote.With("unit", unit)
	}
	return nil
}

// Trusted says why a change needs no unit: it is about the caller alone, or
// public. Its only effect is that the pipeline does not call it broken.
func (tx *Tx) Trusted(string) { tx.checked = true }

// NewID returns a new identifier.
func (tx *Tx) NewID() string { return tx.book.NewID() }

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

// actor says by which right a change was made, without naming a person.
func (tx *Tx) actor() *feedv1.Actor {
	p := tx.Access.Principal
	if p.Service() != "" {
		return &feedv1.Actor{Role: "service", Pseudonym: tx.book.Pseudonym(p.Name)}
	}
	if p.Name == "" || tx.veiled {
		return &feedv1.Actor{Role: "public"}
	}
	acting := tx.Access.Acting()
	return &feedv1.Actor{Unit: acting.Unit, Role: acting.Role.String(), Pseudonym: tx.book.Pseudonym(p.Name)}
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
