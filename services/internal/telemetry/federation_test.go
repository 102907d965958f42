package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMirrorsAreBounded: however many logs come from below, so many are shown one by
// one; by state all are counted, also in states in which there is none.
func TestMirrorsAreBounded(t *testing.T) {
	b := start(t, "")
	all := []Mirror{{Installation: "relayed", Service: "campaign", State: "frozen", Relayed: true, Backdated: 5}, {Installation: "i0", Service: "event", State: "revoked", Relayed: true}, {Installation: "ended", Service: "event.1", State: "frozen", Ended: true, Backdated: 2}}
	for i := range mirrorsShown + 7 {
		all = append(all, Mirror{Installation: fmt.Sprint("i", i), Service: "campaign", State: "active", Heard: 90 * time.Second, Behind: 4, Backdated: 3})
	}
	if err := b.Mirrors(func() []Mirror { return all }); err != nil {
		t.Fatal(err)
	}
	if err := b.Clones(func() int64 { return 3 }); err != nil {
		t.Fatal(err)
	}
	if err := b.Greetings(func() map[string]int64 { return map[string]int64{"revoked": 4, "unknown_log": 0} }, func() int64 { return 9 }); err != nil {
		t.Fatal(err)
	}
	page := b.page(t)
	for code, want := range map[string]float64{"revoked": 4, "unknown_log": 0} {
		if got := sample(t, page, "duban_greetings_refused_total{", `code="`+code+`"`); got != want {
			t.Errorf("%v greetings are refused with %s, want %v", got, code, want)
		}
	}
	if got := sample(t, page, "duban_greetings_unsigned_total"); got != 9 {
		t.Errorf("%v unsigned greetings, want 9", got)
	}
	if got := sample(t, page, "duban_clones_total"); got != 3 {
		t.Errorf("%v clones, want 3", got)
	}
	for state, want := range map[string]float64{"active": mirrorsShown + 7, "frozen": 2, "silent": 0, "behind": 0, "revoked": 1} {
		if got := sample(t, page, "duban_mirrors{", `state="`+state+`"`); got != want {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
	}
	if got := strings.Count(page, "\nduban_mirror_heard_seconds{"); got != mirrorsShown || strings.Count(page, `"relayed"`) != 1 || strings.Contains(page, `"ended"`) {
		t.Errorf("%d are shown, want %d, and of one that is relayed what is dated back alone", got, mirrorsShown)
	}
	if got := sample(t, page, "duban_mirror_backdated{", `"relayed"`); got != 5 {
		t.Errorf("%v of one that is relayed are backdated", got)
	}
	if got := sample(t, page, "duban_mirror_backdated{", `"i7"`); got != 3 {
		t.Errorf("%v of one are backdated", got)
	}
	if heard, behind := sample(t, page, "duban_mirror_heard_seconds{", `"i7"`), sample(t, page, "duban_mirror_behind{", `"i7"`); heard != 90 || behind != 4 {
		t.Errorf("one is %v s and %v entries behind", heard, behind)
	}
}
