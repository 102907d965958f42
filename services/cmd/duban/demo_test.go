package main

import (
	"context"
	"errors"
	"io"
	"testing"
)

// Whoever ends the program while the story is told reads so, and of no step that failed.
func TestAnInterruptedStoryIsNoFailure(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := tell(ctx, "http://127.0.0.1:1", "key", io.Discard); !errors.Is(err, errInterrupted) {
		t.Errorf("an interrupted story ends with %v", err)
	}
	if _, _, err := tell(t.Context(), "http://127.0.0.1:1", "key", io.Discard); err == nil || errors.Is(err, errInterrupted) {
		t.Errorf("a story that nobody hears ends with %v", err)
	}
}
