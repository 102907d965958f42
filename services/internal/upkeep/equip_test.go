package upkeep

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestARoleGetsItsOwnSecrets: the same as in one process, at every issue, and
// none of another role's.
func TestARoleGetsItsOwnSecrets(t *testing.T) {
	c := suite.Default()
	c.Data, c.Peers.Keys = t.TempDir(), t.TempDir()
	for range 2 {
		if err := Equip(c.Peers.Keys, c.Installation, time.Now(), suite.Roles()...); err != nil {
			t.Fatal(err)
		}
	}
	apart, err := seed.Roles(c.Data, c.Peers.Keys, suite.Called())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(c.Peers.Keys, seed.File))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Data, seed.File), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Peers.Keys = ""
	together, err := seed.Roles(c.Data, c.Peers.Keys, suite.Called())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, role := range suite.Called() {
		own := func(s map[string]seed.Role) []byte { return s[role].Derive("a test") }
		if !bytes.Equal(own(apart), own(together)) || !apart[role].Signing().Equal(together[role].Signing()) {
			t.Errorf("%s has other secrets in a process of its own", role)
		}
		if before := seen[string(own(apart))]; before != "" || bytes.Contains(own(apart), whole) {
			t.Errorf("%s has the secrets of %q", role, before)
		}
		seen[string(own(apart))] = role
	}
}
