package directory

import (
	"context"
	"slices"
	"strings"
	"time"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// Root implements authz.Tree.
func (d *Directory) Root() string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.root
}

// deepest ends every walk upwards: a tree here and what lies below have as many
// levels at most.
const deepest = 16

// Path implements authz.Tree.
func (d *Directory) Path(name string) []string {
	return d.path(name, (*unit).now)
}

// PathAt returns the unit and those above it at t, nearest first; nil if there
// was no such unit then.
func (d *Directory) PathAt(name string, t time.Time) []string {
	return d.path(name, func(u *unit) *organizationv1.Unit { return u.at(t) })
}

// Stood returns the unit and those above it at t, nearest first, as a report of
// that time is about them: a unit that was entered later stands where it was
// entered. It is nil if there is no such unit.
func (d *Directory) Stood(name string, t time.Time) []string {
	return d.path(name, func(u *unit) *organizationv1.Unit {
		if is := u.at(t); is != nil {
			return is
		}
		return u.versions[0].is
	})
}

func (d *Directory) path(name string, look func(*unit) *organizationv1.Unit) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	path := make([]string, 0, deepest)
	for name != "" && len(path) < deepest {
		u := d.units[name]
		if u == nil || look(u) == nil {
			return nil
		}
		path = append(path, name)
		name = look(u).GetParent()
	}
	return path
}

// Department implements authz.Tree.
func (d *Directory) Department(name string) bool { return organ(d.Unit(name)) }

func organ(u *organizationv1.Unit) bool {
	return u.GetKind() == organizationv1.Unit_KIND_DEPARTMENT || u.GetKind() == organizationv1.Unit_KIND_PARTY_BRANCH
}

// Merged implements authz.Tree.
func (d *Directory) Merged(name string) bool {
	return d.Unit(name).GetState() == organizationv1.Unit_STATE_MERGED
}

// Heir returns the unit that the unit was merged into, through as many mergers as
// there were, or the unit itself.
func (d *Directory) Heir(name string) string {
	for d.Merged(name) {
		name = d.Unit(name).GetParent()
	}
	return name
}

// HeirAt returns what Heir did at t, and for a unit that was entered later the unit.
func (d *Directory) HeirAt(name string, t time.Time) string {
	for is := d.UnitAt(name, t); is.GetState() == organizationv1.Unit_STATE_MERGED; is = d.UnitAt(name, t) {
		name = is.GetParent()
	}
	return name
}

// Merges returns the units that were merged into the unit, and those that had been
// merged into them.
func (d *Directory) Merges(name string) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := d.subtree(name, func(u *organizationv1.Unit) bool { return u.GetState() == organizationv1.Unit_STATE_MERGED })
	return slices.DeleteFunc(all, func(u string) bool { return u == name })
}

// Joined returns the units beneath the unit that did not lie there at t: the topmost
// of what was moved or merged there since.
func (d *Directory) Joined(name string, t time.Time) (units []string) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, m := range slices.Backward(d.moved) {
		if !m.at.After(t) {
			break
		}
		if d.beneath(m.unit, name, (*unit).now) && d.units[m.unit].at(t) != nil && !d.beneath(m.unit, name, func(u *unit) *organizationv1.Unit { return u.at(t) }) {
			units = append(units, m.unit)
		}
	}
	return units
}

// beneath says whether the first unit is the second or lies beneath it, as units look.
func (d *Directory) beneath(name, above string, look func(*unit) *organizationv1.Unit) bool {
	for range deepest {
		u := d.units[name]
		if name == above || u == nil {
			return u != nil
		}
		name = look(u).GetParent()
	}
	return false
}

// move is when a unit last came to lie elsewhere, by moving or merging.
type move struct {
	at   time.Time
	unit string
}

// note keeps the moves in order of time, of every unit its last.
func (d *Directory) note(name string, at time.Time) {
	moved := slices.DeleteFunc(d.moved, func(m move) bool { return m.unit == name })
	i, _ := slices.BinarySearchFunc(moved, at, func(m move, at time.Time) int {
		if m.at.After(at) {
			return 1
		}
		return -1
	})
	d.moved = slices.Insert(moved, i, move{at, name})
}

// House returns the body that the unit is an organ of or was merged into, or the
// unit itself.
func (d *Directory) House(name string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.house(name)
}

func (d *Directory) house(name string) string {
	for u := d.units[name]; u != nil && (organ(u.now()) || u.now().GetState() == organizationv1.Unit_STATE_MERGED); u = d.units[name] {
		name = u.now().GetParent()
	}
	return name
}

// Unit returns the unit as it is now, or nil. It MUST NOT be changed.
func (d *Directory) Unit(name string) *organizationv1.Unit {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if u := d.units[name]; u != nil {
		return u.now()
	}
	return nil
}

// UnitAt returns the unit as it was at t, or nil. It MUST NOT be changed.
func (d *Directory) UnitAt(name string, t time.Time) *organizationv1.Unit {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if u := d.units[name]; u != nil {
		return u.at(t)
	}
	return nil
}

// Children returns the units directly beneath, in the order of their names.
func (d *Directory) Children(name string) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Clone(d.children[name])
}

// Subtree returns the unit and all beneath it that are kept here, parents before
// children: whoever gives work to a subtree gives none to units below.
func (d *Directory) Subtree(name string) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.subtree(name, func(u *organizationv1.Unit) bool { return u.GetInstallation() == "" })
}

// Whole returns the unit and all beneath it, those of installations below too,
// parents before children.
func (d *Directory) Whole(name string) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.subtree(name, func(*organizationv1.Unit) bool { return true })
}

func (d *Directory) subtree(name string, in func(*organizationv1.Unit) bool) []string {
	if d.units[name] == nil {
		return nil
	}
	all := []string{name}
	for i := 0; i < len(all); i++ {
		for _, child := range d.children[all[i]] {
			if in(d.units[child].now()) {
				all = append(all, child)
			}
		}
	}
	return all
}

// SubtreeAt returns the unit and all beneath it at t, parents before children; nil
// if there was no such unit then. It looks at every unit.
func (d *Directory) SubtreeAt(name string, t time.Time) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if u := d.units[name]; u == nil || u.at(t) == nil {
		return nil
	}
	children := map[string][]string{}
	for child, u := range d.units {
		if is := u.at(t); is != nil {
			children[is.GetParent()] = append(children[is.GetParent()], child)
		}
	}
	all := []string{name}
	for i := 0; i < len(all); i++ {
		slices.Sort(children[all[i]])
		all = append(all, children[all[i]]...)
	}
	return all
}

// Land brings the tree up to date and returns the unit and all beneath it as they
// were at t, parents before children. They MUST NOT be changed.
func (d *Directory) Land(ctx context.Context, name string, t time.Time) (land []*organizationv1.Unit, err error) {
	if err := d.CatchUp(ctx); err != nil {
		return nil, err
	}
	for _, u := range d.SubtreeAt(name, t) {
		land = append(land, d.UnitAt(u, t))
	}
	return land, nil
}

// UnitsAt returns every unit of time t, in the order of their names.
func (d *Directory) UnitsAt(t time.Time) (all []*organizationv1.Unit) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, u := range d.units {
		if is := u.at(t); is != nil {
			all = append(all, is)
		}
	}
	slices.SortFunc(all, func(a, b *organizationv1.Unit) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all
}
