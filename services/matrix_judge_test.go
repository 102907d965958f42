package services_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	protobuf "google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
)

// cell is one caller before the records of one unit.
type cell struct {
	visit   visit // zero for who stands in no relation
	method  method
	fixture fixture
	caller  caller
	home    string
}

// expect is what the rule says, narrowed by what the record asks for, or the
// exception to it. No exception gives anything to who has no key or no role.
func (c cell) expect() outcome {
	o := expect(c.method.rule, c.caller, c.home)
	if o == anonymous || o == refused {
		return o
	}
	for _, e := range c.fixture.except {
		if e.when(c.caller, c.home) {
			return e.want
		}
	}
	if o == granted && c.fixture.only != nil && !slices.ContainsFunc(c.fixture.only, c.acts) {
		return denied
	}
	return o
}

// acts says whether the caller has the right.
func (c cell) acts(r right) bool {
	return slices.Contains(r.roles, c.caller.role) && inScope(r.scope, c.caller, c.caller.unit, c.home)
}

// judge calls for a record that is there, and for such as are not, and holds the
// answers against what is expected and against each other.
func (m *matrix) judge(t *testing.T, c cell, alike *alike) {
	real := m.records[c.home].from(c.caller)
	req, want := c.fixture.ask(real), c.expect()
	for _, a := range m.call(t, c, req) {
		if !c.fits(want, a.code) {
			t.Errorf("%v over %s: %v, want %v\n%s", c, a.over, a.code, want, a.told)
		}
		c.sifted(t, want, real, a)
		c.nameless(t, a)
		alike.check(t, c, want, a)
	}
	for _, none := range c.ghosts(want, real) {
		absent := c.fixture.ask(none)
		if c.fixture.sifts || protobuf.Equal(absent, req) {
			continue
		}
		for _, a := range m.call(t, c, absent) {
			if !c.fits(want.absent(), a.code) {
				t.Errorf("%v over %s for what is not there: %v, want %v\n%s", c, a.over, a.code, want.absent(), a.told)
			}
			alike.check(t, c, want.absent(), a)
		}
	}
}

// nameless holds that nobody outside reads of a member.
func (c cell) nameless(t *testing.T, a answer) {
	outside := c.caller.role == accessv1.Role_ROLE_PORTAL || c.method.rule.GetPublic()
	if outside && a.code == codes.OK && strings.Contains(a.text(), "/members/") {
		t.Errorf("%v over %s reads of a member: %s", c, a.over, a.text())
	}
}

// absent is what comes of the same call for a record that is not there.
func (o outcome) absent() outcome {
	if o == anonymous || o == refused {
		return o
	}
	return hidden
}

// ghosts are the records to ask for that are not there: for every role once by
// the name of a unit that is not there and once beneath one that is, and again
// where the real ones are hidden. Alike does the rest.
func (c cell) ghosts(want outcome, r records) []records {
	elsewhere, leaf := r.ghosts()
	switch {
	case c.visit.to == "self" && want != refused:
		return []records{elsewhere, leaf}
	case c.visit.to == "self", c.visit.to == "other branch" && want == hidden, c.visit.to == "" && (want != anonymous || !c.caller.dead):
		return []records{elsewhere}
	case c.visit.to == "sibling" && want == hidden:
		return []records{leaf}
	default:
		return nil
	}
}

// alike holds all refusals of one kind against each other: whoever may not know
// of a record must not be able to tell it from what is not there.
type alike struct{ first sync.Map }

func (x *alike) check(t *testing.T, c cell, want outcome, a answer) {
	if want == granted || want == lacking || want == denied || c.fixture.sifts {
		return
	}
	key := a.over + want.code().String()
	if first, ok := x.first.LoadOrStore(key, a.told); ok && first != a.told {
		t.Errorf("%v over %s: one %v can be told from another:\n%q\n%q", c, a.over, want, a.told, first)
	}
}

// fits says whether the code is what is wanted. A call that was granted may still
// be refused by the state of the record, but not as malformed.
func (c cell) fits(want outcome, code codes.Code) bool {
	switch {
	case c.fixture.sifts && (want == hidden || want == denied), want == granted:
		return code == codes.OK || code == codes.FailedPrecondition || code == codes.AlreadyExists || code == codes.Aborted ||
			c.fixture.limited && code == codes.ResourceExhausted
	case want == hidden:
		return code == c.missing()
	default:
		return code == want.code()
	}
}

// missing is the code for what is not there.
func (c cell) missing() codes.Code {
	if c.fixture.hides != codes.OK {
		return c.fixture.hides
	}
	return codes.NotFound
}

// sifted holds what a list shows against what the caller may see.
func (c cell) sifted(t *testing.T, want outcome, r records, a answer) {
	if c.fixture.shows == nil || a.code != codes.OK {
		return
	}
	name := c.fixture.shows(r)
	if shown := strings.Contains(packed(a.text()), `"name":"`+name+`"`); shown != (want == granted) {
		t.Errorf("%v over %s: shows %s: %v, want %v", c, a.over, name, shown, want == granted)
	}
}

// packed takes the spaces out of JSON, in which protojson varies.
func packed(text string) string { return strings.Join(strings.Fields(text), "") }

// call makes the call on every wire.
func (m *matrix) call(t *testing.T, c cell, req protobuf.Message) []answer {
	answers, err := m.wires.call(m.suite.T.Context(), c.method, c.caller.key, req)
	if err != nil {
		t.Errorf("%v: %v", c, err) // this is a worker: only the test itself may end the test
		return nil
	}
	m.calls.Add(int64(len(answers)))
	return answers
}

func (c cell) String() string {
	text := c.caller.name
	if c.home != "" {
		text += ", for a record of " + c.home
	}
	if c.fixture.note != "" {
		text += " (" + c.fixture.note + ")"
	}
	return text
}
