package feed_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duban-project/duban/services/internal/feed"
)

func TestPausesGrowUpToFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries feed.Backoff
		var waited []time.Duration
		for i := range 9 {
			if i == 8 {
				tries = feed.Backoff{}
			}
			start := time.Now()
			if err := tries.Pause(t.Context()); err != nil {
				t.Fatal(err)
			}
			waited = append(waited, time.Since(start)/time.Millisecond)
		}
		if want := []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000, 100}; !slices.Equal(waited, want) {
			t.Errorf("waited %d ms, want %d", waited, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := tries.Pause(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Pause of what has ended = %v", err)
		}
	})
}
