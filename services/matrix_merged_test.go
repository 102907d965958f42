package services_test

import (
	"iter"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// merger is a unit that is merged away (撤并), through the units in between, and who
// may ask for its records then.
type merger struct {
	home  string
	by    []string // the units that it is merged into, one after the other; the last is its heir
	asked []string // the units from which its records are asked for
}

// heir is the unit that the home has gone into in the end.
func (g merger) heir() string { return g.by[len(g.by)-1] }

// mergers come one after the other. The school goes to another district through a
// second school. It is asked for from its heir, from above that, above both, and from
// where it was. Then the bureau goes, whose heir has the school's beneath it by then.
var mergers = []merger{
	{school, []string{"units/s2", "units/s3"}, []string{"units/s3", "units/d2", "units/city", bureau}},
	{bureau, []string{"units/d2"}, []string{"units/d2", "units/city", province, "units/s3", "units/city2"}},
}

// bequeath merges units and tries again who may do what with their records. What
// role alone refuses was tried before there were any mergers.
func (m *matrix) bequeath(t *testing.T) {
	before := m.calls.Load()
	for _, g := range mergers {
		m.merge(g)
		for full, list := range m.fixtures() {
			method := describe(t, full)
			for _, f := range list {
				if !slices.Contains(f.at(method.rule), g.home) {
					continue
				}
				f.except = slices.Concat(f.merged, f.except)
				refusals, heir := &alike{}, g.heir()
				m.tryAll(m.inheritors(g, method, f), func(c cell) { m.judgeMerged(t, c, refusals, heir) })
			}
		}
	}
	t.Logf("%d calls for the records of merged units", m.calls.Load()-before)
}

// merge merges the home, and what it was merged into.
func (m *matrix) merge(g merger) {
	unit := g.home
	for _, into := range g.by {
		done[*organizationv1.Unit](m)(m.suite.Organization(m.suite.SystemAdmin).MergeUnit(m.suite.T.Context(), &organizationv1.MergeUnitRequest{Name: unit, Into: into}))
		unit = into
	}
	m.suite.CatchUp()
}

// inheritors are the cells of a fixture: every role that the rule lets pass, from
// every unit, and who held such a role on the unit itself, whose grant has ended.
func (m *matrix) inheritors(g merger, method method, f fixture) iter.Seq[cell] {
	return func(yield func(cell) bool) {
		c := cell{method: method, fixture: f, home: g.home}
		for _, role := range roles() {
			for _, unit := range g.asked {
				c.caller = m.held[post{role: role, unit: unit}]
				if c.inherited(g.heir()) > refused && !yield(c) {
					return
				}
			}
			c.caller = m.held[insiders(role, g.heir())] // the heir's own, whose grant is above it
			if c.inherited(g.heir()) > refused && !yield(c) {
				return
			}
		}
		c.caller = m.held[post{role: append(method.rule.GetRoles(), accessv1.Role_ROLE_VIEWER)[0], unit: g.home}]
		c.caller.role = 0
		yield(c)
	}
}

// inherited is what comes of a call for a record of a merged unit. "Whoever acts for
// that one acts on the archived unit's records too, through as many mergers as
// follow; superior is who stands above that one": it is as if it were the heir's.
func (c cell) inherited(heir string) outcome {
	c.home = heir
	return c.expect()
}

// judgeMerged calls over gRPC alone: how REST tells of each outcome was tried before
// there were any mergers. That nothing new begins for a merged unit may be told at
// the field that names it.
func (m *matrix) judgeMerged(t *testing.T, c cell, alike *alike, heir string) {
	real, want := m.records[c.home].from(c.caller), c.inherited(heir)
	a, err := m.wires.overGRPC(t.Context(), c.method, c.caller.key, c.fixture.ask(real))
	m.calls.Add(1)
	if err != nil || !c.fits(want, a.code) && (want != granted || a.code != codes.InvalidArgument) {
		t.Errorf("%s: %v, merged into %s: %v %v, want %v\n%s", c.method.full, c, heir, a.code, err, want, a.told)
	}
	c.sifted(t, want, real, a)
	c.nameless(t, a)
	alike.check(t, c, want, a)
}
