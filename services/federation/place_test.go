package federation_test

import (
	"testing"
	"time"

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

// TestARefusalThatComesAgainIsOpenAgain, and one that does not keeps when its enrolment was first changed.
func TestARefusalThatComesAgainIsOpenAgain(t *testing.T) {
	const revoked, forged = federationv1.Code_CODE_REVOKED, federationv1.Code_CODE_BAD_SIGNATURE
	m, at := &federationv1.Mirror{}, time.Unix(2e9, 0)
	for hour, do := range []func(time.Time){
		func(at time.Time) { federation.RefuseGreeting(m, revoked, "", at) },
		func(at time.Time) { federation.RefuseGreeting(m, forged, "", at) },
		func(at time.Time) { federation.EnrolGreeting(m, at) },
		func(at time.Time) { federation.EnrolGreeting(m, at) },
		func(at time.Time) { federation.RefuseGreeting(m, revoked, "", at) },
	} {
		do(at.Add(time.Duration(hour) * time.Hour))
	}
	if g := m.GetRefusedGreetings()[0]; g.GetEnrolmentTime() != nil || g.GetCount() != 2 || !g.GetFirstTime().AsTime().Equal(at) {
		t.Errorf("what came again is %v", g)
	}
	if g := m.GetRefusedGreetings()[1]; !g.GetEnrolmentTime().AsTime().Equal(at.Add(2 * time.Hour)) {
		t.Errorf("what did not is %v", g)
	}
}
