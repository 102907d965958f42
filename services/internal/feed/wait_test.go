package feed

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitEndsOnlyWithMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Log{bell: bell{rung: make(chan struct{})}}
		commit := func(size uint64) {
			l.bell.set(size)
			l.Committed()
			synctest.Wait()
		}
		var woken atomic.Int32
		for range 3 {
			go func() {
				if err := l.Wait(t.Context(), 7); err != nil {
					t.Error(err)
				}
				woken.Add(1)
			}()
		}
		commit(7)
		l.bell.set(8) // sealed, and rolled back: nobody may wake
		synctest.Wait()
		commit(7)
		if n := woken.Load(); n > 0 {
			t.Fatalf("%d were woken by nothing new", n)
		}
		commit(8)
		if n := woken.Load(); n != 3 {
			t.Errorf("%d of 3 were woken", n)
		}
		if err := l.Wait(t.Context(), 7); err != nil {
			t.Errorf("one who came late waited: %v", err)
		}
	})
}

func TestWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Log{bell: bell{rung: make(chan struct{})}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := l.Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
