package witness

import (
	"fmt"
	"strconv"
	"strings"

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
func (l lesson) settle(e *feedv1.Entry) error {
	u, err := feed.Body[*organizationv1.Unit](e)
	if err != nil || u == nil || u.GetName() == l.row.GetUnit() {
		return err
	}
	why, err := federation.Place(l.installation(), l.row.GetUnit(), u.GetName(), u.GetParent(), func(unit string) (federation.Owner, error) {
		if unit == u.GetName() {
			return l.holder(unit)
		}
		return l.owner(unit)
	})
	if err != nil {
		return err
	}
	if why != 0 {
		return l.refuse(e.GetSeq(), u.GetName(), why)
	}
	u.Installation = l.installation()
	return l.keep(&federationv1.RemoteUnit{
		Name: federation.RemoteName(u.GetName()), Installation: l.installation(), Unit: u, EffectiveTime: l.row.GetEffectiveTime(),
	})
}

// claim keeps the root of an installation further down for who has enrolled it.
// It says whether that one may.
func (l lesson) claim(seq uint64, unit string) (bool, error) {
	o, err := l.holder(unit)
	switch {
	case err != nil:
		return false, err
	case o.Held && o.Installation != l.installation():
		return false, l.refuse(seq, unit, federationv1.RefusedUnit_REASON_TAKEN)
	case o.Held:
		return true, nil
	}
	return true, l.keep(&federationv1.RemoteUnit{Name: federation.RemoteName(unit), Installation: l.installation()})
}

// owner looks up who has a unit: this installation, as the tree in memory says,
// or one below.
func (l lesson) owner(unit string) (federation.Owner, error) {
	if u := l.Tree.Unit(unit); u != nil && u.GetInstallation() == "" {
		return federation.Owner{Held: true}, nil
	}
	r, there, err := remoteUnits.Seek(l.tx, federation.RemoteName(unit))
	return federation.Owner{Installation: r.GetInstallation(), Parent: r.GetUnit().GetParent(), Held: there}, err
}

// keep stores a version of a remote unit, and appends it to this
// installation's own log.
func (l lesson) keep(r *federationv1.RemoteUnit) error {
	before, _, err := remoteUnits.Seek(l.tx, r.GetName())
	if err != nil {
		return err
	}
	rev, err := l.Book.Log.Next(l.tx, r.GetName())
	if err != nil {
		return err
	}
	now := timestamppb.New(l.Book.Now())
	r.CreateTime, r.UpdateTime, r.Etag = now, now, strconv.FormatUint(rev, 10)
	if before.GetCreateTime() != nil {
		r.CreateTime = before.GetCreateTime()
	}
	if err := remoteUnits.Put(l.tx, r); err != nil {
		return fmt.Errorf("keeping a remote unit: %w", err)
	}
	return l.say(l.tx, "federation.unit.mirrored.v1", r.GetName(), rev, r)
}

// refusedUnits are the units that got no place, one record for each installation
// and unit.
var refusedUnits = store.Table[*federationv1.RefusedUnit]{
	Bucket: string((*federationv1.RefusedUnit)(nil).ProtoReflect().Descriptor().FullName()),
	Key:    (*federationv1.RefusedUnit).GetName,
}

// refused says that a unit gets no place, or the installation of which it is the root.
func (l lesson) refused(seq uint64, unit string, why federationv1.RefusedUnit_Reason) *federationv1.RefusedUnit {
	return &federationv1.RefusedUnit{
		Name: l.installation() + "/refusedUnits/" + strings.TrimPrefix(unit, "units/"),
		Seq:  seq, Unit: unit, Reason: why, Etag: "1",
	}
}

// refuse notes that a unit gets no place: on the mirror each time, in this
// installation's own log the first time.
func (l lesson) refuse(seq uint64, unit string, why federationv1.RefusedUnit_Reason) error {
	r := l.refused(seq, unit, why)
	federation.RefuseUnit(l.row, r)
	if _, there, err := refusedUnits.Seek(l.tx, r.GetName()); err != nil || there {
		return err
	}
	if err := refusedUnits.Put(l.tx, r); err != nil {
		return fmt.Errorf("keeping a refused unit: %w", err)
	}
	return l.say(l.tx, "federation.unit.refused.v1", r.GetName(), 1, r)
}
