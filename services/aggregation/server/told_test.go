package server

import (
	"fmt"
	"testing"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// What is asked of every due copies no mirrors: they are gone through once after each look
// at them, and then also what has changed is seen.
func TestMirrorsAreGoneThroughOnceALook(t *testing.T) {
	s := &Service{}
	s.followers = []*follower{{service: "organization"}, {service: own}, {service: "campaign"}}
	look := func(state federationv1.Mirror_State) {
		for i := range 300 {
			for _, service := range []string{own, "campaign"} {
				s.seen(&federationv1.Mirror{
					Name: fmt.Sprintf("installations/%d/mirrors/%s", i, service), Feed: fmt.Sprintf("feeds/%d.%s", i, service),
					Unit: fmt.Sprintf("units/%d", i), State: state,
				})
			}
		}
	}
	look(federationv1.Mirror_STATE_SILENT)
	s.below.look()
	if n := testing.AllocsPerRun(10, func() { s.below.look() }); n > 0 {
		t.Errorf("looking again makes %v copies", n)
	}
	if tell := s.below.look().tell; len(s.below.all()) != 600 || len(tell["installations/7"]) != 1 || len(tell["units/7"]) != 1 {
		t.Errorf("%d are seen, and %v tell", len(s.below.all()), tell["installations/7"])
	}
	look(federationv1.Mirror_STATE_ACTIVE)
	if got := s.below.look().tell["units/7"][0].mirror.GetState(); got != federationv1.Mirror_STATE_ACTIVE {
		t.Errorf("after another look it is %v", got)
	}
}
