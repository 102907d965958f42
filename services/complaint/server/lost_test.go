package server

import (
	"slices"
	"strconv"
	"testing"
)

// TestALostCaseIsLookedForOnce, whether its unit is found or not, until there are other
// units.
func TestALostCaseIsLookedForOnce(t *testing.T) {
	var known concerned
	units, hashes := []string{"units/a", "units/b", "units/c"}, 0
	hide := func(unit string) []byte { hashes++; return []byte("mark of " + unit) }
	all := func() []string { return units }
	for _, step := range []struct {
		mark, want string
		hashes     int
	}{
		{"", "", 0},
		{"mark of units/b", "units/b", 2},
		{"mark of units/b", "units/b", 0},
		{"mark of units/d", "", 3},
		{"mark of units/d", "", 0},
	} {
		hashes = 0
		if got := known.unit([]byte(step.mark), all, hide); got != step.want || hashes != step.hashes {
			t.Errorf("%q is %q by %d hashes, want %q by %d", step.mark, got, hashes, step.want, step.hashes)
		}
	}
	units = append(slices.Clone(units), "units/d")
	if got := known.unit([]byte("mark of units/d"), all, hide); got != "units/d" {
		t.Errorf("once there is the unit: %q", got)
	}
	for i := range remembered + 1 {
		known.put([]byte(strconv.Itoa(i)), finding{of: i})
	}
	if len(known.known) > remembered {
		t.Errorf("%d cases are kept in mind", len(known.known))
	}
}
