package fleet_test

import (
	"fmt"
	"testing"

	"github.com/duban-project/duban/services/internal/fleet"
)

// TestNoPortIsToldTwice, although nobody listens there yet.
func TestNoPortIsToldTwice(t *testing.T) {
	told := map[string]bool{}
	for i := range 300 {
		name := fmt.Sprint(i)
		addresses, err := fleet.Vacant(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := addresses[name]; told[at] {
			t.Fatalf("%s was told before", at)
		} else {
			told[at] = true
		}
	}
}
