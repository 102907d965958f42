package main

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/chaostest"
)

// relay stands between an installation and the one above, and passes on what they
// say over a line that fails. It keeps its address while those behind it are
// started again elsewhere.
type relay struct {
	federationv1.UnimplementedFederationServiceServer
	address string
	upper   atomic.Pointer[string]         // where the installation above listens
	line    atomic.Pointer[chaostest.Line] // over which it is reached

	mu   sync.Mutex
	dice *rand.Rand
}

// newRelay starts one, which ends with the test.
func newRelay(t *testing.T, r *rand.Rand) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	on := &relay{address: l.Addr().String(), dice: rand.New(rand.NewPCG(r.Uint64(), 0))}
	on.line.Store(calm())
	s := grpc.NewServer()
	federationv1.RegisterFederationServiceServer(s, on)
	var ended sync.WaitGroup
	ended.Go(func() { _ = s.Serve(l) }) // until it is stopped
	t.Cleanup(func() {
		s.Stop()
		ended.Wait()
	})
	return on
}

// calm is a line that does not fail.
func calm() *chaostest.Line {
	l := chaostest.NewLine(0)
	l.Calm()
	return l
}

// Replicate implements FederationServiceServer.
func (r *relay) Replicate(down grpc.BidiStreamingServer[federationv1.ReplicateRequest, federationv1.ReplicateResponse]) error {
	ctx, cancel := r.life(down.Context())
	defer cancel()
	conn, err := grpc.NewClient(*r.upper.Load(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	up, err := r.line.Load().Over(federationv1.NewFederationServiceClient(conn)).Replicate(ctx)
	if err != nil {
		return err
	}
	go func() { // ends with the stream, which ends when this method does
		defer cancel()
		for {
			m, err := down.Recv()
			if err != nil || up.Send(m) != nil {
				return
			}
		}
	}()
	for {
		m, err := up.Recv()
		if err != nil {
			return err
		}
		if err := down.Send(m); err != nil {
			return err
		}
	}
}

// life bounds a stream over a line that fails: where messages are lost for good
// the connection breaks before long, and nobody waits for what does not come.
func (r *relay) life(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.line.Load().Calmed() {
		return context.WithCancel(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return context.WithTimeout(ctx, moment(r.dice, 100*time.Millisecond, 600*time.Millisecond))
}
