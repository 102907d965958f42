package services_test

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	protobuf "google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestMatrix calls every method of the suite as every role from every place of
// the tree, over gRPC and REST, and holds the answers against what the contract
// says in words (matrix_oracle_test.go). A method without a fixture fails. No cell is
// left out, but under the race detector, which makes each call five times as dear and
// learns nothing from who is refused: `make test` runs this test both ways.
func TestMatrix(t *testing.T) {
	m := newMatrix(t, suitetest.Run(t))
	if suitetest.Raced {
		m.every = 8
	}
	m.fill(t)
	m.narrow(t)
	m.bequeath(t)
}

// TestMatrixOfProcesses tries some of the cells on a suite of one process for each
// role, where a caller's service is what its certificate says.
func TestMatrixOfProcesses(t *testing.T) {
	const few = 40 // one in so many
	m := newMatrix(t, suitetest.Split(t))
	m.every = few
	m.fill(t)
	m.narrow(t)
}

// fill tries all cells.
func (m *matrix) fill(t *testing.T) {
	left := m.fixtures()
	for _, served := range m.suite.Methods() {
		if streams[served.FullName] != "" {
			continue
		}
		t.Run(strings.ReplaceAll(strings.TrimPrefix(served.FullName, "/"), "/", "."), func(t *testing.T) {
			method := describe(t, served.FullName)
			if len(left[method.full]) == 0 {
				t.Fatal("the method has no fixture: say in matrix_<service>_test.go how it is called for a record of a unit")
			}
			for i, f := range left[method.full] {
				m.try(t, method, f, i == 0)
			}
			m.complete(t, method)
		})
		delete(left, served.FullName)
	}
	for _, full := range slices.Sorted(maps.Keys(left)) {
		t.Errorf("there is a fixture for %s, which is no method of the suite", full)
	}
	t.Logf("%d methods, one in %d of %d cells, %d calls", len(m.seen), m.every, m.cells, m.calls.Load())
}

// streams are methods that one request does not show, and the test that does.
var streams = map[string]string{
	"/duban.federation.v1.FederationService/Replicate": "federation/server: TestForgeriesAreRefused",
	"/duban.federation.v1.LogService/RestoreLog":       "internal/suitetest: TestFederationAloneSpeaksOfLogs",
}

// fixture says how a method is called for a record of a unit.
type fixture struct {
	// note tells fixtures of the same method apart.
	note string
	// ask gives the request. The records may be such as do not exist.
	ask func(records) protobuf.Message
	// homes are the units whose records are asked for; nil: a school, and its
	// department too where the rule says OWN. The empty home stands for methods
	// that are about no unit.
	homes []string
	// shows names the record that the answer must hold, if the caller may see it.
	shows func(records) string
	// sifts is set for lists that name no unit: they never refuse who holds the
	// role, and leave out what is not for the caller.
	sifts bool
	// limited is set for methods that refuse when they are called too often.
	limited bool
	// hides is the code for what is not there, where it is not NOT_FOUND.
	hides codes.Code
	// only are the rights that the record asks for beside the rule; nil: none.
	only []right
	// except are the cells in which more than the rule decides.
	except []exception
	// merged are those that come before them once the unit was merged (撤并).
	merged []exception
}

// right is a way to act: one of the roles, in the scope.
type right struct {
	scope accessv1.Scope
	roles []accessv1.Role
}

// exception is an answer that the rule alone does not give.
type exception struct {
	why  string
	when func(c caller, home string) bool
	want outcome
}

// visit is a cell of a method: a role that stands to the unit of the record in a
// relation.
type visit struct {
	role accessv1.Role
	to   relation
}

// crew is how many cells are tried at once, so that calls share commits.
const crew = 8

// try calls the method for records of each home, as everybody. Who is refused by
// role alone is refused before there is a record: after the first fixture and
// home these cells are tried for one relation of each role.
func (m *matrix) try(t *testing.T, method method, f fixture, first bool) {
	refusals := &alike{}
	for i, home := range f.at(method.rule) {
		m.tryAll(func(yield func(cell) bool) {
			for c := range m.everybody(method.rule, home) {
				c.method, c.fixture = method, f
				if first && i == 0 || c.visit.to == "self" || c.expect() > refused {
					m.visited(method, c.visit)
					if !yield(c) {
						return
					}
				}
			}
		}, func(c cell) { m.judge(t, c, refusals) })
	}
}

// tryAll judges one in so many of the cells, several at once.
func (m *matrix) tryAll(cells iter.Seq[cell], judge func(cell)) {
	var wait sync.WaitGroup
	queue := make(chan cell)
	for range crew {
		wait.Go(func() {
			for c := range queue {
				judge(c)
			}
		})
	}
	for c := range cells {
		if m.cells++; m.cells%m.every == 0 {
			queue <- c
		}
	}
	close(queue)
	wait.Wait()
}

func (f fixture) at(rule *accessv1.Rule) []string {
	switch {
	case f.homes != nil:
		return f.homes
	case rule.GetScope() == accessv1.Scope_SCOPE_OWN:
		return []string{school, office}
	default:
		return []string{school}
	}
}

// everybody is every role in every relation to the home, and those who have no
// role or no key.
func (m *matrix) everybody(rule *accessv1.Rule, home string) iter.Seq[cell] {
	return func(yield func(cell) bool) {
		for _, role := range roles() {
			for _, to := range relations {
				if !yield(cell{visit: visit{role, to}, home: home, caller: m.standing(role, to, home)}) {
					return
				}
			}
		}
		for _, c := range m.strangers(rule) {
			if !yield(cell{home: home, caller: c}) {
				return
			}
		}
	}
}

// visited remembers that a cell was among those to try.
func (m *matrix) visited(method method, v visit) {
	if m.seen[method.full] == nil {
		m.seen[method.full] = map[visit]bool{}
	}
	if v.role != 0 {
		m.seen[method.full][v] = true
	}
}

// complete says whether every cell of the method was tried.
func (m *matrix) complete(t *testing.T, method method) {
	if got, want := len(m.seen[method.full]), 13*9; got != want {
		t.Errorf("%d cells were tried, want 13 roles × 9 relations = %d", got, want)
	}
}
