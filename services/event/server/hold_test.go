package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/event/secret"
	"github.com/duban-project/duban/services/event/target"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// about says whether a post is about a subject.
func (p post) about(subject string) bool { return strings.Contains(p.body, `"`+subject+`"`) }

// One event that the receiver's gateway cannot take holds up what happens beside it
// for seconds.
func TestOneEventThatFailsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/a")
		w.far.answer = func(p post) (time.Duration, target.Answer) {
			if p.about("p/1") {
				return 0, target.Answer{Status: 502}
			}
			return 0, target.Answer{Status: 200}
		}
		w.happen("p/1", 1, 1)
		w.start("webhooks/a")
		happened := map[string]time.Time{}
		for i := range 2 * 20 { // every half hour, over 20 h
			time.Sleep(30 * time.Minute)
			subject := "q/" + strconv.Itoa(i)
			happened[subject] = time.Now()
			w.happen(subject, 1, 1)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		w.kill()
		tries := 0
		for _, p := range w.far.seen() {
			if p.about("p/1") {
				tries++
			}
			for subject, at := range happened {
				if p.about(subject) && p.at.Sub(at) > 10*time.Second {
					t.Errorf("%s came %v late", subject, p.at.Sub(at))
				}
			}
		}
		if got := w.states("webhooks/a")[eventv1.Delivery_STATE_PENDING]; tries != 7 || got != 1 {
			t.Errorf("%d tries of what fails, want 7; %d wait", tries, got)
		}
	})
}

// What the receiver asks for holds whatever it takes beside, in any order.
func TestRetryAfterHoldsBesideASuccess(t *testing.T) {
	for _, full := range []string{"p/1", "p/2"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.hook("webhooks/a")
			begun := time.Now()
			w.far.answer = func(p post) (time.Duration, target.Answer) {
				if p.about(full) && time.Since(begun) < time.Minute {
					return 0, target.Answer{Status: 429, RetryAfter: 10 * time.Minute}
				}
				return 0, target.Answer{Status: 200}
			}
			w.happen("p/1", 1, 1)
			w.happen("p/2", 1, 1)
			w.start("webhooks/a")
			time.Sleep(time.Minute)
			w.happen("p/3", 1, 1)
			time.Sleep(20 * time.Minute)
			synctest.Wait()
			w.kill()
			posts := w.far.seen()
			if len(posts) != 4 {
				t.Fatalf("%d posts", len(posts))
			}
			for _, p := range posts[2:] {
				if p.at.Sub(begun) < 10*time.Minute {
					t.Errorf("sent again after %v", p.at.Sub(begun))
				}
			}
		})
	}
}

// A receiver that is down is tried ever more rarely, and never left for longer than
// minutes.
func TestAReceiverThatIsDownIsTriedEveryFewMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/a")
		down := true
		w.far.answer = func(post) (time.Duration, target.Answer) {
			if down {
				return 0, target.Answer{Status: 503}
			}
			return 0, target.Answer{Status: 200}
		}
		for i := range 300 {
			w.happen("p/"+strconv.Itoa(i), 1, 1)
		}
		w.start("webhooks/a")
		time.Sleep(time.Hour)
		synctest.Wait()
		tries, last := w.far.seen(), time.Time{}
		for _, p := range tries {
			if pause := p.at.Sub(last); !last.IsZero() && pause > 5*time.Minute {
				t.Errorf("left alone for %v", pause)
			}
			last = p.at
		}
		if len(tries) > 250 || len(tries) < 100 {
			t.Errorf("%d tries in an hour", len(tries))
		}
		w.far.mu.Lock()
		down = false
		w.far.mu.Unlock()
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if got := w.states("webhooks/a")[eventv1.Delivery_STATE_DELIVERED]; got == 0 {
			t.Error("nothing is delivered once it is up")
		}
		w.kill()
	})
}

// lose queues deliveries of an event: dead ones, and one that has its last try
// before it.
func (w *world) lose(name string, number uint64, dead int) {
	w.update(func(tx store.Tx) error {
		return changeQueue(tx, name, func(q *queue) error {
			q.Position = number
			for i := range dead + 1 {
				d, err := q.enqueue(tx, name, number, &eventv1.Delivery{Event: "e", Subject: "p", Attempts: int32(event.Tries) - 1}, time.Now())
				if err != nil || i == dead {
					return err
				}
				d.is.State = eventv1.Delivery_STATE_DEAD
				q.count(eventv1.Delivery_STATE_PENDING, d.is.State)
				if err := d.put(tx, name); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Dead letters suspend a webhook once; who enables it begins anew, and as many are
// kept as may be.
func TestEnablingCountsDeadLettersAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/a")
		w.far.answer = func(post) (time.Duration, target.Answer) { return 0, target.Answer{Status: 500} }
		w.happen("p/1", 1, 1)
		w.lose("webhooks/a", 1, event.Dead-1)
		w.start("webhooks/a")
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.causes) != 1 || w.causes[0] != eventv1.Webhook_CAUSE_DEAD_LETTERS {
			t.Fatalf("with %d dead letters: %v", event.Dead, w.causes)
		}
		w.update(func(tx store.Tx) error { return w.follows(&change.Tx{Tx: tx}, "webhooks/a", event.Enabling) })
		w.set("webhooks/a", func(h *eventv1.Webhook) { h.State = eventv1.Webhook_STATE_ENABLED })
		w.lose("webhooks/a", 1, 0)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		w.kill()
		if got := w.states("webhooks/a"); len(w.causes) != 1 || got[eventv1.Delivery_STATE_DEAD] != event.Dead {
			t.Errorf("enabled again: %v, %v", w.causes, got)
		}
	})
}

func TestAPingIsTheSameAtEachTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/a")
		w.far.answer = func(post) (time.Duration, target.Answer) { return 0, target.Answer{Status: 500} }
		w.update(func(tx store.Tx) error {
			return changeQueue(tx, "webhooks/a", func(q *queue) error {
				_, err := q.enqueue(tx, "webhooks/a", 0, &eventv1.Delivery{Event: "e", Type: event.Ping, Subject: "webhooks/a"}, time.Now())
				return err
			})
		})
		begun := time.Now().UTC().Format(time.RFC3339Nano)
		w.start("webhooks/a")
		time.Sleep(time.Hour)
		synctest.Wait()
		w.kill()
		posts := w.far.seen()
		if len(posts) != 4 || !posts[0].about(begun) {
			t.Fatalf("%d tries, the first %+v", len(posts), posts[:1])
		}
		for _, p := range posts[1:] {
			if p.id != posts[0].id || p.body != posts[0].body {
				t.Errorf("%s and then %s", posts[0].body, p.body)
			}
		}
	})
}

// A ping that fails holds up neither another ping nor an event: it says nothing of what
// came before.
func TestAPingWaitsBehindNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/a")
		w.far.answer = func(p post) (time.Duration, target.Answer) {
			if p.id == "e1" {
				return 0, target.Answer{Status: 500}
			}
			return 0, target.Answer{Status: 200}
		}
		ping := func(id string) {
			w.update(func(tx store.Tx) error {
				return changeQueue(tx, "webhooks/a", func(q *queue) error {
					_, err := q.enqueue(tx, "webhooks/a", 0, &eventv1.Delivery{Event: id, Type: event.Ping, Subject: "webhooks/a"}, time.Now())
					return err
				})
			})
		}
		ping("e1")
		ping("e2")
		w.start("webhooks/a")
		time.Sleep(time.Second)
		synctest.Wait()
		w.kill()
		if posts := w.far.seen(); len(posts) != 2 || posts[0].id == posts[1].id {
			t.Errorf("within a second were sent %+v, want either ping once", posts)
		}
	})
}

// sick is a tree that cannot be read until it is well.
type sick struct {
	lonely
	asked atomic.Int64
	well  atomic.Bool
}

func (s *sick) CatchUp(context.Context) error {
	s.asked.Add(1)
	if s.well.Load() {
		return nil
	}
	return errors.New("it cannot be read")
}

// A lane that cannot work for a reason of this installation looks again ever more
// rarely, says what is wrong, and goes on when it can.
func TestALaneThatFailsByItselfSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hook("webhooks/a")
		tree := &sick{}
		w.Tree = tree
		w.happen("p/1", 1, 1)
		w.start("webhooks/a")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		w.shows("webhooks/a", eventv1.Webhook_TROUBLE_INTERNAL, 1)
		if asked := tree.asked.Load(); asked < 24 || asked > 32 {
			t.Errorf("looked %d times in two hours", asked)
		}
		tree.well.Store(true)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		w.shows("webhooks/a", eventv1.Webhook_TROUBLE_UNSPECIFIED, 0)
		if len(w.far.seen()) != 1 {
			t.Error("nothing is sent once it can be")
		}
		w.update(func(tx store.Tx) error {
			return secrets{Current: w.Vault.Seal("webhooks/b", secret.New())}.put(tx, "webhooks/a")
		})
		w.happen("p/2", 1, 1)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		w.shows("webhooks/a", eventv1.Webhook_TROUBLE_SECRETS, 1)
		w.kill()
		w.shows("webhooks/a", eventv1.Webhook_TROUBLE_UNSPECIFIED, 0)
	})
}

// shows checks what readers of a webhook and the operator are told.
func (w *world) shows(name string, want eventv1.Webhook_Trouble, stuck uint64) {
	w.t.Helper()
	kept := &eventv1.Webhook{Name: name}
	if got, err := w.webhooks.Show(nil, kept); err != nil || got.GetTrouble() != want || kept.GetTrouble() != 0 {
		w.t.Errorf("it shows %v, %v, want %v", got, err, want)
	}
	lag, err := w.Lag(context.Background())
	if err != nil || lag.Stuck != stuck {
		w.t.Errorf("%d are stuck, %v, want %d", lag.Stuck, err, stuck)
	}
}

// Each secret of before signs until the end that was said, whatever follows.
func TestSecretsOfBeforeKeepTheirEnds(t *testing.T) {
	now := time.Date(2026, 2, 9, 0, 0, 0, 0, time.UTC)
	s := secrets{Current: []byte("0")}
	rotate := func(overlap time.Duration) error {
		next, err := s.retired(now, overlap)
		if err == nil {
			next.Current = fmt.Append(nil, len(next.Former)+1)
			s = next
		}
		return err
	}
	for i, overlap := range []time.Duration{30 * time.Hour, time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour} {
		if err := rotate(overlap); err != nil || len(s.signing(now)) != i+1 || !s.end(now).Equal(now.Add(30*time.Hour)) {
			t.Fatalf("rotation %d: %v, %v until %v", i+1, err, s, s.end(now))
		}
	}
	if err := rotate(time.Hour); !errors.Is(err, event.ErrSecrets) {
		t.Errorf("a sixth = %v", err)
	}
	now = now.Add(time.Hour)
	if err := rotate(time.Hour); err != nil || len(s.Former) != formerMost || string(s.Former[0].Key) != "0" {
		t.Errorf("once one has ended: %v, %v", err, s)
	}
	if err := rotate(0); err != nil || len(s.signing(now)) != 0 || !s.end(now).Equal(now) {
		t.Errorf("ended at once: %v, %v", err, s)
	}
}
