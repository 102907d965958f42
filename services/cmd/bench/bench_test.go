package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/cmd/bench/profile"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestMain makes this program the parts that the measurements start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && parts[os.Args[1]] != nil {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestAllIsMeasured(t *testing.T) {
	out := filepath.Join(t.TempDir(), "page.md")
	if err := run(t.Context(), quick, nil, out); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "| held |") + strings.Count(string(b), "| **short** |"); n != 16 {
		t.Errorf("%d goals are told of, want 16:\n%s", n, b)
	}
	for what, row := range map[string]string{
		"where REST spends its time":  `(?m)^\| ` + profile.Client + ` \| [0-9.]*[1-9][0-9.]* % \| [1-9][0-9]* µs \|$`,
		"what a status takes of them": `(?m)^\| processors \|( [0-9.]*[1-9][0-9.]* ms \| \|){6}$`,
	} {
		if !regexp.MustCompile(row).Match(b) {
			t.Errorf("%s is not told:\n%s", what, b)
		}
	}
	if strings.Contains(string(b), "%!") {
		t.Errorf("the page is not well made:\n%s", b)
	}
	for _, role := range suite.Roles() {
		if !regexp.MustCompile(`\| ` + role + ` \| [0-9.]*[1-9][0-9.]* ms \|`).Match(b) {
			t.Errorf("how long %s takes to start is not told:\n%s", role, b)
		}
	}
}
