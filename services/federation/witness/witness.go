// Package witness keeps what this installation has found out about the logs that it
// mirrors, and says it in its own log in nobody's name: which units of those below
// have a place in the tree here and which got none, and what was cosigned. Whom an
// installation below has enrolled it keeps beside. Whether a unit has a place is
// decided by package federation. It does not judge whether entries are what their log
// has signed, nor store them: package server does both before and after.
package witness

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Tree knows the units as they are now; nil is one that it does not know.
type Tree interface {
	Unit(name string) *organizationv1.Unit
}

// Witness writes what it finds out in Book. All of its methods are about one
// transaction, which is that of the entries or of the head they are about.
type Witness struct {
	Book *change.Book
	Tree Tree
}

// Learn takes from a run of a mirrored log what decides about logs: whom an
// installation below has enrolled, and which units of its tree have a place here.
// What is to be kept on the mirror's row it sets there. A tree that does not begin
// where it must is a *federation.Problem.
func (w Witness) Learn(tx store.Tx, row *federationv1.Mirror, run []*feedv1.Entry) error {
	origin, _ := federation.ParseLog(federation.LogOf(row))
	l := lesson{w, tx, row, origin}
	for _, e := range run {
		if e.GetEffective().AsTime().After(row.GetEffectiveTime().AsTime()) {
			row.EffectiveTime = e.GetEffective()
		}
		if err := l.learn(e); err != nil {
			return err
		}
	}
	return nil
}

// lesson is what is learned from a run of one log.
type lesson struct {
	Witness
	tx     store.Tx
	row    *federationv1.Mirror
	origin federation.Origin
}

func (l lesson) learn(e *feedv1.Entry) error {
	switch {
	case l.origin.Service == federation.Service:
		return errors.Join(l.relay(e), l.hear(e))
	case l.origin.Service == "organization" && l.row.GetUnit() != "":
		return errors.Join(federation.CheckRoot(e, l.row.GetUnit()), l.settle(e))
	default:
		return nil
	}
}

// installation is the one whose log it is, installations/510100 or installations/510104~510104.
func (l lesson) installation() string { return l.origin.Of() }

// say appends to this installation's own log what it has found out in nobody's
// name.
func (w Witness) say(tx store.Tx, kind, subject string, rev uint64, body proto.Message) error {
	_, err := w.Book.Log.Append(tx, feed.Change{
		Kind: kind, Subject: subject, Rev: rev, Effective: w.Book.Now(),
		Actor: &feedv1.Actor{Role: "service", Pseudonym: w.Book.Pseudonym("services/federation")}, Body: body,
	})
	if err != nil {
		return fmt.Errorf("saying %s of %s: %w", kind, subject, err)
	}
	return nil
}
