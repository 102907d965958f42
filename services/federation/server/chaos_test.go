package server_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// schedules is how many seeds are tried: a tenth of DUBAN_TORTURE says how many
// in make test.
func schedules(t testing.TB) uint64 {
	if text := os.Getenv("DUBAN_TORTURE"); text != "" {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 20
}

// chaos is a transport that loses, doubles, reorders, delays, cuts and flips bits
// of messages, by its seed, until it is calmed.
type chaos struct {
	up     atomic.Pointer[federationv1.FederationServiceClient]
	calm   atomic.Bool
	mu     sync.Mutex
	dice   *rand.Rand
	faults atomic.Int64
}

var errCut = errors.New("cut")

// Replicate implements FederationServiceClient for the one method that is used.
func (c *chaos) Replicate(ctx context.Context, opts ...grpc.CallOption) (grpc.BidiStreamingClient[federationv1.ReplicateRequest, federationv1.ReplicateResponse], error) {
	ctx, cancel := context.WithCancel(ctx)
	s, err := (*c.up.Load()).Replicate(ctx, opts...)
	if err != nil {
		cancel()
		return nil, err
	}
	return &faulty{s, c, cancel, nil, nil}, nil
}

// federationClient has the other methods, which nobody calls.
type federationClient struct {
	federationv1.FederationServiceClient
	*chaos
}

// Replicate implements FederationServiceClient.
func (c federationClient) Replicate(ctx context.Context, opts ...grpc.CallOption) (grpc.BidiStreamingClient[federationv1.ReplicateRequest, federationv1.ReplicateResponse], error) {
	return c.chaos.Replicate(ctx, opts...)
}

type faulty struct {
	grpc.BidiStreamingClient[federationv1.ReplicateRequest, federationv1.ReplicateResponse]
	chaos  *chaos
	cancel context.CancelFunc
	held   *federationv1.ReplicateRequest
	again  *federationv1.ReplicateResponse
}

// roll says what happens to a message.
func (c *chaos) roll() string {
	if c.calm.Load() {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fates := []string{"lose", "double", "hold", "flip", "cut", "delay"}
	if n := c.dice.IntN(100); n < 5*len(fates) {
		c.faults.Add(1)
		return fates[n/5]
	}
	return ""
}

// flip changes one bit of the encoded message, or says that it is one no more.
func flip[M proto.Message](c *chaos, m, into M) bool {
	b, err := proto.Marshal(m)
	if err != nil || len(b) == 0 {
		return false
	}
	c.mu.Lock()
	b[c.dice.IntN(len(b))] ^= 1 << c.dice.IntN(8)
	c.mu.Unlock()
	return proto.Unmarshal(b, into) == nil
}

// Send implements the stream.
func (f *faulty) Send(m *federationv1.ReplicateRequest) error {
	list := []*federationv1.ReplicateRequest{m}
	switch f.chaos.roll() {
	case "lose":
		return nil
	case "double":
		list = append(list, m)
	case "hold": // goes after the next
		if f.held == nil {
			f.held = m
			return nil
		}
	case "flip":
		damaged := &federationv1.ReplicateRequest{}
		if !flip(f.chaos, m, damaged) {
			f.cancel()
			return errCut
		}
		list[0] = damaged
	case "cut":
		f.cancel()
		return errCut
	case "delay":
		_ = feed.Pause(context.Background(), 5*time.Millisecond)
	}
	if f.held != nil {
		list, f.held = append(list, f.held), nil
	}
	for _, m := range list {
		if err := f.BidiStreamingClient.Send(m); err != nil {
			return err
		}
	}
	return nil
}

// Recv implements the stream.
func (f *faulty) Recv() (*federationv1.ReplicateResponse, error) {
	if m := f.again; m != nil {
		f.again = nil
		return m, nil
	}
	m, err := f.BidiStreamingClient.Recv()
	if err != nil {
		return nil, err
	}
	switch f.chaos.roll() {
	case "lose":
		return f.Recv()
	case "double":
		f.again = m
	case "hold":
		next, err := f.BidiStreamingClient.Recv()
		if err != nil {
			return nil, err
		}
		f.again = m
		return next, nil
	case "flip":
		damaged := &federationv1.ReplicateResponse{}
		if flip(f.chaos, m, damaged) {
			return damaged, nil
		}
		f.cancel()
		return nil, errCut
	case "cut":
		f.cancel()
		return nil, errCut
	case "delay":
		_ = feed.Pause(context.Background(), 5*time.Millisecond)
	}
	return m, nil
}

// slow is an engine whose every nth change takes its time.
type slow struct {
	store.Engine
	n *atomic.Int64
}

// Update implements store.Engine.
func (s slow) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.n.Add(1)%11 == 0 {
		_ = feed.Pause(ctx, 3*time.Millisecond)
	}
	return s.Engine.Update(ctx, fn)
}

func TestChaosEndsInAgreement(t *testing.T) {
	var faults atomic.Int64
	t.Cleanup(func() {
		if n := uint64(faults.Load()); n < 8*schedules(t) {
			t.Errorf("the transport failed %d times only", n)
		}
	})
	for seed := range schedules(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			faults.Add(runSchedule(t, seed))
		})
	}
}

// runSchedule writes 500 entries below while the transport fails, either side is
// stopped in the midst and their clocks differ; then everything above must be
// what is below. It answers how often the transport failed.
func runSchedule(t *testing.T, seed uint64) int64 {
	dice := rand.New(rand.NewPCG(seed, 7))
	upper := newNode(t, "510000")
	upper.close()
	upper.engine = func(e store.Engine) store.Engine { return slow{e, &atomic.Int64{}} }
	upper.open()
	lower := newNode(t, "510100")
	lower.skew = time.Duration(dice.Int64N(int64(16*time.Minute))) - 8*time.Minute
	upper.enrol(lower)
	c := &chaos{dice: rand.New(rand.NewPCG(seed, 11))}
	up := upper.up()
	c.up.Store(&up)
	stop := lower.push(federationClient{chaos: c}, upper.cosigner().VerifierKey())
	for written := 0; written < 500; {
		n := min(1+dice.IntN(20), 500-written)
		lower.work(n)
		written += n
		_ = feed.Pause(t.Context(), time.Duration(dice.IntN(8))*time.Millisecond)
		switch dice.IntN(20) {
		case 0: // the upper one dies, and comes back later
			upper.close()
			upper.open()
			up := upper.up()
			c.up.Store(&up)
		case 1: // the lower one dies
			stop()
			lower.close()
			lower.open()
			stop = lower.push(federationClient{chaos: c}, upper.cosigner().VerifierKey())
		}
	}
	c.calm.Store(true)
	agrees(t, upper, lower, "rectification")
	if e := upper.evidence("510100.rectification"); e != nil || lower.wasHeld("rectification") {
		t.Errorf("a false alarm: %v, held: %t", e, lower.wasHeld("rectification"))
	}
	return c.faults.Load()
}

func TestAHostileChildBlocksNobody(t *testing.T) {
	upper, lower, other := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510200")
	upper.enrol(lower)
	upper.enrol(other)
	hostile, err := upper.up().Replicate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// It greets rightly, then fills its connection without reading any answer.
	hello := greeting(t, other, upper)
	if err := hostile.Send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Hello{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	flooding, flooded := context.WithCancel(t.Context())
	go func() {
		defer flooded()
		for flooding.Err() == nil {
			if hostile.Send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Fetch{Fetch: &federationv1.Fetch{Origin: other.origin("rectification")}}}) != nil {
				return
			}
		}
	}()
	lower.work(300)
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	flooded()
}
