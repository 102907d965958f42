package change

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/portal"
	"github.com/duban-project/duban/services/internal/store"
)

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
