package federation_test

import (
	"testing"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
)

func TestPlace(t *testing.T) {
	const mine, other, root = "installations/mine", "installations/other", "units/root"
	known := map[string]federation.Owner{
		"units/local": {Held: true}, root: {Held: true},
		"units/a": {Installation: mine, Parent: root, Held: true}, "units/b": {Installation: mine, Parent: "units/a", Held: true},
		"units/theirs": {Installation: other, Parent: "units/local", Held: true},
		"units/claim":  {Installation: mine, Held: true},
	}
	above := root
	for _, deep := range []string{"units/1", "units/2", "units/3", "units/4", "units/5", "units/6", "units/7", "units/8"} {
		known[deep] = federation.Owner{Installation: mine, Parent: above, Held: true}
		above = deep
	}
	owner := func(unit string) (federation.Owner, error) { return known[unit], nil }
	for _, c := range []struct {
		what, unit, parent string
		want               federationv1.RefusedUnit_Reason
	}{
		{"at the root", "units/new", root, 0},
		{"deeper", "units/new", "units/b", 0},
		{"again", "units/a", root, 0},
		{"enrolled below before it was told of", "units/claim", "units/a", 0},
		{"kept here", "units/local", root, federationv1.RefusedUnit_REASON_TAKEN},
		{"another installation's", "units/theirs", root, federationv1.RefusedUnit_REASON_TAKEN},
		{"under a unit here", "units/new", "units/local", federationv1.RefusedUnit_REASON_ELSEWHERE},
		{"under another's", "units/new", "units/theirs", federationv1.RefusedUnit_REASON_ELSEWHERE},
		{"under nothing known", "units/new", "units/none", federationv1.RefusedUnit_REASON_ELSEWHERE},
		{"under what has no place", "units/new", "units/claim", federationv1.RefusedUnit_REASON_ELSEWHERE},
		{"a second root", "units/new", "", federationv1.RefusedUnit_REASON_ELSEWHERE},
		{"beneath itself", "units/a", "units/b", federationv1.RefusedUnit_REASON_TOO_DEEP},
		{"too deep", "units/new", "units/8", federationv1.RefusedUnit_REASON_TOO_DEEP},
	} {
		if got, err := federation.Place(mine, root, c.unit, c.parent, owner); got != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", c.what, got, err, c.want)
		}
	}
}
