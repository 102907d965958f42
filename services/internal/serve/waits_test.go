package serve

import (
	"context"
	"errors"
	"testing"

	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/seat"
)

// crowd are calls that wait until news comes.
type crowd struct {
	t     *testing.T
	step  Step
	news  chan struct{}
	ended chan error
	n     int // that wait
}

// wait lets one more call of who wait, and returns once it waits or is refused.
func (c *crowd) wait(ctx context.Context) error {
	c.t.Helper()
	sat := make(chan error, 1)
	go func() {
		c.ended <- c.step(ctx, Call{}, func(ctx context.Context) error {
			err := seat.Leave(ctx)
			if sat <- errors.Join(err, seat.Leave(ctx)); err == nil { // again, as in a loop
				<-c.news
			}
			return err
		})
	}()
	err := <-sat
	if err != nil {
		return errors.Join(err, <-c.ended)
	}
	c.n++
	return nil
}

func (c *crowd) tell() {
	close(c.news)
	for range c.n {
		if err := <-c.ended; err != nil {
			c.t.Errorf("a call that waited: %v", err)
		}
	}
}

// One principal waits so often and no more, however many places there are; nobody
// else is shut out, and services wait as they like.
func TestOneCallerTakesNotAllPlacesOfThoseWhoWait(t *testing.T) {
	const limit, most = 3, 2
	a, w := newAdmission(limit), &waits{most: most}
	c := &crowd{t: t, step: chain(a.step, w.step), news: make(chan struct{}), ended: make(chan error)}
	of := func(name string) context.Context { return authn.With(t.Context(), authn.Principal{Name: name}) }
	for range most {
		if err := c.wait(of("machines/a")); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 * waiters * limit {
		if err := c.wait(of("machines/a")); !errors.Is(err, errWaitsTooMany) || fault.As(err).Retry != sooner || fault.As(err).Facts["limit"] != "2" {
			t.Fatalf("one too many: %v", err)
		}
	}
	if err := c.wait(of("machines/b")); err != nil {
		t.Errorf("another: %v", err)
	}
	for range 2 * most {
		if err := c.wait(authn.WithCaller(of("machines/a"), "aggregation")); err != nil {
			t.Errorf("a service for that caller: %v", err)
		}
		if err := c.wait(of("services/aggregation")); err != nil {
			t.Errorf("a service: %v", err)
		}
	}
	c.tell()
	if _, free := w.held.Take("machines/a", 1, 1); !free || a.waiting.Load() != 0 || a.running.Load() != 0 {
		t.Errorf("afterwards some wait")
	}
	c.news = make(chan struct{})
	c.n = 0
	if err := c.wait(of("machines/a")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	c.tell()
}
