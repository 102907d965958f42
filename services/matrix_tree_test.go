package services_test

import (
	"cmp"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// The units whose records the matrix asks for.
const (
	province = "units/root"
	bureau   = "units/d1"
	school   = "units/s1"
	office   = "units/dep1" // a department of the school
)

// parents is the tree: the unit above each.
var parents = map[string]string{
	"units/city": province, "units/city2": province,
	bureau: "units/city", "units/d2": "units/city",
	school: bureau, "units/s2": bureau, "units/s3": "units/d2",
	office: school, "units/dep2": school, "units/desk": office,
}

// departments are organs inside another unit.
var departments = map[string]bool{office: true, "units/dep2": true, "units/desk": true}

// units are all but the root, parents before children.
var units = []struct {
	name string
	kind organizationv1.Unit_Kind
}{
	{"units/city", organizationv1.Unit_KIND_CITY},
	{"units/city2", organizationv1.Unit_KIND_CITY},
	{bureau, organizationv1.Unit_KIND_DISTRICT},
	{"units/d2", organizationv1.Unit_KIND_DISTRICT},
	{school, organizationv1.Unit_KIND_SCHOOL},
	{"units/s2", organizationv1.Unit_KIND_SCHOOL},
	{"units/s3", organizationv1.Unit_KIND_SCHOOL},
	{office, organizationv1.Unit_KIND_DEPARTMENT},
	{"units/dep2", organizationv1.Unit_KIND_DEPARTMENT},
	{"units/desk", organizationv1.Unit_KIND_DEPARTMENT},
}

// relation is how the unit of a grant stands to the unit of the record.
type relation string

const none relation = "none" // the grant has ended

// Those who belong to a unit and have a say elsewhere.
const (
	insider  relation = "insider"  // entered in the unit of the record, with the grant on the one above
	seconded relation = "seconded" // entered beneath the unit of the record, with the grant on that
)

var relations = []relation{"self", "parent", "ancestor", "child", "sibling", "other branch", insider, seconded, none}

// places says where those stand who are related to a home. Nothing is above or
// beside the root: those cells are filled by units further down. A method about
// no unit is called from around the school.
var places = map[string]map[relation]string{
	province: {"self": province, "parent": bureau, "ancestor": school, "child": "units/city", "sibling": "units/city2", "other branch": "units/s3"},
	bureau:   {"self": bureau, "parent": "units/city", "ancestor": province, "child": school, "sibling": "units/d2", "other branch": "units/city2"},
	school:   {"self": school, "parent": bureau, "ancestor": "units/city", "child": office, "sibling": "units/s2", "other branch": "units/s3"},
	office:   {"self": office, "parent": school, "ancestor": bureau, "child": "units/desk", "sibling": "units/dep2", "other branch": "units/s3"},
	"":       {"self": school, "parent": bureau, "ancestor": "units/city", "child": office, "sibling": "units/s2", "other branch": "units/s3"},
}

// roles are all that there are.
func roles() (all []accessv1.Role) {
	for n := range accessv1.Role_name {
		if n != 0 {
			all = append(all, accessv1.Role(n))
		}
	}
	return all
}

// caller is somebody who calls.
type caller struct {
	name    string
	person  string // the principal's name
	key     string
	dead    bool          // the key does not hold
	machine bool          // not a person
	role    accessv1.Role // 0: none
	unit    string        // where the role is held
	from    string        // where they are entered
	reach   string        // the subtree that the key narrows to
}

// post is a role on a unit, held by who is entered there or in the other unit; the empty
// unit is a grant that has ended.
type post struct {
	role accessv1.Role
	unit string
	from string
}

// matrix is a suite with somebody in every place.
type matrix struct {
	suite    *suitetest.Suite
	wires    wires
	held     map[post]caller
	keyless  []caller
	narrowed map[accessv1.Role][]caller
	records  map[string]records // by home
	seen     map[string]map[visit]bool
	cells    int
	every    int // one cell in so many is tried
	calls    atomic.Int64
}

func newMatrix(t *testing.T, s *suitetest.Suite) *matrix {
	m := &matrix{
		suite: s, wires: dial(t, s), held: map[post]caller{}, narrowed: map[accessv1.Role][]caller{},
		records: map[string]records{}, seen: map[string]map[visit]bool{}, every: 1,
	}
	for _, u := range units {
		s.Unit(strings.TrimPrefix(u.name, "units/"), parents[u.name], u.kind)
	}
	m.staff()
	m.keyless = m.outsiders()
	for _, home := range []string{province, bureau, school, office} {
		m.records[home] = m.keep(home)
	}
	m.records[""] = m.records[school]
	s.CatchUp()
	m.bury()
	return m
}

// staff gives every role to somebody on every unit, all roles at once, so that
// they share commits.
func (m *matrix) staff() {
	var wait sync.WaitGroup
	var mu sync.Mutex
	for _, role := range roles() {
		wait.Go(func() {
			held, narrowed := m.appoint(role), m.keyed(role)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(m.held, held)
			m.narrowed[role] = narrowed
		})
	}
	wait.Wait()
	if m.suite.T.Failed() {
		m.suite.T.FailNow()
	}
}

// appoint gives the role to somebody on every unit, and to somebody who lost it.
func (m *matrix) appoint(role accessv1.Role) map[post]caller {
	held := map[post]caller{{role: role, unit: province}: m.hold(role, province, province)}
	for _, u := range units {
		held[post{role: role, unit: u.name}] = m.hold(role, u.name, u.name)
	}
	for _, home := range []string{province, bureau, school, office} {
		for _, p := range []post{insiders(role, home), {role, home, places[home]["child"]}} {
			held[p] = m.hold(role, p.unit, p.from)
		}
	}
	for _, g := range mergers {
		p := insiders(role, g.heir())
		held[p] = m.hold(role, p.unit, p.from)
	}
	past := m.enter(role, province)
	m.end(m.suite.Grant(past.Name, province, role))
	held[post{role: role}] = caller{name: role.String() + " whose grant has ended", key: past.Key, machine: machine(role)}
	return held
}

// insiders hold the role above the unit that they are entered in; nobody does above the
// root, whose cells are filled by the school's.
func insiders(role accessv1.Role, unit string) post {
	if unit == province {
		unit = school
	}
	return post{role, parents[unit], unit}
}

func (m *matrix) hold(role accessv1.Role, unit, from string) caller {
	p := m.enter(role, from)
	m.suite.Grant(p.Name, unit, role)
	return caller{name: role.String() + " on " + unit + " from " + from, person: p.Name, key: p.Key, machine: machine(role), role: role, unit: unit, from: from}
}

// enter enters a person, or a machine for a machine's role.
func (m *matrix) enter(role accessv1.Role, unit string) suitetest.Person {
	if machine(role) {
		return m.suite.Machine(unit)
	}
	return m.suite.Person(unit)
}

// machine says whether only machines hold the role.
func machine(role accessv1.Role) bool {
	return role == accessv1.Role_ROLE_REPORTER || role == accessv1.Role_ROLE_PORTAL
}

func (m *matrix) end(grant string) {
	_, err := m.suite.Organization(m.suite.SecurityAdmin).DeleteRoleGrant(m.suite.T.Context(), &organizationv1.DeleteRoleGrantRequest{Name: grant})
	if err != nil {
		m.suite.T.Fatal(err)
	}
}

// key is that of who holds the role on the unit.
func (m *matrix) key(role accessv1.Role, unit string) string {
	return m.held[post{role: role, unit: unit}].key
}

// standing is who holds the role in that relation to the home.
func (m *matrix) standing(role accessv1.Role, to relation, home string) caller {
	at := cmp.Or(home, school) // a method about no unit is called from around the school
	switch to {
	case none:
		return m.held[post{role: role}]
	case insider:
		return m.held[insiders(role, at)]
	case seconded:
		return m.held[post{role, at, places[at]["child"]}]
	default:
		return m.held[post{role: role, unit: places[home][to]}]
	}
}
