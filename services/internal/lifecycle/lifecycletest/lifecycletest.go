// Package lifecycletest holds the READMEs of the services to the tables that
// they draw. Run a service's tests with -update to draw them anew.
package lifecycletest

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

var update = flag.Bool("update", false, "draw the state machines in READMEs anew")

const fence = "```"

// Drawing is a table as a README shows it.
type Drawing struct {
	mermaid  string
	wordless []string // states and moves that have no Chinese name
}

// Of draws a table.
func Of[S lifecycle.State, M ~string](t lifecycle.Table[S, M]) Drawing {
	return Drawing{mermaid(t), wordless(t)}
}

func mermaid[S lifecycle.State, M ~string](t lifecycle.Table[S, M]) string {
	var lines []string
	for s, moves := range t {
		for m, next := range moves {
			en, _ := lifecycle.Spelled(m)
			lines = append(lines, fmt.Sprintf("    %s --> %s: %s", lifecycle.Short(s), lifecycle.Short(next), en))
		}
	}
	slices.Sort(lines)
	return "stateDiagram-v2\n" + strings.Join(lines, "\n") + "\n"
}

func wordless[S lifecycle.State, M ~string](t lifecycle.Table[S, M]) (list []string) {
	for s, moves := range t {
		if fault.Word(s) == "" {
			list = append(list, lifecycle.Short(s))
		}
		for m, next := range moves {
			if _, zh := lifecycle.Spelled(m); zh == "" {
				list = append(list, string(m))
			}
			if fault.Word(next) == "" {
				list = append(list, lifecycle.Short(next))
			}
		}
	}
	return list
}

// Drawn checks that the tables are drawn in the file, in this order, as its mermaid
// blocks, and that their states and moves have Chinese names.
func Drawn(t *testing.T, file string, drawings ...Drawing) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(b), fence+"mermaid\n")
	if len(parts)-1 != len(drawings) {
		t.Fatalf("%s has %d mermaid blocks, want %d", file, len(parts)-1, len(drawings))
	}
	for i, drawing := range drawings {
		want := drawing.mermaid
		if len(drawing.wordless) > 0 {
			t.Errorf("in drawing %d of %s these have no Chinese names: %v", i+1, file, drawing.wordless)
		}
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
