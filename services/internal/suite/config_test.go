package suite

import (
	"math"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duban-project/duban/services/federation"
)

func TestConfigNamesEveryMistake(t *testing.T) {
	c := Default()
	if err := c.Check(); err != nil {
		t.Fatalf("the default = %v", err)
	}
	c.Telemetry.LogLevel = "loud"
	c.Data, c.Installation, c.HTTP, c.Grace, c.Limits.Burst = "", "Local duban", "8080", 0, 0
	c.Metrics, c.AllowedOrigins, c.Limits.Message = "127.0.0.1:999999", []string{"*", "foo"}, 5
	c.TrustedProxies, c.Federation.Listen = []netip.Prefix{{}}, "9000"
	c.Federation.Parent.Recipient = "age1mistyped"
	err := c.Check()
	for _, key := range []string{"metrics:", `"*" must stand alone`, `not "foo"`, "limits.message:", "trusted_proxies:", "federation.listen: must be host:port", "federation.parent.recipient:", "data:", "installation:", "http:", "grace:", "limits.burst:", "telemetry.log_level:"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("Check = %v, lacks %s", err, key)
		}
	}
}

// TestListenersAreApart: two that could not both listen are refused before one of
// them finds that out.
func TestListenersAreApart(t *testing.T) {
	for _, x := range []struct {
		http, peers string
		want        bool
	}{
		{"127.0.0.1:8080", "127.0.0.1:8080", false},
		{"127.0.0.1:8080", "localhost:8080", false},
		{"127.0.0.1:8080", "0.0.0.0:8080", false},
		{":8080", "10.0.0.1:8080", false},
		{"[::]:8080", "127.0.0.1:08080", false},
		{"[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", false},
		{"127.0.0.1:8080", "127.0.0.2:8080", true},
		{"127.0.0.1:8080", "127.0.0.1:8081", true},
		{"127.0.0.1:0", "127.0.0.1:0", true},
		{"", "", true},
	} {
		c := Default()
		c.HTTP, c.Peers.Listen, c.Peers.Keys = x.http, x.peers, "keys"
		err := c.Check()
		if (err == nil) != x.want || err != nil && !strings.HasPrefix(err.Error(), "peers.listen: http and peers.listen cannot both listen at port ") {
			t.Errorf("http %q and peers.listen %q = %v, allowed %v", x.http, x.peers, err, x.want)
		}
	}
	c := Default()
	c.Sandbox.HTTP = c.HTTP
	if err := c.Check(); err == nil || !strings.HasPrefix(err.Error(), "sandbox.http: http and sandbox.http cannot both listen at port ") {
		t.Errorf("the sandbox where the installation listens: %v", err)
	}
	for text, want := range map[string]bool{
		"0.0.0.0/0": false, "::/0": false, "10.0.0.0/8": true, "192.0.2.1/32": true,
		"0.0.0.0/1": false, "128.0.0.0/1": false, "10.0.0.0/7": false, "::/1": false, "fc00::/15": false, "fd00::/16": true, "::1/128": true,
	} {
		c := Default()
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(text)}
		if err := c.Check(); (err == nil) != want || err != nil && !strings.HasPrefix(err.Error(), "trusted_proxies: ") {
			t.Errorf("proxies in %s: %v", text, err)
		}
	}
	c = Default()
	c.Metrics, c.Sandbox.GRPC = c.GRPC, c.Sandbox.HTTP
	for _, key := range []string{"metrics: grpc and", "sandbox.grpc: sandbox.http and"} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("Check = %v, lacks %s", err, key)
		}
	}
}

// TestASandboxHasAFolderOfItsOwn: removing its data removes nobody else's.
func TestASandboxHasAFolderOfItsOwn(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		data, sandbox string
		want          bool
	}{
		{"data", "data", false}, {"data", "./x/../data/", false}, {"data", filepath.Join(here, "data"), false},
		{"data", "data/sandbox", false}, {"data/real", "data", false}, {"data", "..", false}, {"data", "/", false}, {".", "sandbox", false},
		{"data", "sandbox", true}, {"data", "data-sandbox", true}, {"data", "..data", true}, {"data", "../data", true},
		{"all/data", "all/sandbox", true}, {"/srv/data", "/srv/sandbox", true},
	} {
		c := Default()
		c.Data, c.Sandbox.Data = x.data, x.sandbox
		if err := c.Check(); (err == nil) != x.want || err != nil && !strings.HasPrefix(err.Error(), "sandbox.data: ") {
			t.Errorf("data %q and sandbox.data %q = %v, allowed %v", x.data, x.sandbox, err, x.want)
		}
	}
}

// TestSizesHaveBounds within which none of what is reckoned from them overflows.
func TestSizesHaveBounds(t *testing.T) {
	c := Default()
	c.Reserve, c.Limits.InFlight = 1<<30, 1<<20
	if err := c.Check(); err != nil || c.Reserve<<20>>20 != c.Reserve {
		t.Errorf("Check = %v", err)
	}
	c.Reserve, c.Limits.InFlight = 17592186044416, 1<<31 // 2⁶⁴ bytes; and more than a stream's number holds
	l := &c.Limits
	l.Rate, l.Burst, l.Waits, l.Connections, l.Bodies, l.Deadline = math.Inf(1), 1<<40, 1e12, 1e13, 1e17, 1e6*time.Hour
	for _, key := range []string{"reserve_mib:", "limits.in_flight:", "limits.rate:", "limits.burst:", "limits.waits:", "limits.connections:", "limits.bodies:", "limits.deadline:"} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("Check = %v, lacks %s", err, key)
		}
	}
}

// TestBoundsAreTakenAndNothingBeyond: what is written as the bound is taken, the next value
// is refused at its key, with the bounds.
func TestBoundsAreTakenAndNothingBeyond(t *testing.T) {
	for key, b := range map[string]struct {
		set      func(c *Config, n float64)
		from, to float64
		said     string
	}{
		"limits.rate":        {func(c *Config, n float64) { c.Limits.Rate = n }, 1, 1 << 30, "from 1 to 1073741824"},
		"limits.burst":       {func(c *Config, n float64) { c.Limits.Burst = int(n) }, 1, 1 << 30, "from 1 to 1073741824"},
		"limits.in_flight":   {func(c *Config, n float64) { c.Limits.InFlight = int(n) }, 1, 1 << 20, "from 1 to 1048576"},
		"limits.waits":       {func(c *Config, n float64) { c.Limits.Waits = int(n) }, 1, 1 << 20, "from 1 to 1048576"},
		"limits.connections": {func(c *Config, n float64) { c.Limits.Connections = int(n) }, 1, 1 << 20, "from 1 to 1048576"},
		"limits.deadline":    {func(c *Config, n float64) { c.Limits.Deadline = time.Duration(n) }, 1e9, 3600e9, "from 1s to 1h0m0s"},
		"grace":              {func(c *Config, n float64) { c.Grace = time.Duration(n) }, 1e9, 8e9, "from 1s to 8s"},
		"federation.silence": {func(c *Config, n float64) { c.Federation.Silence = time.Duration(n) }, 120e9, 366 * 86400e9, "from 2m0s"},
		"telemetry.sample":   {func(c *Config, n float64) { c.Telemetry.Sample = n }, 0, 1, "between 0 and 1"},
	} {
		for n, want := range map[float64]bool{
			b.from: true, b.to: true,
			-1: false, b.from - 1: false, b.to + 1000: false,
		} {
			c := Default()
			b.set(&c, n)
			err := c.Check()
			if (err == nil) != want || err != nil && !(strings.HasPrefix(err.Error(), key+": ") && strings.Contains(err.Error(), b.said)) {
				t.Errorf("%s of %v = %v, want it taken %v", key, n, err, want)
			}
		}
	}
	for _, n := range []float64{0, 1e-300, math.NaN(), math.Inf(1)} {
		c := Default()
		c.Limits.Rate = n
		if err := c.Check(); err == nil || !strings.HasPrefix(err.Error(), "limits.rate: ") {
			t.Errorf("limits.rate of %v = %v", n, err)
		}
	}
}

// TestAStopTakesLessThanTenSeconds: beside the calls, which end within the grace, spans
// have a second.
func TestAStopTakesLessThanTenSeconds(t *testing.T) {
	for grace, want := range map[time.Duration]bool{1: false, time.Second: true, 8 * time.Second: true, 8*time.Second + 1: false, 9 * time.Second: false} {
		c := Default()
		c.Grace = grace
		if err := c.Check(); (err == nil) != want {
			t.Errorf("Check of a grace of %v = %v, want it taken %v", grace, err, want)
		}
	}
}

// TestTheNameIsOneThatAParentTakes: else the installation could never be enrolled.
func TestTheNameIsOneThatAParentTakes(t *testing.T) {
	for name, want := range map[string]bool{
		"local/duban": true, "edu.example/510000": true, "edu.example/city/510104-a": true,
		"local/a.b": false, "../..": false, "a/..": false, "a/.": false, "a": false, "": false, "a/": false, "/a": false,
		"a..b/c": false, "-a/b": false, "a/-b": false, "A/b": false, "a/b/c/d": false, "a/" + strings.Repeat("b", 64): false,
	} {
		c := Default()
		c.Installation = name
		if err := c.Check(); (err == nil) != want {
			t.Errorf("Check of %q = %v, want it taken %v", name, err, want)
		}
		if o, ok := federation.ParseOrigin(c.Origin("organization", 1)); ok != want || ok && (o.Place+"/"+o.Installation != name || "installations/"+o.Installation != c.Name()) {
			t.Errorf("ParseOrigin of %q = %+v, %v", name, o, ok)
		}
	}
}
