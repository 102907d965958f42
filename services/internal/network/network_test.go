package network_test

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/limit"
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

func TestManyNetworksLetNobodyInAgain(t *testing.T) {
	g := network.NewGate(network.Limit{Burst: 1}, network.Limit{Rate: 1, Burst: 1 << 30})
	if !g.Admit("spent", start) {
		t.Fatal("nobody is admitted")
	}
	for i := range 2 * limit.Most {
		g.Admit(strconv.Itoa(i), start)
	}
	if g.Admit("spent", start) {
		t.Error("who had nothing left was forgotten")
	}
}

func TestOnlyThisMachineIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true, "::ffff:7f00:1": true,
		"": false, "localhost.example": false, "127.0.0.1.example": false, "::ffff:10.0.0.1": false, "10.0.0.1": false, "::": false, "0.0.0.0": false, "127.1": false,
	} {
		if got := network.Loopback(host); got != want {
			t.Errorf("%q is this machine: %v, want %v", host, got, want)
		}
	}
}
