package replication

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/cmd/bench/bare"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/own"
	"github.com/duban-project/duban/services/federation/push"
	federationserver "github.com/duban-project/duban/services/federation/server"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// pushed are the logs of a node: what it pushes, and what takes what is pushed.
var pushed = []string{"federation", "rectification"}

// node is an installation without its other services: its logs, the federation
// service and the feeds over TCP.
type node struct {
	id, folder string
	key        ed25519.PrivateKey
	cosigner   federation.Cosigner
	engines    map[string]store.Engine
	logs       map[string]*feed.Log
	service    *federationserver.Service
	conn       *grpc.ClientConn
	server     *grpc.Server
	stopping   chan struct{}
	ended      chan error
}

// newNode starts one; what it puts into the store of federation goes through seen,
// if there is one.
func newNode(id string, seen *bare.Recorder) (n *node, err error) {
	n = &node{id: id, engines: map[string]store.Engine{}, logs: map[string]*feed.Log{}, stopping: make(chan struct{}), ended: make(chan error, 1)}
	if _, n.key, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	n.cosigner = federation.NewCosigner("edu.example/"+id+"/mirror", n.key)
	if n.folder, err = os.MkdirTemp("", "duban-bench-"); err != nil {
		return nil, err
	}
	sources := map[string]feedserver.Source{}
	for _, role := range pushed {
		if err := n.open(role); err != nil {
			return nil, errors.Join(err, os.RemoveAll(n.folder))
		}
		if role == "federation" && seen != nil {
			seen.Engine, n.engines[role] = n.engines[role], seen
		}
		sources[role] = feedserver.Source{Engine: n.engines[role], Log: n.logs[role]}
	}
	book := &change.Book{
		Store: n.engines["federation"], Log: n.logs["federation"], Now: time.Now, Clock: time.Now,
		Pseudonym: func(string) []byte { return []byte("pseudonym") },
	}
	n.service = federationserver.New(book, federationserver.Parts{Tree: flat{}, Cosigner: n.cosigner, Silence: time.Minute, Stopping: n.stopping})
	return n, n.serve(&feedserver.Service{Sources: sources, Stopping: n.stopping, Mirrors: n.service.Mirror})
}

func (n *node) origin(role string) string { return "edu.example/" + n.id + "/" + role + "/1" }

func (n *node) open(role string) error {
	log, err := feed.New(feed.Config{Name: role, Origin: n.origin(role), Key: n.key, Now: time.Now, Random: rand.Reader})
	if err != nil {
		return err
	}
	n.logs[role] = log
	n.engines[role], err = bolt.Open(filepath.Join(n.folder, role+".db"), bolt.Options{BeforeCommit: log.Seal, OnCommit: log.Committed})
	return err
}

func (n *node) serve(feeds *feedserver.Service) error {
	n.server = grpc.NewServer(grpc.UnaryInterceptor(asService), grpc.WaitForHandlers(true))
	n.service.Register(n.server)
	feeds.Register(n.server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { n.ended <- n.server.Serve(l) }()
	n.conn, err = grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	return err
}

func (n *node) stop() error {
	close(n.stopping)
	err := n.conn.Close()
	n.server.Stop()
	err = errors.Join(err, <-n.ended)
	for _, e := range n.engines {
		err = errors.Join(err, e.Close())
	}
	return errors.Join(err, os.RemoveAll(n.folder))
}

// asService makes every call that of a service, as between those of one process.
func asService(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	methods, err := authz.Methods(strings.Split(info.FullMethod, "/")[1])
	if err != nil {
		return nil, err
	}
	a, err := authz.Enter(flat{}, methods[info.FullMethod], authn.Principal{Name: "services/federation"})
	if err != nil {
		return nil, err
	}
	return handler(authz.With(ctx, a), req)
}

// flat is a tree in which every unit stands beneath the root.
type flat struct{ authz.Tree }

func (flat) Fresh() error                          { return nil }
func (flat) Root() string                          { return "units/root" }
func (flat) Position() uint64                      { return 0 }
func (flat) CatchUp(context.Context) error         { return nil }
func (flat) Subtree(unit string) []string          { return []string{unit} }
func (flat) Path(unit string) []string             { return []string{unit, "units/root"} }
func (flat) Unit(name string) *organizationv1.Unit { return &organizationv1.Unit{Name: name} }

// enrol enters the lower node's keys.
func (n *node) enrol(ctx context.Context, lower *node) error {
	in := &federationv1.Installation{Unit: "units/" + lower.id, DisplayName: "演示下级机构"}
	for _, role := range pushed {
		key, err := note.NewEd25519VerifierKey(lower.origin(role), lower.key.Public().(ed25519.PublicKey))
		if err != nil {
			return err
		}
		in.Logs = append(in.Logs, &federationv1.EnrolledLog{Origin: lower.origin(role), VerifierKey: key})
	}
	in, err := federation.Enrol(in)
	if err != nil {
		return err
	}
	b, err := proto.Marshal(in)
	if err != nil {
		return err
	}
	return n.engines["federation"].Update(ctx, func(tx store.Tx) error {
		_, err := n.logs["federation"].Append(tx, feed.Change{
			Kind: "federation.installation.enrolled.v1", Subject: in.GetName(), Rev: 1, Effective: time.Now(), Body: in,
		})
		return errors.Join(err, tx.Put(string(in.ProtoReflect().Descriptor().FullName()), []byte(in.GetName()), b))
	})
}

// batched reads a batch of entries at most: a run that is pushed is what was read at
// once, and is taken in one commit.
type batched struct{ feedv1.FeedServiceClient }

// ListRecords implements feedv1.FeedServiceClient.
func (b batched) ListRecords(ctx context.Context, in *feedv1.ListRecordsRequest, o ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	in.PageSize = min(in.GetPageSize(), Batch)
	return b.FeedServiceClient.ListRecords(ctx, in, o...)
}

// push pushes upward until it is stopped.
func (n *node) push(ctx context.Context, upper *node) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = push.Run(ctx, push.Config{ // ends with ctx alone
			Installation: "installations/" + n.id, Up: federationv1.NewFederationServiceClient(upper.conn), Cosigner: upper.cosigner.VerifierKey(),
			Feeds: batched{feedv1.NewFeedServiceClient(n.conn)}, Names: func(context.Context) ([]federation.Upward, error) { return federation.OwnLogs(pushed...), nil },
			Sign: n.logs["federation"].Sign, Now: time.Now, Boot: strings.ToLower(rand.Text()), Keep: n,
		})
	}()
	return func() { cancel(); <-done }
}

// Anchored implements push.Keeper.
func (n *node) Anchored(ctx context.Context, origin, text string) error {
	return own.Logs{Store: n.engines["federation"]}.Anchored(ctx, origin, text)
}

// Known implements push.Keeper.
func (n *node) Known(context.Context, string, uint64) error { return nil }

// Urged implements push.Keeper.
func (n *node) Urged(context.Context, []*aggregationv1.Urge) error { return nil }

// Hold implements push.Keeper.
func (n *node) Hold(_ context.Context, feed, why string) error {
	n.logs[feed].Hold(why)
	return nil
}

// Restore implements push.Keeper: nothing is lost here.
func (n *node) Restore(context.Context, string, *federationv1.Standing, iter.Seq2[[]*feedv1.Record, error]) error {
	return fmt.Errorf("%s has lost its tail", n.id)
}

// mirrored is how many entries of the lower node's ledger are durable here; 0
// while there is no such feed.
func (n *node) mirrored(ctx context.Context, lower *node) uint64 {
	cp, err := feedv1.NewFeedServiceClient(n.conn).GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + lower.id + ".rectification"})
	if err != nil {
		return 0
	}
	return cp.GetSize()
}
