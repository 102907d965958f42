package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// writers is how many write at once when a child is killed.
const writers = 8

// number returns what the environment says under name, or fallback.
func number(t *testing.T, name string, fallback uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// rounds is how often something is tortured: DUBAN_TORTURE says it, or it is twenty
// times, of which the race detector looks on at five.
func rounds(t *testing.T) uint64 {
	t.Helper()
	if suitetest.Raced {
		return number(t, "DUBAN_TORTURE", 5)
	}
	return number(t, "DUBAN_TORTURE", 20)
}

// dice throws moments. Its seed is logged; DUBAN_SEED gives the same throws
// again.
func dice(t *testing.T) *rand.Rand {
	t.Helper()
	seed := number(t, "DUBAN_SEED", rand.Uint64())
	t.Logf("DUBAN_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// moment is a random time between the two.
func moment(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// TestTorture kills duban under load, over and over. Whatever was acknowledged
// is there afterwards; whatever was not can be repeated and is there once; no
// feed ever loses or changes what it has shown. DUBAN_TORTURE says how often.
func TestTorture(t *testing.T) {
	t.Parallel()
	c, r := settings(t.TempDir()), dice(t)
	d := boot(t, c)
	keys := initialize(t, d)
	d.stop()
	w := &witness{seen: map[string]*feedv1.Checkpoint{}}
	for _, feed := range clean(t, c) {
		w.seen[feed] = nil
	}
	d = boot(t, c)
	var loads []*load
	acked, lost := 0, 0
	for round := range rounds(t) {
		on := d.as(keys)
		l := newLoad(t, on, fmt.Sprintf("round-%d", round))
		loads = append(loads, l)
		written := l.start(t.Context(), on, writers)
		watched := w.watch(t.Context(), d.as(keys).feed())
		if round == 0 { // however slow the machine is, one round has something to lose
			l.goesOn(t.Context(), t)
		}
		<-time.After(moment(r, 5*time.Millisecond, 60*time.Millisecond))
		d.kill()
		<-written
		<-watched
		acked, lost = acked+len(l.acked), lost+len(l.lost)
		clean(t, c)
		d = boot(t, c)
		on = d.as(keys)
		w.verify(t, on.feed())
		l.kept(t, on)
		l.repeat(t, on)
		l.counted(t, on)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	for _, l := range loads {
		l.exact(t, d.as(keys))
	}
	d.stop()
	clean(t, c)
	t.Logf("%d acknowledged, %d unanswered", acked, lost)
	if acked == 0 || lost == 0 {
		t.Error("nothing was tried")
	}
}
