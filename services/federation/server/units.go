package server

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// remoteUnits are the units of installations below that have a place in the tree
// here, one record for each id.
var remoteUnits = store.Table[*federationv1.RemoteUnit]{
	Bucket: string((*federationv1.RemoteUnit)(nil).ProtoReflect().Descriptor().FullName()),
	Key:    (*federationv1.RemoteUnit).GetName,
}

// settle gives a unit that an entry of a mirrored tree tells of its place, or
// notes on the mirror why it gets none. Of the root, the record here stands.
func (s *Service) settle(tx store.Tx, m *held, e *feedv1.Entry) error {
	u := &organizationv1.Unit{}
	if !e.GetBody().MessageIs(u) {
		return nil
	}
	if err := e.GetBody().UnmarshalTo(u); err != nil || u.GetName() == m.row.GetUnit() {
		return err
	}
	installation := "installations/" + m.origin.Installation
	why, err := federation.Place(installation, m.row.GetUnit(), u.GetName(), u.GetParent(), s.owner(tx))
	if err != nil {
		return err
	}
	if why != 0 {
		return s.refuseUnit(tx, m, e.GetSeq(), u.GetName(), why)
	}
	u.Installation = installation
	return s.keepUnit(tx, &federationv1.RemoteUnit{
		Name: federation.RemoteName(u.GetName()), Installation: installation, Unit: u, EffectiveTime: m.row.GetEffectiveTime(),
	})
}

// claim keeps the root of an installation further down for who has enrolled it.
// It says whether that one may.
func (s *Service) claim(tx store.Tx, m *held, seq uint64, unit string) (bool, error) {
	installation := "installations/" + m.origin.Installation
	o, err := s.owner(tx)(unit)
	switch {
	case err != nil:
		return false, err
	case o.Held && o.Installation != installation:
		return false, s.refuseUnit(tx, m, seq, unit, federationv1.RefusedUnit_REASON_TAKEN)
	case o.Held:
		return true, nil
	}
	return true, s.keepUnit(tx, &federationv1.RemoteUnit{Name: federation.RemoteName(unit), Installation: installation})
}

// owner looks up who has a unit: this installation, as the tree in memory says,
// or one below.
func (s *Service) owner(tx store.Tx) func(string) (federation.Owner, error) {
	return func(unit string) (federation.Owner, error) {
		if u := s.parts.Tree.Unit(unit); u != nil && u.GetInstallation() == "" {
			return federation.Owner{Held: true}, nil
		}
		r, err := remoteUnits.Get(tx, federation.RemoteName(unit))
		if errors.Is(err, store.ErrNotFound) {
			return federation.Owner{}, nil
		}
		return federation.Owner{Installation: r.GetInstallation(), Parent: r.GetUnit().GetParent(), Held: true}, err
	}
}

// keepUnit stores a version of a remote unit, and appends it to this
// installation's own log.
func (s *Service) keepUnit(tx store.Tx, r *federationv1.RemoteUnit) error {
	before, err := remoteUnits.Get(tx, r.GetName())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	rev, err := s.book.Log.Next(tx, r.GetName())
	if err != nil {
		return err
	}
	now := timestamppb.New(s.book.Now())
	r.CreateTime, r.UpdateTime, r.Etag = now, now, strconv.FormatUint(rev, 10)
	if before.GetCreateTime() != nil {
		r.CreateTime = before.GetCreateTime()
	}
	if err := remoteUnits.Put(tx, r); err != nil {
		return fmt.Errorf("keeping a remote unit: %w", err)
	}
	return s.say(tx, "federation.unit.mirrored.v1", r.GetName(), rev, r)
}

// refusedUnits are the units that got no place, one record for each installation
// and unit.
var refusedUnits = store.Table[*federationv1.RefusedUnit]{
	Bucket: string((*federationv1.RefusedUnit)(nil).ProtoReflect().Descriptor().FullName()),
	Key:    (*federationv1.RefusedUnit).GetName,
}

// refuseUnit notes that a unit gets no place: on the mirror each time, in this
// installation's own log the first time.
func (s *Service) refuseUnit(tx store.Tx, m *held, seq uint64, unit string, why federationv1.RefusedUnit_Reason) error {
	r := &federationv1.RefusedUnit{
		Name: "installations/" + m.origin.Installation + "/refusedUnits/" + strings.TrimPrefix(unit, "units/"),
		Seq:  seq, Unit: unit, Reason: why, Etag: "1",
	}
	federation.RefuseUnit(m.row, r)
	if _, err := refusedUnits.Get(tx, r.GetName()); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := refusedUnits.Put(tx, r); err != nil {
		return fmt.Errorf("keeping a refused unit: %w", err)
	}
	return s.say(tx, "federation.unit.refused.v1", r.GetName(), 1, r)
}

// say appends to this installation's own log what it has found out in nobody's
// name.
func (s *Service) say(tx store.Tx, kind, subject string, rev uint64, body proto.Message) error {
	_, err := s.book.Log.Append(tx, feed.Change{
		Kind: kind, Subject: subject, Rev: rev, Effective: s.book.Now(),
		Actor: &feedv1.Actor{Role: "service", Pseudonym: s.book.Pseudonym("services/federation")}, Body: body,
	})
	return err
}
