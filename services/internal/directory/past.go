package directory

import (
	"iter"
	"slices"
	"time"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// Stands yields what the unit was at any time from one moment to another, both
// included, and how deep it stood then, the topmost at 1: once for each change of the
// unit, and of whom it or those above it lay under. The unit is nil while it was not
// there. It MUST NOT be changed.
func (d *Directory) Stands(name string, from, to time.Time) iter.Seq2[*organizationv1.Unit, int] {
	return func(yield func(*organizationv1.Unit, int) bool) {
		for _, at := range d.turns(name, from, to) {
			if !yield(d.UnitAt(name, at), len(d.PathAt(name, at))) {
				return
			}
		}
	}
}

// turns are the first moment and, in no order, those up to the last one at which the
// unit, or whom it or those above it lay under, changed.
func (d *Directory) turns(name string, from, to time.Time) []time.Time {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all, line := []time.Time{from}, append(make([]string, 0, deepest), name)
	for i := 0; i < len(line); i++ {
		u := d.units[line[i]]
		if u == nil {
			continue
		}
		for j, v := range u.versions {
			moved := j == 0 || u.versions[j-1].is.GetParent() != v.is.GetParent()
			if (i == 0 || moved) && v.since.After(from) && !v.since.After(to) {
				all = append(all, v.since)
			}
			if above := v.is.GetParent(); moved && above != "" && !slices.Contains(line, above) {
				line = append(line, above)
			}
		}
	}
	return all
}

// Gone returns since when the unit is archived or merged, which nothing undoes; zero
// for one that is active or not there.
func (d *Directory) Gone(name string) time.Time {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if u := d.units[name]; u != nil {
		for _, v := range u.versions {
			if s := v.is.GetState(); s == organizationv1.Unit_STATE_ARCHIVED || s == organizationv1.Unit_STATE_MERGED {
				return v.since
			}
		}
	}
	return time.Time{}
}
