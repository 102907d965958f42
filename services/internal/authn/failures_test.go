package authn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/limit"
)

// door is an installation whose one good key is apiKeys/good.
type door struct {
	Keys
	now   time.Time
	asked int
}

func newDoor() *door {
	d := &door{now: time.Unix(0, 0)}
	d.Now = func() time.Time { return d.now }
	d.Introspect = func(_ context.Context, req *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error) {
		d.asked++
		if digest := sha256.Sum256([]byte("secret")); req.GetKeyId() != "good" || !bytes.Equal(req.GetDigest(), digest[:]) {
			return &organizationv1.IntrospectResponse{}, nil
		}
		return &organizationv1.IntrospectResponse{ApiKey: &organizationv1.ApiKey{Name: "apiKeys/good", Principal: "machines/m"}}, nil
	}
	return d
}

func (d *door) try(ctx context.Context, id string) error {
	ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("authorization", "Bearer "+Real.Join(id, "secret")))
	_, err := d.Authenticate(ctx)
	return err
}

func from(address string) context.Context {
	return WithNetwork(context.Background(), address)
}

// flood tries so many keys that were never issued.
func (d *door) flood(ctx context.Context, n int) (err error) {
	for i := range n {
		err = d.try(ctx, fmt.Sprintf("made-up-%d-%d", d.asked, i))
	}
	return err
}

func TestANetworkMayNotTryKeysForEver(t *testing.T) {
	d := newDoor()
	if err := d.flood(from("10.1.1.1"), burst); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("the last of the burst = %v, want ErrUnauthenticated", err)
	}
	if err := d.flood(from("10.1.1.1"), 1000); !errors.Is(err, ErrTooManyFailures) || d.asked != burst {
		t.Errorf("beyond it = %v with %d asked, want ErrTooManyFailures with %d", err, d.asked, burst)
	}
	if err := d.try(from("10.1.2.1"), "unknown"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("in another network = %v, want ErrUnauthenticated", err)
	}
	d.now = d.now.Add(time.Second)
	if _ = d.flood(from("10.1.1.1"), 1000); d.asked != burst+1+pace {
		t.Errorf("a second later %d asked, want %d more", d.asked-burst-1, pace)
	}
}

func TestANeighbourShutsNoKeyOut(t *testing.T) {
	d := newDoor()
	d.Heard("apiKeys/good")
	ctx := from("10.1.1.1")
	for range 5 { // the answer is believed, then asked for anew
		if err := d.flood(ctx, 2*burst); !errors.Is(err, ErrTooManyFailures) {
			t.Fatalf("the flood = %v, want ErrTooManyFailures", err)
		}
		if err := d.try(ctx, "good"); err != nil {
			t.Errorf("the neighbour's key = %v", err)
		}
		d.now = d.now.Add(Lifetime / 2)
	}
}

func TestWhoHasAKeysIDShutsItsOwnerNotOut(t *testing.T) {
	d := newDoor()
	d.Heard("apiKeys/good")
	ctx := from("10.1.1.1")
	if err := d.try(ctx, "good"); err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(2 * Lifetime) // the answer is believed no more
	for i := range 2 * burst {
		guess := metadata.NewIncomingContext(ctx, metadata.Pairs("authorization", "Bearer "+Real.Join("good", fmt.Sprint("guess", i))))
		if _, err := d.Authenticate(guess); err == nil {
			t.Fatal("a guess was right")
		}
	}
	if err := d.try(ctx, "good"); err != nil {
		t.Errorf("its owner = %v", err)
	}
}

func TestAWrongKeyIsAskedForOnceInALifetime(t *testing.T) {
	d := newDoor()
	for range 3 {
		if err := d.try(from("10.1.1.1"), "gone"); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("try = %v", err)
		}
	}
	if d.asked != 1 {
		t.Errorf("asked %d times, want once", d.asked)
	}
	d.now = d.now.Add(Lifetime)
	if _ = d.try(from("10.1.1.1"), "gone"); d.asked != 2 {
		t.Errorf("asked %d times after its lifetime, want twice", d.asked)
	}
}

func TestWhatIsNoKeyIsNotAskedFor(t *testing.T) {
	d := newDoor()
	for _, token := range []string{"abc", Real.Join("good", "secret")[1:], Real.Join("good", "secret") + "0"} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+token))
		if _, err := d.Authenticate(ctx); !errors.Is(err, ErrUnauthenticated) || d.asked != 0 {
			t.Errorf("%q = %v with %d asked", token, err, d.asked)
		}
	}
}

func TestAnOutageIsNobodysFailure(t *testing.T) {
	d := newDoor()
	down := errors.New("down")
	d.Introspect = func(context.Context, *organizationv1.IntrospectRequest) (*organizationv1.IntrospectResponse, error) {
		return nil, down
	}
	if err := d.flood(from("10.1.1.1"), 2*burst); !errors.Is(err, down) {
		t.Errorf("while organization is down = %v", err)
	}
}

// What is counted has an end, and nobody who has failed too often is let in again
// because many others fail.
func TestCountingIsBounded(t *testing.T) {
	var f failures
	now := time.Unix(0, 0)
	nth := func(i int) culprit {
		return culprit{network: strconv.Itoa(i)}
	}
	for range burst {
		f.charge(nth(0), now)
	}
	for i := range limit.Most + burst {
		f.charge(nth(1+i), now)
	}
	if f.mayTry(nth(0), now) || f.mayTry(nth(limit.Most+burst+1), now) || !f.mayTry(nth(1), now) {
		t.Error("one who has failed is let in again, or those without room are not counted as one")
	}
	if now = now.Add(time.Minute); !f.mayTry(nth(0), now) || !f.mayTry(nth(limit.Most+burst+2), now) {
		t.Error("once all have recovered somebody is kept out")
	}
}

func TestAlwaysATryASecondLater(t *testing.T) {
	var f failures
	now, c := time.Unix(0, 0), culprit{id: "k"}
	for range 10 * burst { // calls that were let in at the same time
		f.charge(c, now)
	}
	if f.mayTry(c, now) || !f.mayTry(c, now.Add(time.Second)) {
		t.Error("not refused now, or still refused a second later")
	}
}
