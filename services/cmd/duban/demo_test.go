package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A folder for the data that is named is made, a used one refused.
func TestTheFolderForTheDataIsMade(t *testing.T) {
	wanted := filepath.Join(t.TempDir(), "a", "new")
	folder, remove, err := demoFolder(wanted)
	if err != nil || folder != wanted {
		t.Fatalf("= %s, %v", folder, err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(folder, "kept"), nil, 0o600), remove()); err != nil {
		t.Errorf("it is not there, or not kept: %v", err)
	}
	if _, _, err := demoFolder(wanted); !errors.Is(err, errUsage) {
		t.Errorf("a used one: %v", err)
	}
	if _, _, err := demoFolder(filepath.Join(wanted, "kept")); !errors.Is(err, errUsage) {
		t.Errorf("a file: %v", err)
	}
}

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
