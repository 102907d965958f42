package limit

import (
	"testing"
	"testing/synctest"
	"time"
)

var (
	start = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	three = Size{Rate: 1, Burst: 3}
)

// spend takes so many from a key, and says how many of them were there.
func (t *Table[K]) spend(key K, n int, now time.Time) (had int) {
	for range n {
		if t.Of(key, three, now).AllowN(now, 1) {
			had++
		}
	}
	return had
}

func TestEveryKeyHasItsOwn(t *testing.T) {
	var table Table[string]
	if a, b := table.spend("a", 9, start), table.spend("b", 9, start); a != 3 || b != 3 {
		t.Errorf("%d and %d are admitted, want 3 and 3", a, b)
	}
	if a := table.spend("a", 9, start.Add(2*time.Second)); a != 2 {
		t.Errorf("two seconds later %d are admitted, want 2", a)
	}
}

// Whatever many keys do, there is an end to what is kept of them, and none that
// has used something up begins anew.
func TestManyKeysMakeNobodyFresh(t *testing.T) {
	var table Table[int]
	for key := range Most {
		if had := table.spend(key, 9, start); had != 3 {
			t.Fatalf("key %d had %d, want 3", key, had)
		}
	}
	for key := range 2 * Most {
		if had := table.spend(Most+key, 3, start); had > 0 && key > 0 {
			t.Fatalf("the %dth without room had %d", key, had)
		}
	}
	for key := range Most {
		if had := table.spend(key, 1, start); had > 0 {
			t.Fatalf("key %d had something again", key)
		}
	}
	if len(table.held) != Most {
		t.Errorf("%d are kept, want %d", len(table.held), Most)
	}
}

func TestWhoHasRecoveredMakesRoom(t *testing.T) {
	var table Table[int]
	for key := range Most {
		table.spend(key, 1, start)
	}
	later := start.Add(time.Second)
	for key := range 100 { // few enough that one who has recovered is always found
		if had := table.spend(Most+key, 3, later); had != 3 {
			t.Fatalf("the %dth to come later had %d, want 3 of its own", key, had)
		}
	}
	if len(table.held) != Most {
		t.Errorf("%d are kept, want %d", len(table.held), Most)
	}
}

func TestASizeMayChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, now := range map[string]time.Time{"a time": start, "real time": {}} {
			var table Table[string]
			table.Of("a", Size{Rate: 1, Burst: 9}, now)
			l := table.Of("a", three, now)
			if left := tokens(l, now); l.Limit() != 1 || l.Burst() != 3 || left != 3 {
				t.Errorf("by %s %v is left of %d", name, left, l.Burst())
			}
		}
	})
}
