package marks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestMarksAreWrittenAtOnceAndThenSeldom, and whatever a stop finds unwritten.
func TestMarksAreWrittenAtOnceAndThenSeldom(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := opened(t, folder)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Work(ctx) }()
		for _, step := range []struct {
			size, want uint64
			after      time.Duration
		}{
			{3, 3, 0}, {5, 3, every / 2}, {4, 5, every}, {9, 9, every}, {12, 9, 0},
		} {
			m.Reached("a/b/c/1", step.size)
			time.Sleep(step.after)
			synctest.Wait()
			if got := opened(t, folder).Of("a/b/c/1"); got != step.want {
				t.Errorf("%v after %d, the file has %d, want %d", step.after, step.size, got, step.want)
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Work = %v", err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if got := opened(t, folder).Of("a/b/c/1"); got != 12 {
		t.Errorf("after the stop the file has %d, want 12", got)
	}
}

// TestMarksThatCannotBeWrittenAreTriedAgain: a full disk ends no process.
func TestMarksThatCannotBeWrittenAreTriedAgain(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "gone")
	synctest.Test(t, func(t *testing.T) {
		m := opened(t, folder)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Work(ctx) }()
		m.Reached("a/b/c/1", 1)
		synctest.Wait()
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * every)
		synctest.Wait()
		if got := opened(t, folder).Of("a/b/c/1"); got != 1 {
			t.Errorf("the file has %d, want 1", got)
		}
		cancel()
		<-ended
	})
}

func opened(t *testing.T, folder string) *Marks {
	t.Helper()
	m, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What is forgotten of later eras is not in the file either; other logs stay.
func TestLaterErasAreForgotten(t *testing.T) {
	folder := t.TempDir()
	m := opened(t, folder)
	for _, origin := range []string{"a/b/c/1", "a/b/c/5", "a/b/c/9", "a/b/d/9"} {
		m.Reached(origin, 3)
	}
	if got := m.Era("a/b/c"); got != 9 {
		t.Errorf("the newest era is %d", got)
	}
	m.Forget("a/b/c", 5)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if again := opened(t, folder); again.Era("a/b/c") != 5 || again.Era("a/b/d") != 9 || again.Of("a/b/c/1") != 3 {
		t.Errorf("the eras are %d and %d", again.Era("a/b/c"), again.Era("a/b/d"))
	}
}
