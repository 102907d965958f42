package server

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/event/secret"
	"github.com/duban-project/duban/services/event/target"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// lonely is a tree of one unit, on which everybody holds a role.
type lonely struct{}

func (lonely) Path(unit string) []string { return []string{unit} }
func (lonely) Department(string) bool    { return false }
func (lonely) Merged(string) bool        { return false }
func (lonely) Belongs(_, _ string) bool  { return false }
func (lonely) Grants(string) []authz.Grant {
	return []authz.Grant{{Role: accessv1.Role_ROLE_VIEWER, Unit: "units/s"}}
}
func (lonely) Root() string                  { return "units/s" }
func (lonely) Fresh() error                  { return nil }
func (lonely) Position() uint64              { return 1 }
func (lonely) CatchUp(context.Context) error { return nil }
func (lonely) Subtree(name string) []string  { return []string{name} }

// far is a receiver in the same process, to which no connection is needed.
type far struct {
	mu     sync.Mutex
	posts  []post
	answer func(p post) (wait time.Duration, a target.Answer)
}

// post is one try as the receiver saw it.
type post struct {
	url, id string
	at      time.Time
	body    string
}

func (f *far) Send(ctx context.Context, url string, header http.Header, body []byte) target.Answer {
	p := post{url, header["Webhook-Id"][0], time.Now(), string(body)}
	f.mu.Lock()
	f.posts = append(f.posts, p)
	wait, a := f.answer(p)
	f.mu.Unlock()
	select {
	case <-time.After(wait):
		return a
	case <-ctx.Done():
		return target.Answer{Failure: "timeout"}
	}
}

func (f *far) seen() []post {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.posts)
}

// world is an event service without the rest of the suite. Its time is that of
// the bubble.
type world struct {
	*Service
	t       *testing.T
	far     *far
	entries uint64
	causes  []eventv1.Webhook_Cause
	run     context.CancelFunc
	ended   chan error
}

// SuspendWebhook is the call that the service makes to itself.
func (w *world) SuspendWebhook(ctx context.Context, req *eventv1.SuspendWebhookRequest, _ ...grpc.CallOption) (*eventv1.Webhook, error) {
	w.causes = append(w.causes, req.GetCause())
	return w.set(req.GetName(), func(h *eventv1.Webhook) { *h = *event.Suspend(h, req.GetCause()) }), nil
}

type self struct {
	eventv1.EventServiceClient
	*world
}

func (s self) SuspendWebhook(ctx context.Context, req *eventv1.SuspendWebhookRequest, o ...grpc.CallOption) (*eventv1.Webhook, error) {
	return s.world.SuspendWebhook(ctx, req, o...)
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, far: &far{answer: func(post) (time.Duration, target.Answer) { return 0, target.Answer{Status: 200} }}}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	w.must(err)
	log, err := feed.New(feed.Config{Name: "event", Origin: "test/event", Key: key, Now: time.Now, Random: rand.Reader})
	w.must(err)
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "event.db"), bolt.Options{MapSize: 1 << 24, BeforeCommit: log.Seal, OnCommit: log.Committed})
	w.must(err)
	t.Cleanup(func() { w.must(engine.Close()) })
	tokens, err := page.NewTokens(make([]byte, 32))
	w.must(err)
	vault, err := secret.NewVault(make([]byte, 32))
	w.must(err)
	ids := 0
	w.Service, err = New(&change.Book{Store: engine, Log: log, Tokens: tokens, Now: time.Now, Clock: time.Now, NewID: func() string {
		ids++
		return "id" + strconv.Itoa(ids)
	}}, Parts{
		Tree: lonely{}, Self: self{world: w}, Sender: w.far, Vault: vault, Jitter: func() float64 { return 0 }, Counted: func(string) {},
	})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) update(do func(store.Tx) error) {
	w.t.Helper()
	w.must(w.book.Store.Update(context.Background(), do))
}

// hook registers a webhook that gets all events.
func (w *world) hook(name string) {
	w.update(func(tx store.Tx) error {
		s := secrets{Current: w.Vault.Seal(name, secret.New())}
		if err := s.put(tx, name); err != nil {
			return err
		}
		if err := (queue{Next: 1}).put(tx, name); err != nil {
			return err
		}
		return w.table.Put(tx, &eventv1.Webhook{Name: name, Unit: "units/s", Url: name, Owner: "machines/m", State: eventv1.Webhook_STATE_ENABLED})
	})
}

func (w *world) set(name string, edit func(*eventv1.Webhook)) (h *eventv1.Webhook) {
	w.update(func(tx store.Tx) (err error) {
		if h, err = w.table.Get(tx, name); err != nil {
			return err
		}
		edit(h)
		return w.table.Put(tx, h)
	})
	return h
}

// happen appends n changes of a problem to what the feeds say.
func (w *world) happen(subject string, revision, n int) {
	var run []*feedv1.Entry
	for i := range n {
		body, err := anypb.New(&rectificationv1.Problem{Name: subject, Unit: "units/s"})
		w.must(err)
		run = append(run, &feedv1.Entry{
			Seq: w.entries, Id: []byte(fmt.Sprintf("%016d", w.entries)), At: timestamppb.Now(), Effective: timestamppb.Now(),
			Kind: "rectification.problem.updated.v1", Subject: subject, Rev: uint64(revision + i), Body: body,
		})
		w.entries++
	}
	w.update(func(tx store.Tx) error { return order.Take(tx, "rectification", run, w.book.NewID) })
	w.rung.ring()
}

// start runs the lanes until stop.
func (w *world) start(names ...string) {
	ctx, cancel := context.WithCancel(context.Background())
	w.run, w.ended = cancel, make(chan error, len(names))
	for _, name := range names {
		l := &lane{Service: w.Service, webhook: name, nudged: newBell()}
		go func() { w.ended <- l.run(ctx) }()
	}
}

// kill ends the lanes wherever they are: nothing more is stored.
func (w *world) kill() {
	w.run()
	for range cap(w.ended) {
		<-w.ended
	}
}

func (w *world) states(name string) map[eventv1.Delivery_State]int {
	n := map[eventv1.Delivery_State]int{}
	w.must(w.book.Store.View(context.Background(), func(tx store.Tx) error {
		for d, err := range deliveries(tx, name, 0) {
			if err != nil {
				return err
			}
			n[d.is.GetState()]++
		}
		return nil
	}))
	return n
}

func TestADeliveryIsTriedByTheScheduleAndGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/a")
		w.far.answer = func(post) (time.Duration, target.Answer) { return 0, target.Answer{Status: 500} }
		begun := time.Now()
		w.happen("p/1", 1, 1)
		w.start("webhooks/a")
		time.Sleep(4 * 24 * time.Hour)
		synctest.Wait()
		want := time.Duration(0)
		posts := w.far.seen()
		if len(posts) != event.Tries {
			t.Fatalf("%d tries, want %d", len(posts), event.Tries)
		}
		for i, pause := range []time.Duration{0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour} {
			want += pause
			if got := posts[i].at.Sub(begun); got < want || got > want+time.Second || posts[i].id != posts[0].id {
				t.Errorf("try %d of %s after %v, want %v", i+1, posts[i].id, got, want)
			}
		}
		if got := w.states("webhooks/a"); got[eventv1.Delivery_STATE_DEAD] != 1 || len(got) != 1 {
			t.Errorf("states = %v", got)
		}
		time.Sleep(2 * 24 * time.Hour)
		w.happen("p/2", 1, 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		if !slices.Equal(w.causes, []eventv1.Webhook_Cause{eventv1.Webhook_CAUSE_FAILING}) || len(w.far.seen()) != event.Tries+1 {
			t.Errorf("after six days: %v, %d tries", w.causes, len(w.far.seen()))
		}
		w.kill()
	})
}

func TestAReceiverThatHasTooMuchToDoIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/a")
		w.hook("webhooks/b")
		begun := time.Now()
		w.far.answer = func(p post) (time.Duration, target.Answer) {
			if p.url == "webhooks/a" && time.Since(begun) < 10*time.Minute {
				return 0, target.Answer{Status: 429, RetryAfter: 10 * time.Minute}
			}
			return 0, target.Answer{Status: 200}
		}
		w.happen("p/1", 1, 1)
		w.start("webhooks/a", "webhooks/b")
		time.Sleep(time.Minute)
		w.happen("p/2", 1, 1)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		n := map[string]int{}
		for _, p := range w.far.seen() {
			n[p.url]++
		}
		if n["webhooks/a"] != 1 || n["webhooks/b"] != 2 {
			t.Errorf("while one is left alone: %v", n)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := w.states("webhooks/a"); got[eventv1.Delivery_STATE_DELIVERED] != 2 {
			t.Errorf("afterwards: %v", got)
		}
		w.kill()
	})
}

func TestAReceiverThatIsGoneIsAskedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/a")
		w.far.answer = func(post) (time.Duration, target.Answer) { return 0, target.Answer{Status: 410} }
		w.happen("p/1", 1, 3)
		w.start("webhooks/a")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := w.far.seen(); len(got) != 1 || !slices.Equal(w.causes, []eventv1.Webhook_Cause{eventv1.Webhook_CAUSE_GONE}) {
			t.Errorf("%d tries, causes %v", len(got), w.causes)
		}
		w.kill()
	})
}

// A receiver that never answers holds up itself alone.
func TestOneSlowReceiverHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/slow")
		w.hook("webhooks/b")
		w.far.answer = func(p post) (time.Duration, target.Answer) {
			if p.url == "webhooks/slow" {
				return 15 * time.Second, target.Answer{Failure: "timeout"}
			}
			return time.Millisecond, target.Answer{Status: 200}
		}
		for i := range 50 {
			w.happen("p/"+strconv.Itoa(i), 1, 1)
		}
		w.start("webhooks/slow", "webhooks/b")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := w.states("webhooks/b"); got[eventv1.Delivery_STATE_DELIVERED] != 50 {
			t.Errorf("beside a slow one: %v", got)
		}
		w.kill()
	})
}

// TestChaos: receivers that are down, slow, overloaded, that fail or take an event
// and lose the answer, and lanes that are killed at any moment: every event is
// taken at least once, in the order of each resource, with few tries.
func TestChaos(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, mathrand.New(mathrand.NewPCG(seed, 7))) })
		})
	}
}

func chaos(t *testing.T, random *mathrand.Rand) {
	const subjects, each = 12, 8
	w := newWorld(t)
	w.hook("webhooks/a")
	took := map[string][]string{}                                           // subject → ids of the events taken, repeats too
	calm, rests := false, mathrand.New(mathrand.NewPCG(random.Uint64(), 0)) // the receiver's dice are its own
	w.far.answer = func(p post) (time.Duration, target.Answer) {
		subject, _, _ := strings.Cut(p.body[strings.Index(p.body, `"p/`)+1:], `"`)
		take := func() { took[subject] = append(took[subject], p.id) }
		wait := time.Duration(random.IntN(2000)) * time.Millisecond
		chance := random.IntN(8)
		if calm {
			chance = 7
		}
		switch chance {
		case 0:
			return wait, target.Answer{Failure: "refused"}
		case 1:
			return 15 * time.Second, target.Answer{Failure: "timeout"}
		case 2:
			return wait, target.Answer{Status: 500}
		case 3:
			return wait, target.Answer{Status: 429, RetryAfter: time.Duration(random.IntN(100)) * time.Second}
		case 4: // taken, and the answer is lost
			take()
			return 15 * time.Second, target.Answer{Failure: "timeout"}
		default:
			take()
			return wait, target.Answer{Status: 204}
		}
	}
	for round := range each {
		w.start("webhooks/a")
		for i := range subjects {
			w.happen("p/"+strconv.Itoa(i), round+1, 1)
		}
		time.Sleep(time.Duration(rests.IntN(600_000)) * time.Millisecond)
		w.kill()
	}
	w.far.mu.Lock()
	calm = true
	w.far.mu.Unlock()
	w.start("webhooks/a")
	time.Sleep(30 * time.Hour)
	synctest.Wait()
	w.kill()
	if got := w.states("webhooks/a"); got[eventv1.Delivery_STATE_PENDING]+got[eventv1.Delivery_STATE_DEAD] != 0 {
		t.Errorf("left over: %v", got)
	}
	for i := range subjects {
		ids := took["p/"+strconv.Itoa(i)]
		if !slices.IsSorted(ids) {
			t.Errorf("problem %d came out of order: %v", i, ids)
		}
		if n := len(slices.Compact(slices.Clone(ids))); n != each {
			t.Errorf("problem %d came %d times, want %d: %v", i, n, each, ids)
		}
	}
	if n := len(w.far.seen()); n > subjects*each*event.Tries {
		t.Errorf("%d tries", n)
	}
}

// Each entry is one event, however often a run comes; a run with a gap is refused.
func TestEachEntryIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	w.happen("p/1", 1, 3)
	w.entries = 1
	w.happen("p/1", 2, 4)
	count := func() (n int) {
		w.must(w.book.Store.View(t.Context(), func(tx store.Tx) error {
			for _, err := range tx.Scan("event.events", nil, nil) {
				if n++; err != nil {
					return err
				}
			}
			return nil
		}))
		return n
	}
	if got := count(); got != 5 {
		t.Errorf("%d events of five entries", got)
	}
	err := w.book.Store.Update(t.Context(), func(tx store.Tx) error {
		return order.Take(tx, "rectification", []*feedv1.Entry{{Seq: 9}}, w.book.NewID)
	})
	if err == nil || count() != 5 {
		t.Errorf("a run with a gap = %v", err)
	}
}
