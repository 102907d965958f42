package suite

import (
	"net/netip"
	"strings"
	"testing"
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
	err := c.Check()
	for _, key := range []string{"metrics:", `"*" must stand alone`, `not "foo"`, "limits.message:", "trusted_proxies:", "federation.listen: must be host:port", "data:", "installation:", "http:", "grace:", "limits.burst:", "telemetry.log_level:"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("Check = %v, lacks %s", err, key)
		}
	}
}
