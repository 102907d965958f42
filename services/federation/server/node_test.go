package server_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/own"
	"github.com/duban-project/duban/services/federation/push"
	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/federation/server"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// node is an installation without its services: logs that a test writes in, the
// federation service, and the pushing upward. Its calls are real gRPC.
type node struct {
	t      testing.TB
	id     string
	era    uint64 // of its logs
	secret string // from which its key comes
	dir    string
	skew   time.Duration // of its clock
	ahead  *atomic.Int64 // by how much all clocks were moved on
	engine func(store.Engine) store.Engine
	// patience is how long an answer may take when it pushes: longer where no
	// message is lost, and the stream is to stay.
	patience time.Duration
	// recovers says whether it takes back what its logs have lost.
	simulated bool
	recovers  bool

	engines map[string]store.Engine
	logs    map[string]*feed.Log
	service *server.Service
	feeds   feedv1.FeedServiceClient
	server  *grpc.Server
	lis     *bufconn.Listener
	stop    chan struct{}
	figures *figures // above its mirrors; nil: none are kept
	urges   aggregationv1.UrgeServiceClient
	ended   sync.WaitGroup
}

var roles = []string{"federation", "organization", "rectification", "complaint"}

func newNode(t testing.TB, id string) *node {
	n := &node{t: t, id: id, era: 1, secret: id, dir: t.TempDir(), ahead: &atomic.Int64{}, engine: func(e store.Engine) store.Engine { return e }, patience: 300 * time.Millisecond}
	n.open()
	t.Cleanup(n.close)
	return n
}

func (n *node) now() time.Time {
	return time.Now().Add(n.skew + time.Duration(n.ahead.Load()))
}

func (n *node) origin(role string) string {
	return feed.OriginOfEra("edu.example/"+n.id+"/"+role, n.era)
}

func (n *node) key() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(n.secret))
	return ed25519.NewKeyFromSeed(seed[:])
}

func (n *node) cosigner() federation.Cosigner {
	seed := sha256.Sum256([]byte("cosigner " + n.id))
	return federation.NewCosigner("edu.example/"+n.id+"/mirror", ed25519.NewKeyFromSeed(seed[:]))
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// open starts it on what its folder has.
func (n *node) open() {
	n.engines, n.logs, n.stop = map[string]store.Engine{}, map[string]*feed.Log{}, make(chan struct{})
	sources := map[string]feedserver.Source{}
	for _, role := range roles {
		log, err := feed.New(feed.Config{Name: role, Origin: n.origin(role), Key: n.key(), Now: n.now, Random: rand.Reader})
		n.must(err)
		engine, err := bolt.Open(filepath.Join(n.dir, role+".db"), bolt.Options{BeforeCommit: log.Seal, OnCommit: log.Committed, MapSize: 64 << 20})
		n.must(err)
		n.engines[role], n.logs[role] = n.engine(engine), log
		sources[role] = feedserver.Source{Engine: n.engines[role], Log: log}
	}
	n.lis = bufconn.Listen(64 << 10)
	n.server = grpc.NewServer(grpc.UnaryInterceptor(asService))
	n.feeds = feedv1.NewFeedServiceClient(n.dial())
	n.service = server.New(n.book("federation"), server.Parts{
		Tree: units{at: n.id}, Cosigner: n.cosigner(), Silence: time.Minute, Own: n.own(), Urges: n.urges, Stopping: n.stop, Simulated: n.simulated,
	})
	n.service.Register(n.server)
	(&feedserver.Service{Sources: sources, Stopping: n.stop, Mirrors: n.service.Mirror}).Register(n.server)
	lis, s := n.lis, n.server
	n.ended.Go(func() { _ = s.Serve(lis) })
	n.figures.work(n)
}

func (n *node) own() own.Logs { return own.Logs{Store: n.engines["federation"], Feeds: n.feeds} }

func (n *node) book(role string) *change.Book {
	return &change.Book{
		Store: n.engines[role], Log: n.logs[role], Now: n.now, Clock: n.now,
		Pseudonym: func(string) []byte { return []byte("pseudonym") },
	}
}

// close stops it at once, whatever is under way.
func (n *node) close() {
	if n.server == nil {
		return
	}
	n.figures.rest()
	close(n.stop)
	n.server.Stop()
	n.server = nil
	n.ended.Wait()
	for _, e := range n.engines {
		n.must(e.Close())
	}
}

// dial returns a connection to the node as it runs now.
func (n *node) dial() *grpc.ClientConn {
	lis := n.lis
	conn, err := grpc.NewClient("passthrough:///"+n.id, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	n.must(err)
	n.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// asService makes every call that of a service, as between those of one process.
func asService(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	methods, err := authz.Methods(strings.Split(info.FullMethod, "/")[1])
	if err != nil {
		return nil, err
	}
	name := "services/federation"
	if strings.HasSuffix(info.FullMethod, "/ListMirrors") {
		name = "services/aggregation"
	}
	if strings.HasSuffix(info.FullMethod, "/GetBracket") {
		name = auditor
	}
	a, err := authz.Enter(units{}, methods[info.FullMethod], authn.Principal{Name: name})
	if err != nil {
		return nil, err
	}
	return handler(authz.With(ctx, a), req)
}

const auditor = "units/root/members/auditor"

// units is a tree in which every unit stands beneath the root, but for those two
// levels down.
type units struct {
	authz.Tree
	at string
}

func (units) Fresh() error                  { return nil }
func (units) Root() string                  { return "units/root" }
func (units) Position() uint64              { return 0 }
func (units) Path(unit string) []string     { return []string{unit, "units/root"} }
func (units) CatchUp(context.Context) error { return nil }
func (units) Subtree(name string) []string  { return []string{name} }

func (units) Grants(who string) []authz.Grant {
	if who != auditor {
		return nil
	}
	return []authz.Grant{{Name: "roleGrants/auditor", Role: accessv1.Role_ROLE_AUDITOR, Unit: "units/root"}}
}

func (u units) Unit(name string) *organizationv1.Unit {
	if strings.HasSuffix(u.at, "0000") && !strings.HasSuffix(name, "00") {
		return nil
	}
	return &organizationv1.Unit{Name: name}
}

// enrol enters the lower node's keys, also those of further origins.
func (n *node) enrol(lower *node, origins ...string) {
	n.t.Helper()
	in, err := federation.Enrol(enrolment(n.t, lower, origins...))
	n.must(err)
	n.put("federation", "federation.installation.enrolled.v1", in.GetName(), in)
}

// enrolment is what is entered of a node, with its keys.
func enrolment(t testing.TB, of *node, origins ...string) *federationv1.Installation {
	t.Helper()
	in := &federationv1.Installation{Unit: "units/" + of.id, DisplayName: "演示下级机构"}
	for _, role := range roles {
		origins = append(origins, of.origin(role))
	}
	for _, origin := range origins {
		key, err := note.NewEd25519VerifierKey(origin, of.key().Public().(ed25519.PublicKey))
		of.must(err)
		in.Logs = append(in.Logs, &federationv1.EnrolledLog{Origin: origin, VerifierKey: key})
	}
	return in
}

// put writes a record and its entry, as the pipeline does.
func (n *node) put(role, kind, name string, m proto.Message) {
	n.t.Helper()
	n.must(n.write(role, kind, name, m))
}

func (n *node) write(role, kind, name string, m proto.Message) error {
	log := n.logs[role]
	return n.engines[role].Update(context.Background(), func(tx store.Tx) error {
		rev, err := log.Next(tx, name)
		if err != nil {
			return err
		}
		b, err := proto.Marshal(m)
		if err != nil {
			return err
		}
		_, err = log.Append(tx, feed.Change{Kind: kind, Subject: name, Rev: rev, Effective: n.now(), Body: m})
		return errors.Join(err, tx.Put(string(m.ProtoReflect().Descriptor().FullName()), []byte(name), b))
	})
}

// work writes so many entries of the ledger.
func (n *node) work(count int) {
	n.t.Helper()
	var wait sync.WaitGroup
	for i := range count {
		wait.Go(func() {
			name := fmt.Sprintf("problems/%d", i%7)
			if err := n.write("rectification", "rectification.problem.updated.v1", name, n.found(name)); err != nil {
				n.t.Error(err)
			}
		})
	}
	wait.Wait()
}

// problem has something to seal as office.
func problem(name, text string) *rectificationv1.Problem {
	return &rectificationv1.Problem{Name: name, Description: text, PersonResponsible: "某某", LeaderResponsible: "某人"}
}

// push pushes to the upper node, through the transport, until the test or stop
// ends it.
func (n *node) push(up federationv1.FederationServiceClient, cosigner string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = push.Run(ctx, n.pushing(up, cosigner))
	}()
	stop = func() { cancel(); <-done }
	n.t.Cleanup(stop)
	return stop
}

func (n *node) pushing(up federationv1.FederationServiceClient, cosigner string) push.Config {
	service := n.service
	return push.Config{
		Installation: "installations/" + n.id, Up: up, Cosigner: cosigner, Feeds: n.feeds,
		Names: func(ctx context.Context) ([]federation.Upward, error) {
			mirrored, err := service.Names(ctx)
			return append(federation.OwnLogs(roles...), mirrored...), err
		},
		Relays: service.Relays, Sign: n.logs["federation"].Sign, Now: n.now, Boot: strings.ToLower(rand.Text()), Keep: n,
		Patience: n.patience, Tries: feed.Backoff{First: time.Millisecond, Last: 20 * time.Millisecond},
	}
}

// Anchored implements push.Keeper.
func (n *node) Anchored(ctx context.Context, origin, text string) error {
	return n.own().Anchored(ctx, origin, text)
}

// Urged implements push.Keeper.
func (n *node) Urged(context.Context, []*aggregationv1.Urge) error { return nil }

// Known implements push.Keeper.
func (n *node) Known(context.Context, string, uint64) error { return nil }

// Hold implements push.Keeper.
func (n *node) Hold(_ context.Context, feed, why string) error {
	n.logs[feed].Hold(why)
	return nil
}

// Restore implements push.Keeper.
func (n *node) Restore(ctx context.Context, feed string, above *federationv1.Standing, runs iter.Seq2[[]*feedv1.Record, error]) error {
	if !n.recovers {
		return errors.New("it is told not to")
	}
	log := recovery.Log{Log: n.logs[feed], Engine: n.engines[feed]}
	_, err := log.Restore(ctx, above.GetSize(), above.GetCover(), runs)
	return err
}

func (n *node) wasHeld(feed string) bool {
	_, held := n.logs[feed].Held()
	return held
}

func (n *node) up() federationv1.FederationServiceClient {
	return federationv1.NewFederationServiceClient(n.dial())
}

// head reads a feed's checkpoint; size 0 if there is no such feed.
func (n *node) head(feed string) *feedv1.Checkpoint {
	cp, err := n.feeds.GetCheckpoint(context.Background(), &feedv1.GetCheckpointRequest{Name: "feeds/" + feed})
	if err != nil {
		return &feedv1.Checkpoint{}
	}
	return cp
}

// agrees waits until the upper node has the log of the lower one, and compares
// every byte of it.
func agrees(t testing.TB, upper, lower *node, role string) {
	t.Helper()
	want, deadline := lower.head(role), time.Now().Add(2*time.Minute)
	mirror := upper.mirrorOf(lower, role)
	for got := upper.head(mirror); got.GetSize() != want.GetSize(); got = upper.head(mirror) {
		if time.Now().After(deadline) {
			t.Fatalf("%s has %d of %d entries of %s", upper.id, got.GetSize(), want.GetSize(), mirror)
		}
		_, _ = upper.feeds.ListRecords(t.Context(), &feedv1.ListRecordsRequest{Parent: "feeds/" + mirror, Start: got.GetSize()})
	}
	if got := upper.head(mirror); string(got.GetRoot()) != string(want.GetRoot()) {
		t.Fatalf("%s: the roots at %d are %x and %x", mirror, want.GetSize(), got.GetRoot(), want.GetRoot())
	}
	a, b := lower.records(role), upper.records(mirror)
	if len(a) != len(b) {
		t.Fatalf("%s: %d entries here, %d there", mirror, len(a), len(b))
	}
	for i := range a {
		if !proto.Equal(a[i], b[i]) {
			t.Fatalf("%s: entry %d differs", mirror, i)
		}
	}
}

// mirrorOf is where the node mirrors a log of one that is enrolled there, or further down.
func (n *node) mirrorOf(lower *node, role string) string {
	name := lower.id + "~" + lower.id
	n.must(n.engines["federation"].View(context.Background(), func(tx store.Tx) error {
		_, there, err := store.Seek(tx, "duban.federation.v1.Installation", []byte("installations/"+lower.id))
		if there {
			name = lower.id
		}
		return err
	}))
	return name + "." + role
}

// records reads a whole feed, with what is opened of it.
func (n *node) records(feed string) (all []*feedv1.Record) {
	n.t.Helper()
	for {
		res, err := n.feeds.ListRecords(context.Background(), &feedv1.ListRecordsRequest{Parent: "feeds/" + feed, Start: uint64(len(all)), PageSize: 1000, Office: true})
		n.must(err)
		if all = append(all, res.GetRecords()...); len(res.GetRecords()) == 0 {
			return all
		}
	}
}

// size is how much of the city's ledger is mirrored.
func (n *node) size() uint64 { return n.head("510100.rectification").GetSize() }

// row reads what the node keeps of a mirror.
func (n *node) row(mirror string) *federationv1.Mirror {
	m := &federationv1.Mirror{}
	n.must(n.engines["federation"].View(context.Background(), func(tx store.Tx) error {
		b, err := tx.Get("mirrors", []byte(mirror))
		if err != nil {
			return err
		}
		return proto.Unmarshal(b, m)
	}))
	return m
}

// evidence reads why a mirror is refused; nil if it is not.
func (n *node) evidence(mirror string) *federationv1.Evidence {
	e := &federationv1.Evidence{}
	err := n.engines["federation"].View(context.Background(), func(tx store.Tx) error {
		b, err := tx.Get("evidence", []byte(mirror))
		if err != nil {
			return err
		}
		return proto.Unmarshal(b, e)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	n.must(err)
	return e
}

// backup copies the stores of a node that is closed, and returns how to put them
// back.
func (n *node) backup() (restore func()) {
	n.t.Helper()
	var stores []string
	for _, role := range roles {
		stores = append(stores, filepath.Join(n.dir, role+".db"))
	}
	return suitetest.Kept(n.t, stores...)
}

// keys are what somebody who verifies has on paper.
func keys(upper *node, lower ...*node) federation.Keys {
	k := federation.Keys{Logs: map[string]string{}, Cosigners: []string{upper.cosigner().VerifierKey()}}
	for _, n := range lower {
		for _, role := range roles {
			k.Logs[n.origin(role)], _ = note.NewEd25519VerifierKey(n.origin(role), n.key().Public().(ed25519.PublicKey))
		}
	}
	return k
}
