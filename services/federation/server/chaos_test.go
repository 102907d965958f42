package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/chaostest"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// schedules is how many seeds are tried: as many as DUBAN_TORTURE says, and a tenth
// of what make torture says in make test.
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

// above is an installation that may be another process by the next stream.
type above struct {
	federationv1.FederationServiceClient
	now atomic.Pointer[federationv1.FederationServiceClient]
}

func (a *above) is(up federationv1.FederationServiceClient) { a.now.Store(&up) }

// Replicate implements FederationServiceClient.
func (a *above) Replicate(ctx context.Context, opts ...grpc.CallOption) (grpc.BidiStreamingClient[federationv1.ReplicateRequest, federationv1.ReplicateResponse], error) {
	return (*a.now.Load()).Replicate(ctx, opts...)
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
	for seed := range schedules(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			runSchedule(t, seed)
		})
	}
}

const (
	enough = 500 // entries of a schedule
	often  = 8   // how often the transport fails in it at least
	most   = 20 * enough
	nth    = 4 // of so many schedules one keeps figures, which takes longer
)

// runSchedule writes enough entries below while the transport fails, either side is
// stopped in the midst and their clocks differ; then everything above must be
// what is below, and so, in one of nth, must the figures that were kept of it meanwhile.
// On a slow machine many entries go in few messages, of which few can fail: then it goes on.
func runSchedule(t *testing.T, seed uint64) {
	dice := rand.New(rand.NewPCG(seed, 7))
	upper := newNode(t, "510000")
	upper.close()
	upper.engine = func(e store.Engine) store.Engine { return slow{e, &atomic.Int64{}} }
	upper.open()
	lower := newNode(t, "510100")
	lower.skew = time.Duration(dice.Int64N(int64(16*time.Minute))) - 8*time.Minute
	upper.lies("units/root", "")
	upper.lies("units/510100", "units/root")
	upper.enrol(lower)
	lower.lies("units/510100", "")
	for _, school := range schools {
		lower.lies(school, "units/510100")
	}
	line, parent := chaostest.NewLine(seed), &above{}
	parent.is(upper.up())
	stop := lower.push(line.Over(parent), upper.cosigner().VerifierKey())
	for written := 0; written < enough || line.Faults() < often && written < most; {
		n := 1 + dice.IntN(20)
		lower.work(n)
		written += n
		_ = feed.Pause(t.Context(), time.Duration(dice.IntN(8))*time.Millisecond)
		switch dice.IntN(20) {
		case 0: // the upper one dies, and comes back later
			upper.close()
			upper.open()
			parent.is(upper.up())
		case 1: // the lower one dies
			stop()
			lower.close()
			lower.open()
			stop = lower.push(line.Over(parent), upper.cosigner().VerifierKey())
		case 2: // a school moves, and its figures with it
			lower.lies(schools[dice.IntN(2)], []string{"units/510100", schools[2]}[dice.IntN(2)])
		}
		if seed%nth == 0 && upper.figures == nil && upper.size() > 0 {
			upper.count()
		}
	}
	if n := line.Faults(); n < often {
		t.Errorf("the transport failed %d times only", n)
	}
	line.Calm()
	agrees(t, upper, lower, "rectification")
	if seed%nth == 0 {
		agrees(t, upper, lower, "organization")
		stop()
		if upper.figures == nil { // nothing came before all was written
			upper.count()
		}
		counts(t, upper, lower)
	}
	if e := upper.evidence("510100.rectification"); e != nil || lower.wasHeld("rectification") {
		t.Errorf("a false alarm: %v, held: %t", e, lower.wasHeld("rectification"))
	}
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
