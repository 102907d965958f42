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

// Table is a state machine of whatever states and moves.
type Table interface {
	Mermaid() string
	Wordless() []string
}

// Drawn checks that the tables are drawn in the file, in this order, as its mermaid
// blocks, and that their states and moves have Chinese names.
func Drawn(t *testing.T, file string, tables ...Table) {
	t.Helper()
	var drawings []string
	for _, table := range tables {
		drawings = append(drawings, table.Mermaid())
		if list := table.Wordless(); len(list) > 0 {
			t.Errorf("without Chinese names are %v", list)
		}
	}
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
