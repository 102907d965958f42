package network_test

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/network"
)

var start = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)

func TestANetworkIsHiddenAndForgottenByTheHour(t *testing.T) {
	now := start
	v := &network.Veil{Now: func() time.Time { return now }}
	of := func(text string) string { return v.Of(netip.MustParseAddr(text)) }
	for _, x := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:2", true},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
	} {
		if got := of(x.a) == of(x.b); got != x.same {
			t.Errorf("%s and %s are one network: %v, want %v", x.a, x.b, got, x.same)
		}
	}
	first := of("192.0.2.1")
	if len(first) != 32 || strings.Contains(first, "192") && strings.Contains(first, ".") {
		t.Errorf("the hash is %q", first)
	}
	if (&network.Veil{Now: v.Now}).Of(netip.MustParseAddr("192.0.2.1")) == first {
		t.Error("two processes hide an address alike")
	}
	if now = now.Add(network.Rotation); of("192.0.2.1") == first {
		t.Error("the hash outlives the hour")
	}
	if v.Of(netip.Addr{}) != "" {
		t.Error("no address has a network")
	}
}

func TestOneNetworkDoesNotKeepTheOthersOut(t *testing.T) {
	g := network.NewGate(network.Limit{Rate: 1, Burst: 3}, network.Limit{Rate: 1, Burst: 5})
	admitted := func(from string, tries int) (n int) {
		for range tries {
			if g.Admit(from, start) {
				n++
			}
		}
		return n
	}
	if n := admitted("a", 100); n != 3 {
		t.Errorf("of one network %d are admitted, want 3", n)
	}
	if n := admitted("b", 1); n != 1 {
		t.Error("what was refused to one is taken from the others")
	}
	if n := admitted("c", 9) + admitted("d", 9); n != 1 {
		t.Errorf("beyond the limit for all %d are admitted, want 1", n)
	}
	if !g.Admit("a", start.Add(time.Second)) {
		t.Error("a second later nobody is admitted")
	}
}

func TestTheTableIsBoundedAndForgetsTheOldest(t *testing.T) {
	g := network.NewGate(network.Limit{Burst: 1}, network.Limit{Rate: 1, Burst: 1 << 30})
	if !g.Admit("kept", start) || !g.Admit("gone", start) {
		t.Fatal("nobody is admitted")
	}
	for i := range network.Held - 1 {
		g.Admit("kept", start)
		g.Admit(strconv.Itoa(i), start)
	}
	if g.Admit("kept", start) {
		t.Error("who came all the time was forgotten")
	}
	if !g.Admit("gone", start) {
		t.Error("the table has more than it may hold")
	}
}
