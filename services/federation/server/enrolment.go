package server

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// enrolment is what is known of a log before anything of it is taken.
type enrolment struct {
	in  installation
	via string // installations/…: enrolled here, and the one that may push it
	key string // "" if the log is not enrolled
}

// mirror is the row of the log's mirror before anything was taken.
func (e enrolment) mirror(o federation.Origin, origin string) *federationv1.Mirror {
	return &federationv1.Mirror{
		Name: o.Mirror(), Feed: "feeds/" + o.Feed(), Origin: origin, Unit: e.in.GetUnit(), Via: e.via,
		State: federationv1.Mirror_STATE_ACTIVE, VerifierKey: e.key,
	}
}

// enrolled looks a log up: among the installations enrolled here, and among those
// that they have enrolled, as their own mirrored logs say.
func (s *Service) enrolled(tx store.Tx, origin string) (e enrolment, err error) {
	o, ok := federation.ParseOrigin(origin)
	if !ok {
		return e, nil
	}
	name := "installations/" + o.Installation
	if e.in, err = s.find(tx, name); err == nil {
		e.via = name
	} else if errors.Is(err, authz.ErrNotFound) {
		e, err = relayed(tx, name)
	}
	if err != nil {
		return e, err
	}
	e.key = federation.KeyOf(e.in, origin)
	return e, nil
}

// find reads an installation that is enrolled here.
func (s *Service) find(tx store.Tx, name string) (installation, error) {
	return s.installations.Find(&change.Tx{Tx: tx}, name)
}

// relayed reads an installation that another has enrolled; none is no error.
func relayed(tx store.Tx, name string) (e enrolment, err error) {
	b, err := tx.Get(relayedBucket, []byte(name))
	if errors.Is(err, store.ErrNotFound) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	via, rest, _ := bytes.Cut(b, []byte{0})
	e.via, e.in = string(via), &federationv1.Installation{}
	if err := proto.Unmarshal(rest, e.in); err != nil {
		return e, fmt.Errorf("reading the relayed %s: %w", name, err)
	}
	return e, nil
}

// refused says why nothing of the log is taken from the installation that pushes
// it, or CODE_UNSPECIFIED.
func (e enrolment) refused(by string) federationv1.Code {
	switch {
	case e.key == "" || e.via != by:
		return federationv1.Code_CODE_UNKNOWN_LOG
	case e.in.GetState() != federationv1.Installation_STATE_ACTIVE:
		return federationv1.Code_CODE_REVOKED
	default:
		return federationv1.Code_CODE_UNSPECIFIED
	}
}

// learn takes from a run of a mirrored log what decides about logs: whom an
// installation below has enrolled, and that its tree begins where it must.
func (s *Service) learn(tx store.Tx, m *held, run []*feedv1.Entry) error {
	for _, e := range run {
		if e.GetEffective().AsTime().After(m.row.GetEffectiveTime().AsTime()) {
			m.row.EffectiveTime = e.GetEffective()
		}
		switch body := e.GetBody(); {
		case m.origin.Service == federation.Service && body.MessageIs((*federationv1.Installation)(nil)):
			if err := s.relay(tx, m, e); err != nil {
				return err
			}
		case m.origin.Service == "organization" && m.row.GetUnit() != "":
			if err := errors.Join(federation.CheckRoot(e, m.row.GetUnit()), s.settle(tx, m, e)); err != nil {
				return err
			}
		}
	}
	return nil
}

// relay takes the enrolment of an installation further down. One that is enrolled
// here, or relayed by another, stays as it is, and one whose unit is another's is
// not believed.
func (s *Service) relay(tx store.Tx, m *held, e *feedv1.Entry) error {
	in := &federationv1.Installation{}
	if err := e.GetBody().UnmarshalTo(in); err != nil {
		return nil // a newer contract's; its logs stay unknown
	}
	_, err := s.find(tx, in.GetName())
	if !errors.Is(err, authz.ErrNotFound) {
		return err
	}
	before, err := relayed(tx, in.GetName())
	if err != nil || before.via != "" && before.via != m.row.GetVia() {
		return err
	}
	if mine, err := s.claim(tx, m, e.GetSeq(), in.GetUnit()); err != nil || !mine {
		return err
	}
	b, err := proto.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding a relayed enrolment: %w", err)
	}
	return tx.Put(relayedBucket, []byte(in.GetName()), append([]byte(m.row.GetVia()+"\x00"), b...))
}
