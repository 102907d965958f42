package suite

import (
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
	err := c.Check()
	for _, key := range []string{"data:", "installation:", "http:", "grace:", "limits.burst:", "telemetry.log_level:"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("Check = %v, lacks %s", err, key)
		}
	}
}
