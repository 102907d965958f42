package main

import (
	"os"
	"testing"
	"time"
)

// TestTortureFirstStart kills duban while it makes its files. The next start
// works, and the operator has one bootstrap key, shown once: twice only if the
// kill came between the showing and the note of it.
func TestTortureFirstStart(t *testing.T) {
	t.Parallel()
	r := dice(t)
	for range 10 {
		c := settings(t.TempDir())
		first := launch(t, c)
		appears(t, c.Data, first)
		<-time.After(moment(r, 0, 100*time.Millisecond))
		first.kill()
		seen := first.printed()

		second := boot(t, c)
		if len(seen) == 0 {
			seen = append(seen, second.bootstrap())
		}
		initializeWith(t, second, seen[0])
		second.stop()
		for _, again := range second.printed() {
			if again != seen[0] {
				t.Errorf("two bootstrap keys were printed")
			}
		}
		clean(t, c)
	}
}

// TestBootstrapKeyIsShownOnce: whoever has seen it does not see it again, used
// or not.
func TestBootstrapKeyIsShownOnce(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	first := boot(t, c)
	key := first.bootstrap()
	first.stop()
	second := boot(t, c)
	second.stop()
	if again := append(first.printed(), second.printed()...); len(again) > 0 {
		t.Errorf("the bootstrap key was printed %d times more", len(again))
	}
	third := boot(t, c)
	initializeWith(t, third, key)
	third.stop()
}

// appears waits until there is something in the folder.
func appears(t *testing.T, folder string, d *child) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-d.ended:
			t.Fatalf("duban ended before it began:\n%s", d.log)
		}
	}
}
