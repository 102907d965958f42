package suite

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestARoleGetsItsOwnSecrets: the same as in one process, at every issue, and
// none of another role's.
func TestARoleGetsItsOwnSecrets(t *testing.T) {
	c := Default()
	c.Data, c.Peers.Keys = t.TempDir(), t.TempDir()
	for range 2 {
		if err := Equip(c.Peers.Keys, c.Installation, time.Now(), Roles()...); err != nil {
			t.Fatal(err)
		}
	}
	apart, err := openSecrets(c, Called())
	if err != nil {
		t.Fatal(err)
	}
	seed, err := os.ReadFile(filepath.Join(c.Peers.Keys, seedFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Data, seedFile), seed, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Peers.Keys = ""
	together, err := openSecrets(c, Called())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, role := range Called() {
		if !bytes.Equal(apart[role].own, together[role].own) || !apart[role].signing().Equal(together[role].signing()) {
			t.Errorf("%s has other secrets in a process of its own", role)
		}
		if before := seen[string(apart[role].own)]; before != "" || bytes.Contains(apart[role].own, seed) {
			t.Errorf("%s has the secrets of %q", role, before)
		}
		seen[string(apart[role].own)] = role
	}
}

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
