package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// admins are the keys of the administrators that the tests call as.
type admins struct{ system, auditor string }

// initialize sets up an installation that was started for the first time.
func initialize(t *testing.T, d *child) admins {
	t.Helper()
	return initializeWith(t, d, d.bootstrap())
}

// bootstrap returns the bootstrap key that the child prints.
func (d *child) bootstrap() string {
	d.t.Helper()
	select {
	case key := <-d.keys:
		return key
	case <-time.After(patience):
		d.t.Fatalf("no bootstrap key was printed:\n%s", d.log)
		return ""
	}
}

func initializeWith(t *testing.T, d *child, key string) admins {
	t.Helper()
	answer, err := caller{d.dial(), key, ""}.org().Initialize(t.Context(), &organizationv1.InitializeRequest{
		Root:        &organizationv1.Unit{DisplayName: "某省教育厅", Kind: organizationv1.Unit_KIND_PROVINCE},
		RootId:      "root",
		SystemAdmin: "系统管理员", SecurityAdmin: "安全管理员", Auditor: "审计员",
	})
	if err != nil {
		t.Fatalf("initializing: %v", err)
	}
	return admins{answer.GetSystemAdmin().GetSecret(), answer.GetAuditor().GetSecret()}
}

// caller calls a child with the administrators' keys.
type caller struct {
	conn            *grpc.ClientConn
	system, auditor string
}

// dial connects to the child by gRPC.
func (d *child) dial() *grpc.ClientConn {
	d.t.Helper()
	conn, err := grpc.NewClient(d.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() }) // some close it before
	return conn
}

// as returns the child's caller.
func (d *child) as(keys admins) caller { return caller{d.dial(), keys.system, keys.auditor} }

func (c caller) org() organizationv1.OrganizationServiceClient {
	return organizationv1.NewOrganizationServiceClient(keyed{c.conn, c.system})
}

func (c caller) feed() feedv1.FeedServiceClient {
	return feedv1.NewFeedServiceClient(keyed{c.conn, c.auditor})
}

// keyed adds a key to every call.
type keyed struct {
	grpc.ClientConnInterface
	key string
}

func (k keyed) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+k.key)
	return k.ClientConnInterface.Invoke(ctx, method, req, resp, opts...)
}

// A write creates or changes one unit or member. It says what the record must be
// afterwards, so that its repeat can be told from a second one.
type write struct {
	id     string // request id
	parent string // of a new record
	name   string // of one that changes; empty for a new one
	member bool
	text   string // the display name, unique among all writes
}

// saved is a record as a child answered it.
type saved struct{ text, etag string }

// record is what units and members have in common.
type record interface {
	GetName() string
	GetDisplayName() string
	GetEtag() string
}

func (w write) send(ctx context.Context, org organizationv1.OrganizationServiceClient) (record, error) {
	unit := &organizationv1.Unit{Name: w.name, DisplayName: w.text}
	member := &organizationv1.Member{Name: w.name, DisplayName: w.text}
	switch {
	case w.member && w.name == "":
		return org.CreateMember(ctx, &organizationv1.CreateMemberRequest{Parent: w.parent, Member: member, RequestId: w.id})
	case w.member:
		return org.UpdateMember(ctx, &organizationv1.UpdateMemberRequest{Member: member, RequestId: w.id})
	case w.name == "":
		unit.Parent, unit.Kind = w.parent, organizationv1.Unit_KIND_SCHOOL
		return org.CreateUnit(ctx, &organizationv1.CreateUnitRequest{Unit: unit, RequestId: w.id})
	default:
		return org.UpdateUnit(ctx, &organizationv1.UpdateUnitRequest{Unit: unit, RequestId: w.id})
	}
}

// load is what writers did beneath one unit, and what they were told.
type load struct {
	parent string

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
	return &load{parent: u.GetName(), acked: map[string]saved{}}
}

// start lets writers write until each meets an error, and returns a channel that
// is closed when all have.
func (l *load) start(ctx context.Context, c caller, writers int) <-chan struct{} {
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { l.write(ctx, c.org(), i) })
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	return done
}

// write creates a record and changes it, over and over.
func (l *load) write(ctx context.Context, org organizationv1.OrganizationServiceClient, writer int) {
	for n := 0; ; n++ {
		id := fmt.Sprintf("%s w%d n%d", l.parent, writer, n)
		w := write{id: id + " create", text: id + " new", parent: l.parent, member: n%2 == 1}
		name, err := l.do(ctx, org, w)
		if err != nil {
			return
		}
		w = write{id: id + " change", text: id + " changed", name: name, member: w.member}
		if _, err := l.do(ctx, org, w); err != nil {
			return
		}
	}
}

// do sends a write and notes what came of it.
func (l *load) do(ctx context.Context, org organizationv1.OrganizationServiceClient, w write) (string, error) {
	r, err := w.send(ctx, org)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.lost, l.errs = append(l.lost, w), append(l.errs, err)
		return "", err
	}
	l.acked[r.GetName()] = saved{r.GetDisplayName(), r.GetEtag()}
	return r.GetName(), nil
}

// held reads everything beneath the load's unit.
func (l *load) held(t *testing.T, c caller) map[string]saved {
	t.Helper()
	all := map[string]saved{}
	add := func(r record) {
		if r.GetName() != l.parent {
			all[r.GetName()] = saved{r.GetDisplayName(), r.GetEtag()}
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
			if _, err := l.do(t.Context(), c.org(), w); err != nil {
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
