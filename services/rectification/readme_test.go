package rectification_test

import (
	"flag"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/services/rectification"
)

var update = flag.Bool("update", false, "write the drawings of README.md anew")

var drawing = regexp.MustCompile("(?s)```mermaid\n.*?```")

func TestTheReadmeDrawsTheTables(t *testing.T) {
	drawings := []string{
		rectification.LedgerLife.Mermaid(), rectification.VersionLife.Mermaid(),
		rectification.ProblemLife.Mermaid(), rectification.InspectionLife.Mermaid(),
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	want := drawing.ReplaceAllStringFunc(string(text), func(old string) string {
		if n++; n > len(drawings) {
			return old
		}
		return "```mermaid\n" + drawings[n-1] + "```"
	})
	if n != len(drawings) {
		t.Fatalf("README.md has %d drawings, want %d", n, len(drawings))
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("README.md is out of date; run the test with -update (-want +got):\n%s", diff)
	}
}
