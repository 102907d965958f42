package directory

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// told is a source that answers, one question at a time, when it is told to.
type told struct {
	asked   atomic.Int64
	answers chan uint64
}

func (s *told) ask(ctx context.Context) (uint64, error) {
	s.asked.Add(1)
	select {
	case size := <-s.answers:
		return size, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// heard is what a caller came to know.
type heard struct {
	size uint64
	err  error
}

// callers begin n calls, each of which waits when it returns.
func callers(ctx context.Context, l *latest, s *told, n int) <-chan heard {
	answers := make(chan heard, n)
	for range n {
		go func() {
			size, err := l.size(ctx, s.ask)
			answers <- heard{size, err}
		}()
	}
	synctest.Wait()
	return answers
}

// TestOneQuestionAnswersAllWhoWaitedForIt, and none of those who came after it was
// asked: what they have seen may be newer than its answer.
func TestOneQuestionAnswersAllWhoWaitedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLatest(), &told{answers: make(chan uint64)}
		before := callers(t.Context(), l, s, 1)
		after := callers(t.Context(), l, s, 20)
		s.answers <- 1
		if got := <-before; got != (heard{size: 1}) {
			t.Errorf("who asked heard %v", got)
		}
		s.answers <- 2
		for range cap(after) {
			if got := <-after; got != (heard{size: 2}) {
				t.Errorf("who came while one was asked heard %v", got)
			}
		}
		if asked := s.asked.Load(); asked != 2 {
			t.Errorf("the source was asked %d times, want 2", asked)
		}
	})
}

// TestWhoGivesUpTakesNobodyAlong: neither who asks nor who waits to ask.
func TestWhoGivesUpTakesNobodyAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLatest(), &told{answers: make(chan uint64)}
		asking, stop := context.WithCancel(t.Context())
		first := callers(asking, l, s, 1)
		waiting, leave := context.WithCancel(t.Context())
		next := callers(waiting, l, s, 1)
		rest := callers(t.Context(), l, s, 3)
		leave()
		stop()
		for _, gone := range []<-chan heard{first, next} {
			if got := <-gone; !errors.Is(got.err, context.Canceled) {
				t.Errorf("who gave up heard %v", got)
			}
		}
		for range cap(rest) {
			s.answers <- 7
			if got := <-rest; got != (heard{size: 7}) {
				t.Errorf("who waited heard %v", got)
			}
		}
	})
}
