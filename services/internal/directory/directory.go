// Package directory holds the tree of units and the grants in memory, as it is
// and as it was on any past day, by following the organization service's feed.
// The units of installations below come from federation's feed, which has judged
// what those may bring; their grants never do. Every process has one; authz decides
// by it, and services ask it who stands above whom. It changes nothing: the
// organization service does.
package directory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
)

// Staleness is how old the tree may be before rights are no longer decided by
// it.
const Staleness = 30 * time.Second

// ErrStale says that the organization service has not been heard for too long.
var ErrStale = fault.Of(faultv1.Reason_REASON_DIRECTORY_STALE)

// Directory is safe for concurrent use.
type Directory struct {
	Now func() time.Time // real time
	// Today is the civil day in China by the installation's clock, YYYY-MM-DD.
	Today func() string
	// Key is told the name of every key that is issued, rotated or revoked, in
	// the feed's order. It MUST NOT call the directory; nil for nobody.
	Key func(name string)

	mu       sync.RWMutex
	feeds    feedv1.FeedServiceClient
	units    map[string]*unit
	children map[string][]string // by parent, in the order of their names
	grants   map[string][]authz.Grant
	posts    map[string][]*organizationv1.Post // by member; none of one who is entered without
	machines map[string]string                 // by machine: the unit that answers for it
	tied     map[string][]Tie                  // by principal: of every post and grant that there ever was
	around   map[string][]string               // by unit: who is tied to it
	moved    []move
	root     string
	current  bool // has been up to date once
	heard    time.Time
	next     map[string]uint64 // by feed
	turned   chan struct{}     // closed when next changes
	latest   map[string]*latest
	remote
}

// unit is a unit in time: its versions in the order they took effect.
type unit struct{ versions []version }

type version struct {
	since time.Time
	is    *organizationv1.Unit
}

// now is the newest version.
func (u *unit) now() *organizationv1.Unit { return u.versions[len(u.versions)-1].is }

// at is the version in force at t, or nil before the unit was created.
func (u *unit) at(t time.Time) *organizationv1.Unit {
	for _, v := range slices.Backward(u.versions) {
		if !v.since.After(t) {
			return v.is
		}
	}
	return nil
}

// New returns an empty directory; Follow fills it.
func New(client feedv1.FeedServiceClient, now func() time.Time) *Directory {
	return &Directory{
		feeds: client, Now: now, Today: func() string { return calendar.On(now()).String() },
		units: map[string]*unit{}, children: map[string][]string{}, grants: map[string][]authz.Grant{}, machines: map[string]string{}, posts: map[string][]*organizationv1.Post{}, tied: map[string][]Tie{}, around: map[string][]string{},
		next: map[string]uint64{}, turned: make(chan struct{}), latest: map[string]*latest{own: newLatest(), below: newLatest()}, remote: remote{bound: map[string]string{}},
	}
}

// Follow keeps the directory up to date until ctx is done.
func (d *Directory) Follow(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	feeds := turning{d.source(), d}
	g.Go(func() error { return feed.Follow(ctx, feeds, feed.Reader{Feed: own, Apply: d.apply}) })
	g.Go(func() error { return feed.Follow(ctx, feeds, feed.Reader{Feed: below, Apply: d.applyBelow}) })
	return g.Wait()
}

// The feeds that tell of the tree: of the units kept here, and of those below.
const (
	own   = "organization"
	below = "federation"
)

func (d *Directory) apply(_ context.Context, run []*feedv1.Entry, next, size uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := each(own, run, d.learn); err != nil {
		return err
	}
	d.heard = d.Now()
	d.current = d.current || next == size
	d.reach(own, next)
	return nil
}

// each gives what the entries of a feed say to learn, and since when.
func each(name string, run []*feedv1.Entry, learn func(body proto.Message, since time.Time)) error {
	for _, e := range run {
		if e.GetBody() == nil {
			continue
		}
		body, err := e.GetBody().UnmarshalNew()
		if err != nil {
			return fmt.Errorf("entry %d of the %s: %w", e.GetSeq(), name, err)
		}
		learn(body, e.GetEffective().AsTime())
	}
	return nil
}

// reach notes how far a feed is known, for those who wait for it.
func (d *Directory) reach(name string, next uint64) {
	d.next[name] = next
	close(d.turned)
	d.turned = make(chan struct{})
}

// learn takes in one change. What is neither unit nor grant, nor who serves where,
// is not kept here; none of them is ever deleted.
func (d *Directory) learn(body proto.Message, since time.Time) {
	switch body := body.(type) {
	case *organizationv1.Unit:
		d.learnUnit(body, since)
	case *organizationv1.RoleGrant:
		d.learnGrant(body, since)
	case *organizationv1.Member:
		d.learnPosts(body, since)
	case *organizationv1.Machine:
		d.machines[body.GetName()] = body.GetUnit()
	case *organizationv1.ApiKey:
		if d.Key != nil {
			d.Key(body.GetName())
		}
	}
}

func (d *Directory) learnUnit(is *organizationv1.Unit, since time.Time) {
	name := is.GetName()
	u := d.units[name]
	if u == nil {
		u = &unit{}
		d.units[name] = u
		d.enter(name, is)
	} else {
		before := u.now().GetParent()
		if before != is.GetParent() {
			d.note(name, since)
		}
		d.children[before] = slices.DeleteFunc(d.children[before], func(c string) bool { return c == name })
	}
	u.versions = append(u.versions, version{since, is})
	if is.GetParent() == "" {
		d.root = name
	}
	at, _ := slices.BinarySearch(d.children[is.GetParent()], name)
	d.children[is.GetParent()] = slices.Insert(d.children[is.GetParent()], at, name)
}

func (d *Directory) learnGrant(g *organizationv1.RoleGrant, since time.Time) {
	d.tie(g.GetPrincipal(), Tie{Unit: g.GetUnit(), Head: g.GetRole() == accessv1.Role_ROLE_HEAD, Since: since})
	held := slices.DeleteFunc(slices.Clone(d.grants[g.GetPrincipal()]), func(h authz.Grant) bool { return h.Name == g.GetName() })
	if g.GetEndTime() == nil {
		held = append(held, authz.Grant{Name: g.GetName(), Role: g.GetRole(), Unit: g.GetUnit()})
	}
	d.grants[g.GetPrincipal()] = held
}

// Fresh implements authz.Tree.
func (d *Directory) Fresh() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if !d.current || d.Now().Sub(d.heard) > Staleness {
		return ErrStale
	}
	return nil
}

// Prepared returns when the directory has been up to date once, or with ctx's
// error.
func (d *Directory) Prepared(ctx context.Context) error {
	for {
		_, moved := d.position(own)
		if d.Fresh() == nil {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Position says how many entries of the organization's feed the directory knows.
func (d *Directory) Position() uint64 {
	next, _ := d.position(own)
	return next
}

// Turns rises with every change of the tree, here or below.
func (d *Directory) Turns() uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.next[own] + d.next[below]
}

// CatchUp brings the directory up to what the organization service has now.
func (d *Directory) CatchUp(ctx context.Context) error { return d.catchUp(ctx, own) }

// CatchUpBelow brings it up to what is known of the units of installations below.
func (d *Directory) CatchUpBelow(ctx context.Context) error { return d.catchUp(ctx, below) }

func (d *Directory) catchUp(ctx context.Context, name string) error {
	size, err := d.latest[name].size(ctx, func(ctx context.Context) (uint64, error) {
		cp, err := d.source().GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + name})
		return cp.GetSize(), err
	})
	if err != nil {
		return err
	}
	return d.await(ctx, name, size)
}

// await returns when the directory knows the first size entries of the feed, or with
// ctx's error.
func (d *Directory) await(ctx context.Context, name string, size uint64) error {
	for {
		next, moved := d.position(name)
		if next >= size {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Turn lets the directory ask another service, as tests do when one falls silent.
func (d *Directory) Turn(to func(feedv1.FeedServiceClient) feedv1.FeedServiceClient) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.feeds = to(d.feeds)
}

// turning reads from whom the directory asks at the time of each call.
type turning struct {
	feedv1.FeedServiceClient
	d *Directory
}

// ListRecords implements feedv1.FeedServiceClient.
func (t turning) ListRecords(ctx context.Context, req *feedv1.ListRecordsRequest, o ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	return t.d.source().ListRecords(ctx, req, o...)
}

func (d *Directory) source() feedv1.FeedServiceClient {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.feeds
}

func (d *Directory) position(name string) (uint64, <-chan struct{}) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.next[name], d.turned
}
