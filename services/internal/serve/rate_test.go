package serve

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/limit"
)

// told takes the headers of one answer.
type told struct {
	grpc.ServerTransportStream
	md metadata.MD
}

func (s *told) SetHeader(md metadata.MD) error {
	s.md = metadata.Join(s.md, md)
	return nil
}

// limited runs a call of p through the step, and returns what its answer says.
func limited(t *testing.T, step Step, p authn.Principal) (metadata.MD, error) {
	t.Helper()
	s := &told{}
	ctx := grpc.NewContextWithServerTransportStream(authn.With(t.Context(), p), s)
	err := step(ctx, Call{}, func(context.Context) error { return nil })
	return s.md, err
}

func TestEveryAnswerSaysWhatIsLeft(t *testing.T) {
	key := authn.Principal{Name: "machines/a", Quota: authn.Quota{PerMinute: 2, PerDay: 100, Line: "apiKeys/k", Reset: 90 * time.Minute}}
	spent, days := key, 42
	key.Quota.Spend = func() (int, bool) { days--; return days, true }
	spent.Quota.Line, spent.Quota.Spend = "apiKeys/spent", func() (int, bool) { return 0, false }
	synctest.Test(t, func(t *testing.T) {
		step := newBuckets(Limits{Rate: 10, Burst: 20}).rateLimit
		for _, c := range []struct {
			name         string
			who          authn.Principal
			policy, left string
			err          *fault.Fault
			wait         time.Duration
		}{
			{"the public", authn.Principal{}, `"network";q=2;w=2, "calls";q=20;w=2`, `"network";r=1;t=1, "calls";r=19;t=1`, nil, 0},
			{"a key", key, `"calls";q=20;w=2, "minute";q=2;w=60, "day";q=100;w=86400`, `"calls";r=19;t=1, "minute";r=1;t=30, "day";r=41;t=5400`, nil, 0},
			{"its last of the minute", key, `"calls";q=20;w=2, "minute";q=2;w=60, "day";q=100;w=86400`, `"calls";r=18;t=1, "minute";r=0;t=60, "day";r=40;t=5400`, nil, 0},
			{"one too many", key, `"calls";q=20;w=2, "minute";q=2;w=60, "day";q=100;w=86400`, `"calls";r=17;t=1, "minute";r=0;t=60, "day";r=40;t=5400`, errRateLimited, 30 * time.Second},
			{"after its day", spent, `"calls";q=20;w=2, "minute";q=2;w=60, "day";q=100;w=86400`, `"calls";r=16;t=1, "minute";r=1;t=30, "day";r=0;t=5400`, errQuotaSpent, 90 * time.Minute},
		} {
			c.who.Quota.Left = days
			md, err := limited(t, step, c.who)
			if c.err == nil && err != nil || c.err != nil && (!errors.Is(err, c.err) || fault.As(err).Retry != c.wait) {
				t.Errorf("%s: %v, want %v after %v", c.name, err, c.err, c.wait)
			}
			if got := md.Get(PolicyHeader); len(got) != 1 || got[0] != c.policy {
				t.Errorf("%s: the policy is %q, want %q", c.name, got, c.policy)
			}
			if got := md.Get(LimitHeader); len(got) != 1 || got[0] != c.left {
				t.Errorf("%s: left are %q, want %q", c.name, got, c.left)
			}
		}
		<-time.After(30 * time.Second)
		if _, err := limited(t, step, key); err != nil {
			t.Errorf("half a minute later: %v", err)
		}
		if days != 39 {
			t.Errorf("%d calls are left of the day, want 39: what the minute refused has spent none", days)
		}
	})
}

// Nobody who has called too often may call again because many others do, and a
// quota that was changed holds at once.
func TestManyCallersLetNobodyInAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(Limits{Rate: 1, Burst: 1})
		key := authn.Principal{Name: "machines/a", Quota: authn.Quota{PerMinute: 1, Line: "apiKeys/a"}}
		ask := func(p authn.Principal) []allowance { return spend(b.of(p, "")) }
		ask(key)
		for i := range 2 * limit.Most {
			ask(authn.Principal{Name: fmt.Sprint(i), Quota: authn.Quota{PerMinute: 1, Line: fmt.Sprint(i)}})
		}
		for _, a := range ask(key) {
			if a.left > 0 || a.name == "calls" && a.refused == nil {
				t.Errorf("%s: let in again", a.name)
			}
		}
		key.Quota.PerMinute = 60
		ask(key)
		<-time.After(time.Second)
		for _, a := range ask(key) {
			if a.refused != nil || a.name == "minute" && a.quota != 60 {
				t.Errorf("%s: %d calls, %v; want that its new quota holds", a.name, a.quota, a.refused)
			}
		}
	})
}

// However many networks call as often as they can: one that comes late is served its
// share, at once and from then on.
func TestManyNetworksShutNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := newBuckets(Limits{Rate: 200, Burst: 400}).rateLimit
		from := func(network string) error {
			ctx := grpc.NewContextWithServerTransportStream(authn.WithNetwork(t.Context(), network), &told{})
			return step(ctx, Call{}, func(context.Context) error { return nil })
		}
		served := map[string]int{}
		for range 1000 { // ten seconds
			<-time.After(10 * time.Millisecond)
			for i := range 20 {
				for range 5 {
					if name := fmt.Sprint("loud ", i); from(name) == nil {
						served[name]++
					}
				}
			}
		}
		if err := from("late"); err != nil {
			t.Errorf("the first call of a network that comes late: %v", err)
		}
		for name, n := range served {
			if n < 80 || n > 180 { // 200 a second for ten, and 400 at once, among 20
				t.Errorf("%s: %d calls are served", name, n)
			}
		}
		for range 50 {
			<-time.After(time.Second)
			for i := range 20 {
				for range 20 {
					_ = from(fmt.Sprint("loud ", i))
				}
			}
			if err := from("late"); err != nil {
				t.Fatalf("a call a second of a network that comes late: %v", err)
			}
		}
	})
}

// Networks that are counted are bounded, and forgotten once they have gone.
func TestACrowdIsCountedWhileItIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &newBuckets(Limits{Rate: 1, Burst: 2}).crowd
		for i := range 2 * limit.Most {
			c.with(fmt.Sprint(i))
		}
		if n := c.with("one"); n != limit.Most {
			t.Errorf("%d are counted, want %d", n, limit.Most)
		}
		for range 2 {
			<-time.After(3 * time.Second)
			c.with("one")
		}
		if n := c.with("one"); n != 1 {
			t.Errorf("%d are counted when all but one are gone", n)
		}
	})
}

// One network without a key takes no more than its part of what the public has, and
// what it is refused takes nothing of that.
func TestOneNetworkShutsThePublicNotOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := newBuckets(Limits{Rate: 8, Burst: 16}).rateLimit
		from := func(network string) error {
			ctx := grpc.NewContextWithServerTransportStream(authn.WithNetwork(t.Context(), network), &told{})
			return step(ctx, Call{}, func(context.Context) error { return nil })
		}
		served := 0
		for range 100 {
			if err := from("loud"); err == nil {
				served++
			} else if f := fault.As(err); !errors.Is(err, errRateLimited) || f.Retry != time.Second {
				t.Fatalf("one too many: %v", err)
			}
		}
		if served != 2 {
			t.Errorf("%d of the loud network's calls are served, want 2", served)
		}
		for i := range 14 {
			if err := from(fmt.Sprint("another ", i)); err != nil {
				t.Errorf("another network's call: %v", err)
			}
		}
		if err := from("one more"); !errors.Is(err, errRateLimited) {
			t.Errorf("beyond what all the public may: %v", err)
		}
		if b := newBuckets(Limits{Rate: 1, Burst: 3}); b.part.Burst != 1 {
			t.Errorf("a network's part of 3 is %d, want 1", b.part.Burst)
		}
	})
}

func TestServicesAndProbesAreNotLimited(t *testing.T) {
	step := newBuckets(Limits{Rate: 1, Burst: 1}).rateLimit
	for range 3 {
		if md, err := limited(t, step, authn.Principal{Name: "services/campaign"}); err != nil || len(md) > 0 {
			t.Errorf("a service: %v, %v", err, md)
		}
		if err := step(t.Context(), Call{Method: "/grpc.health.v1.Health/Check"}, func(context.Context) error { return nil }); err != nil {
			t.Errorf("a probe: %v", err)
		}
	}
}
