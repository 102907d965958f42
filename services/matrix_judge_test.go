package services_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	protobuf "google.golang.org/protobuf/proto"
)

// cell is one caller before the records of one unit.
type cell struct {
	method  method
	fixture fixture
	caller  caller
	home    string
}

// expect is what the rule says, or the exception to it.
func (c cell) expect() outcome {
	for _, e := range c.fixture.except {
		if e.when(c.caller, c.home) {
			return e.want
		}
	}
	return expect(c.method.rule, c.caller, c.home)
}

// judge calls for a record that is there, and for such as are not, and holds the
// answers against what is expected and against each other.
func (m *matrix) judge(t *testing.T, c cell) {
	real := m.records[c.home].from(c.caller)
	req := c.fixture.ask(real)
	want := c.expect()
	answers := m.call(t, c, req)
	for _, a := range answers {
		if !c.fits(want, a.code) {
			t.Errorf("%v over %s: %v, want %v\n%s", c, a.over, a.code, want, a.told)
		}
		m.sifted(t, c, want, real, a)
	}
	for _, none := range real.ghosts() {
		absent := c.fixture.ask(none)
		if c.fixture.sifts || protobuf.Equal(absent, req) {
			continue
		}
		m.compare(t, c, want, answers, m.call(t, c, absent))
	}
}

// fits says whether the code is what is wanted. A call that was granted may still
// be refused by the state of the record, but not as malformed.
func (c cell) fits(want outcome, code codes.Code) bool {
	switch {
	case c.fixture.sifts && (want == hidden || want == denied), want == granted:
		return code == codes.OK || code == codes.FailedPrecondition || code == codes.AlreadyExists || code == codes.Aborted
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
func (m *matrix) sifted(t *testing.T, c cell, want outcome, r records, a answer) {
	if c.fixture.shows == nil || a.code != codes.OK {
		return
	}
	name := c.fixture.shows(r)
	if shown := strings.Contains(packed(a.text), `"name":"`+name+`"`); shown != (want == granted) {
		t.Errorf("%v over %s: shows %s: %v, want %v", c, a.over, name, shown, want == granted)
	}
}

// packed takes the spaces out of JSON, which protojson puts in at random.
func packed(text string) string { return strings.ReplaceAll(text, " ", "") }

// compare holds the answers for a record that is there against those for one
// that is not: whoever may not know of it must not be able to tell them apart.
func (m *matrix) compare(t *testing.T, c cell, want outcome, real, absent []answer) {
	expected := c.missing()
	if want == anonymous || want == refused {
		expected = want.code()
	}
	for i, a := range absent {
		if a.code != expected {
			t.Errorf("%v over %s for what is not there: %v, want %v\n%s", c, a.over, a.code, expected, a.told)
		}
		if want != granted && want != denied && a.told != real[i].told {
			t.Errorf("%v over %s: what is not there is told from what is not for the caller\n%q\n%q", c, a.over, a.told, real[i].told)
		}
	}
}

// call makes the call on every wire.
func (m *matrix) call(t *testing.T, c cell, req protobuf.Message) []answer {
	answers, err := m.wires.call(m.suite.T.Context(), c.method, c.caller.key, req)
	if err != nil {
		t.Fatalf("%v: %v", c, err)
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
