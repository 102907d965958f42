package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/services/internal/store"
)

// crowd is how many callers these cases send at once.
const crowd = 300

// together runs n callers at once and waits for them.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

func answersWhenVisible(t *testing.T, e store.Engine) {
	together(crowd, func(i int) {
		k := fmt.Sprint(i)
		if i%2 == 0 {
			update(t, e, func(store.Tx) error { return nil }) // nothing to commit
			return
		}
		put(t, e, k, "v")
		if _, err := get(t, e, k); err != nil {
			t.Errorf("%s was answered and then not there: %v", k, err)
		}
	})
}

// A refusal may rest on what another caller has just written. Whoever is refused
// must find the reason.
func refusesWhenVisible(t *testing.T, e store.Engine) {
	const keys = crowd / 10
	together(crowd, func(i int) {
		for round := range 5 {
			k := fmt.Sprint(round, "/", i%keys)
			err := e.Update(t.Context(), func(tx store.Tx) error {
				if _, err := read(tx, k); !errors.Is(err, store.ErrNotFound) {
					return errors.Join(errBoom, err)
				}
				return write(tx, k, "taken")
			})
			if err != nil && !errors.Is(err, errBoom) {
				t.Errorf("Update: %v", err)
			}
			if _, missing := get(t, e, k); missing != nil {
				t.Errorf("%s was answered with %v, and then %v", k, err, missing)
			}
		}
	})
}

// deed is what one caller of failuresTouchNobody does.
type deed struct {
	id    int
	keys  []string // written, so that the value tells the order of the writers
	drop  string   // deleted
	fate  int      // 0 fails, 1 panics, 2 is cancelled, others succeed
	order uint64   // found while running; only a success keeps it
}

func newDeed(r *rand.Rand, id int) *deed {
	d := &deed{id: id, drop: fmt.Sprintf("shared/%d", r.IntN(12)), fate: r.IntN(9)}
	for range 4 {
		d.keys = append(d.keys, fmt.Sprintf("shared/%d", r.IntN(12)))
	}
	d.keys = append(d.keys, fmt.Sprintf("own/%d", id))
	return d
}

// on does the deed on a model.
func (d *deed) on(m map[string]string) {
	for _, k := range d.keys {
		m[k] += fmt.Sprintf("%d,", d.id)
	}
	delete(m, d.drop)
}

// in does the deed in a transaction.
func (d *deed) in(tx store.Tx) (err error) {
	if d.order, err = next(tx, "order"); err != nil {
		return err
	}
	for _, k := range d.keys {
		v, err := read(tx, k)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := write(tx, k, v+fmt.Sprintf("%d,", d.id)); err != nil {
			return err
		}
	}
	return tx.Delete(b, []byte(d.drop))
}

// run is the deed with its fate, and says whether it must have happened.
func (d *deed) run(t *testing.T, e store.Engine) (success bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer func() {
		if r := recover(); r != nil && r != any(d) {
			t.Errorf("deed %d panicked with %v", d.id, r)
		}
	}()
	err := e.Update(ctx, func(tx store.Tx) error {
		if err := d.in(tx); err != nil {
			return err
		}
		switch d.fate {
		case 0:
			return errBoom
		case 1:
			panic(d)
		case 2:
			cancel()
		}
		return nil
	})
	want := map[int]error{0: errBoom, 2: context.Canceled}[d.fate]
	if !errors.Is(err, want) {
		t.Errorf("deed %d of fate %d = %v, want %v", d.id, d.fate, err, want)
	}
	return err == nil
}

// Callers who fail, panic or are cancelled after writing leave nothing behind
// and take nothing along: what remains is the successes, one after the other.
func failuresTouchNobody(t *testing.T, e store.Engine) {
	const seed = 20261122
	r := rand.New(rand.NewPCG(seed, seed))
	model := map[string]string{}
	for round := range 3 {
		deeds := make([]*deed, crowd)
		for i := range deeds {
			deeds[i] = newDeed(r, round*crowd+i)
		}
		done := make([]bool, crowd)
		together(crowd, func(i int) { done[i] = deeds[i].run(t, e) })
		replay(t, model, deeds, done)
		got := contents(t, e)
		delete(got, "order")
		if diff := cmp.Diff(model, got); diff != "" {
			t.Fatalf("round %d differs from its replay (-want +got):\n%s", round, diff)
		}
	}
}

// replay does the successful deeds in the order that they found.
func replay(t *testing.T, model map[string]string, deeds []*deed, done []bool) {
	t.Helper()
	byOrder := map[uint64]*deed{}
	for i, d := range deeds {
		if !done[i] {
			continue
		}
		if other := byOrder[d.order]; other != nil {
			t.Errorf("deeds %d and %d both came %d-th", other.id, d.id, d.order)
		}
		byOrder[d.order] = d
	}
	if len(byOrder) < crowd/2 {
		t.Fatalf("only %d of %d succeeded", len(byOrder), crowd)
	}
	for _, n := range slices.Sorted(maps.Keys(byOrder)) {
		byOrder[n].on(model)
	}
}

// Some callers give up at any moment: in the queue, with the turn, after it.
func cancelledLeave(t *testing.T, e store.Engine) {
	var mu sync.Mutex
	want := map[string]string{}
	together(crowd, func(i int) {
		k := fmt.Sprint(i)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if i%2 == 0 {
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(cancel)
		}
		err := e.Update(ctx, func(tx store.Tx) error { return write(tx, k, "v") })
		switch {
		case err == nil:
			mu.Lock()
			defer mu.Unlock()
			want[k] = "v"
		case i%2 == 1 || !errors.Is(err, context.Canceled):
			t.Errorf("caller %d: %v", i, err)
		}
	})
	put(t, e, "after", "works")
	want["after"] = "works"
	if diff := cmp.Diff(want, contents(t, e)); diff != "" {
		t.Errorf("answers and contents differ (-want +got):\n%s", diff)
	}
}
