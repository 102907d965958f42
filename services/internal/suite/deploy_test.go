package suite

import (
	"testing"

	"github.com/duban-project/duban/services/internal/config"
)

// TestTheExampleConfigurationLoads: what deploy/ shows can be started with.
func TestTheExampleConfigurationLoads(t *testing.T) {
	c := Default()
	if err := config.Read("../../../deploy/duban.yaml", &c); err != nil {
		t.Fatal(err)
	}
	if c.Data != "/var/lib/duban" || c.GRPC != "" || c.Reserve != 512 {
		t.Errorf("the example gives %+v", c)
	}
}
