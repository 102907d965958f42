package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// kind is what a write is about.
type kind int

const (
	aUnit kind = iota
	aMember
	aProblem
)

var everyKind = []kind{aUnit, aMember, aProblem}

// A write creates or changes one record. It says what the record must be
// afterwards, so that its repeat can be told from a second one.
type write struct {
	id     string // request id
	kind   kind
	parent string // of a new record
	name   string // of one that changes; empty for a new one
	text   string // its display name or description, unique among all writes
}

// saved is a record as a child answered it.
type saved struct{ text, etag string }

// record is what all records have in common.
type record interface {
	GetName() string
	GetEtag() string
}

func savedAs(r record) saved {
	switch r := r.(type) {
	case interface{ GetDisplayName() string }:
		return saved{r.GetDisplayName(), r.(record).GetEtag()}
	case interface{ GetDescription() string }:
		return saved{r.GetDescription(), r.(record).GetEtag()}
	}
	return saved{}
}

func (w write) send(ctx context.Context, c caller) (record, error) {
	unit := &organizationv1.Unit{Name: w.name, DisplayName: w.text}
	member := &organizationv1.Member{Name: w.name, DisplayName: w.text}
	problem := &rectificationv1.Problem{Name: w.name, Description: w.text}
	changes := w.name != ""
	switch {
	case w.kind == aMember && changes:
		return c.org().UpdateMember(ctx, &organizationv1.UpdateMemberRequest{Member: member, RequestId: w.id})
	case w.kind == aMember:
		return c.org().CreateMember(ctx, &organizationv1.CreateMemberRequest{Parent: w.parent, Member: member, RequestId: w.id})
	case w.kind == aProblem && changes:
		return c.problems().UpdateProblem(ctx, &rectificationv1.UpdateProblemRequest{Problem: problem, RequestId: w.id})
	case w.kind == aProblem:
		problem.Level, problem.Source = rectificationv1.Problem_LEVEL_UNIT, rectificationv1.Problem_SOURCE_SELF_CHECK
		return c.problems().CreateProblem(ctx, &rectificationv1.CreateProblemRequest{Parent: w.parent, Problem: problem, RequestId: w.id})
	case changes:
		return c.org().UpdateUnit(ctx, &organizationv1.UpdateUnitRequest{Unit: unit, RequestId: w.id})
	default:
		unit.Parent, unit.Kind = w.parent, organizationv1.Unit_KIND_SCHOOL
		return c.org().CreateUnit(ctx, &organizationv1.CreateUnitRequest{Unit: unit, RequestId: w.id})
	}
}

// load is what writers did beneath one unit, and what they were told.
type load struct {
	parent, ledger string
	kinds          []kind // of writes, in turn
	most           int    // records that each writer makes; 0: until it meets an error

	mu    sync.Mutex
	acked map[string]saved // by name
	lost  []write          // that were not answered with success
	errs  []error          // that lost ones were answered with
}

// newLoad makes the unit that a load is put on, which shows that writes work.
func newLoad(t *testing.T, c caller, id string) *load {
	t.Helper()
	u, err := c.org().CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{
		UnitId: id, Unit: &organizationv1.Unit{DisplayName: id, Kind: organizationv1.Unit_KIND_CITY, Parent: "units/root"},
	})
	if err != nil {
		t.Fatalf("creating the unit of %s: %v", id, err)
	}
	_, err = c.security().CreateRoleGrant(t.Context(), &organizationv1.CreateRoleGrantRequest{
		RoleGrant: &organizationv1.RoleGrant{Principal: c.name, Role: accessv1.Role_ROLE_CLERK, Unit: u.GetName()},
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.problems().CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: u.GetName()}})
	if err != nil {
		t.Fatal(err)
	}
	return &load{parent: u.GetName(), ledger: g.GetName(), kinds: everyKind, acked: map[string]saved{}}
}

// start lets writers write until each meets an error or has made as many as it
// may, and returns a channel that is closed when all have.
func (l *load) start(ctx context.Context, c caller, writers int) <-chan struct{} {
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { l.write(ctx, c, i) })
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	return done
}

// write creates a record and changes it, over and over.
func (l *load) write(ctx context.Context, c caller, writer int) {
	for n := 0; l.most == 0 || n < l.most; n++ {
		id := fmt.Sprintf("%s w%d n%d", l.parent, writer, n)
		w := write{id: id + " create", kind: l.kinds[(writer+n)%len(l.kinds)], parent: l.parent, text: id + " new"}
		if w.kind == aProblem {
			w.parent = l.ledger
		}
		name, err := l.do(ctx, c, w)
		if err != nil {
			return
		}
		w = write{id: id + " change", kind: w.kind, name: name, text: id + " changed"}
		if _, err := l.do(ctx, c, w); err != nil {
			return
		}
	}
}

// goesOn waits until one more record was written.
func (l *load) goesOn(ctx context.Context, t *testing.T) {
	t.Helper()
	before := l.written()
	for l.written() == before {
		select {
		case <-ctx.Done():
			t.Fatal("nobody can write")
		case <-time.After(time.Millisecond):
		}
	}
}

// written is how many records were written so far.
func (l *load) written() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// do sends a write and notes what came of it.
func (l *load) do(ctx context.Context, c caller, w write) (string, error) {
	r, err := w.send(ctx, c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.lost, l.errs = append(l.lost, w), append(l.errs, err)
		return "", err
	}
	l.acked[r.GetName()] = savedAs(r)
	return r.GetName(), nil
}

// held reads everything beneath the load's unit.
func (l *load) held(t *testing.T, c caller) map[string]saved {
	t.Helper()
	all := map[string]saved{}
	add := func(r record) {
		if r.GetName() != l.parent {
			all[r.GetName()] = savedAs(r)
		}
	}
	for token, more := "", true; more; more = token != "" {
		page, err := c.org().ListUnits(t.Context(), &organizationv1.ListUnitsRequest{Ancestor: l.parent, PageSize: 1000, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.GetUnits() {
			add(u)
		}
		token = page.GetNextPageToken()
	}
	for token, more := "", true; more; more = token != "" {
		page, err := c.org().ListMembers(t.Context(), &organizationv1.ListMembersRequest{Parent: l.parent, PageSize: 1000, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.GetMembers() {
			add(m)
		}
		token = page.GetNextPageToken()
	}
	for token, more := "", true; more; more = token != "" {
		page, err := c.problems().ListProblems(t.Context(), &rectificationv1.ListProblemsRequest{Parent: l.ledger, PageSize: 1000, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.GetProblems() {
			add(p)
		}
		token = page.GetNextPageToken()
	}
	return all
}

// kept checks that every acknowledged write is there, and that nothing else is
// but what an unanswered one may have left.
func (l *load) kept(t *testing.T, c caller) {
	t.Helper()
	pending := map[string]string{}
	fresh := map[string]bool{}
	for _, w := range l.lost {
		pending[w.name] = w.text
		fresh[w.text] = w.name == ""
	}
	there := l.held(t, c)
	for name, want := range l.acked {
		got, ok := there[name]
		if !ok || got != want && got != (saved{pending[name], "2"}) {
			t.Errorf("%s is %+v, was acknowledged as %+v", name, got, want)
		}
	}
	for name, got := range there {
		if _, ok := l.acked[name]; !ok && !fresh[got.text] {
			t.Errorf("%s is there as %+v, and nobody wrote it", name, got)
		}
	}
}

// repeat sends every unanswered write twice more, with its request id, and
// checks that this makes one record of each, and one change.
func (l *load) repeat(t *testing.T, c caller) {
	t.Helper()
	lost := l.lost
	l.lost, l.errs = nil, nil
	for range 2 {
		for _, w := range lost {
			if _, err := l.do(t.Context(), c, w); err != nil {
				t.Errorf("repeating %q: %v", w.id, err)
			}
		}
	}
	l.exact(t, c)
}

// exact checks that there is what was acknowledged, and nothing else.
func (l *load) exact(t *testing.T, c caller) {
	t.Helper()
	there := l.held(t, c)
	for name, want := range l.acked {
		if got := there[name]; got != want {
			t.Errorf("%s is %+v, was acknowledged as %+v", name, got, want)
		}
		delete(there, name)
	}
	for name, got := range there {
		t.Errorf("%s is there as %+v, a second time or from nowhere", name, got)
	}
}

// counted checks that the figures of the load's unit are those of its problems,
// as soon as all entries are counted.
func (l *load) counted(t *testing.T, c caller) {
	t.Helper()
	want := int64(0)
	for name := range l.acked {
		if strings.HasPrefix(name, l.ledger) {
			want++
		}
	}
	cp, err := c.feed().GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/rectification"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		s, err := c.figures().GetStatus(ctx, &aggregationv1.GetStatusRequest{Name: l.parent})
		if err != nil {
			t.Fatalf("figures of %s: %v", l.parent, err)
		}
		if current(s, "rectification", cp.GetSize()) {
			if got := found(s); got != want {
				t.Errorf("%s has %d problems and says %d", l.parent, want, got)
			}
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}

// found is how many problems the figures say were found; -1 if they do not.
func found(s *aggregationv1.Status) int64 {
	for _, f := range s.GetFigures() {
		if f.GetMetric() == "metrics/problems_found" {
			return f.GetValue()
		}
	}
	return -1
}

// current says whether the first size entries of a service are counted.
func current(s *aggregationv1.Status, service string, size uint64) bool {
	for _, f := range s.GetFreshness() {
		if f.GetService() == service {
			return f.GetCursor() >= size
		}
	}
	return false
}
