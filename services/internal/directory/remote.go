package directory

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// remote is what is known of installations below.
type remote struct {
	bound map[string]string // the unit that is an installation's root → the installation
	names []string          // of the units kept below, in order
}

// applyBelow takes in what federation has found out.
func (d *Directory) applyBelow(_ context.Context, run []*feedv1.Entry, next, _ uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := each(below, run, d.learnBelow); err != nil {
		return err
	}
	d.reach(below, next)
	return nil
}

func (d *Directory) learnBelow(body proto.Message, _ time.Time) {
	switch body := body.(type) {
	case *federationv1.RemoteUnit:
		d.learnRemote(body)
	case *federationv1.Installation:
		d.bind(body)
	}
}

// learnRemote takes in a unit of an installation below. If one of that name is
// kept here, that one stands.
func (d *Directory) learnRemote(r *federationv1.RemoteUnit) {
	known := d.units[r.GetUnit().GetName()]
	if r.GetUnit() == nil || known != nil && known.now().GetInstallation() == "" {
		return
	}
	d.learnUnit(r.GetUnit(), r.GetEffectiveTime().AsTime())
}

// enter notes a unit that is new.
func (d *Directory) enter(name string, is *organizationv1.Unit) {
	if is.GetInstallation() != "" {
		at, _ := slices.BinarySearch(d.names, name)
		d.names = slices.Insert(d.names, at, name)
	}
}

func (d *Directory) bind(in *federationv1.Installation) {
	switch {
	case in.GetState() != federationv1.Installation_STATE_REVOKED:
		d.bound[in.GetUnit()] = in.GetName()
	case d.bound[in.GetUnit()] == in.GetName():
		delete(d.bound, in.GetUnit())
	}
}

// Remote says whether the unit is kept by an installation below: its records
// change there alone.
func (d *Directory) Remote(name string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	u := d.units[name]
	return u != nil && u.now().GetInstallation() != ""
}

// Installation returns the installation below that keeps what lies beneath the
// unit, or "".
func (d *Directory) Installation(name string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if u := d.units[name]; u != nil && u.now().GetInstallation() != "" {
		return u.now().GetInstallation()
	}
	return d.bound[name]
}

// Below returns the names of the units that installations below keep, behind the
// one of that name, in their order. The answer MUST NOT be changed.
func (d *Directory) Below(after string) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	at, found := slices.BinarySearch(d.names, after)
	if found {
		at++
	}
	return slices.Clone(d.names[at:])
}
