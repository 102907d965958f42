package limit

import "testing"

// TestHeldIsBounded for each and for all, what was given back twice is given once, and of who
// holds nothing nothing is kept.
func TestHeldIsBounded(t *testing.T) {
	var h Held[string]
	take := func(key string, want bool) func() {
		t.Helper()
		give, ok := h.Take(key, 2, 3)
		if ok != want || (give != nil) != want {
			t.Fatalf("%s takes one more: %t, want %t", key, ok, want)
		}
		return give
	}
	first := take("a", true)
	second := take("a", true)
	take("a", false)
	third := take("b", true)
	take("c", false)
	first()
	first()
	fourth := take("c", true)
	take("b", false)
	second()
	fifth := take("b", true)
	take("b", false)
	for _, give := range []func(){third, fourth, fifth} {
		give()
	}
	if len(h.by) != 0 || h.all != 0 {
		t.Errorf("%v is held, %d in all", h.by, h.all)
	}
}
