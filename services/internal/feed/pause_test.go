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

func TestPausesGrowBetweenTheirBounds(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		tries feed.Backoff
		want  []time.Duration
	}{
		{feed.Backoff{}, []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000, 100}},
		{feed.Backoff{First: 3 * ms, Last: 20 * ms}, []time.Duration{3, 6, 12, 20, 20, 20, 20, 20, 3}},
		{feed.Backoff{Last: 20 * ms}, []time.Duration{20, 20, 20, 20, 20, 20, 20, 20, 20}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var waited []time.Duration
			for i := range 9 {
				if i == 8 {
					c.tries.Reset()
				}
				start := time.Now()
				if err := c.tries.Pause(t.Context()); err != nil {
					t.Fatal(err)
				}
				waited = append(waited, time.Since(start)/ms)
			}
			if !slices.Equal(waited, c.want) {
				t.Errorf("waited %d ms, want %d", waited, c.want)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := c.tries.Pause(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Pause of what has ended = %v", err)
			}
		})
	}
}
