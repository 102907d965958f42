// Package lifecycletest holds the READMEs of the services to the tables that
// they draw. Run a service's tests with -update to draw them anew.
package lifecycletest

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the state machines in READMEs anew")

const fence = "```"

// Drawn checks that the drawings stand in the file, in this order, as its
// mermaid blocks.
func Drawn(t *testing.T, file string, drawings ...string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(b), fence+"mermaid\n")
	if len(parts)-1 != len(drawings) {
		t.Fatalf("%s has %d mermaid blocks, want %d", file, len(parts)-1, len(drawings))
	}
	for i, want := range drawings {
		got, rest, _ := strings.Cut(parts[i+1], fence)
		if got != want && !*update {
			t.Errorf("drawing %d of %s is not what the table says (run with -update):\n%s\nwant\n%s", i+1, file, got, want)
		}
		parts[i+1] = want + fence + rest
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(parts, fence+"mermaid\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
