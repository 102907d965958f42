package suite

import (
	"strings"
	"testing"
	"time"
)

func TestPeersNameEveryMistake(t *testing.T) {
	c := Default()
	c.Peers = Peers{Listen: "9100", Addresses: map[string]string{"gateway": "a:1", "campaign": "b", "nobody": "c:1"}}
	err := c.Check()
	for _, want := range []string{"peers.listen", "peers.keys", "gateway is no role", "peers.addresses.campaign", "nobody is no role"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, lacks %s", err, want)
		}
	}
}

func TestAnUnknownRoleIsRefused(t *testing.T) {
	c := Default()
	c.Data = t.TempDir()
	if _, err := Open(t.Context(), c, Options{Out: t.Output(), Now: time.Now, Roles: []string{"campagin"}}); err == nil {
		t.Error("a process runs a role that there is not")
	}
}
