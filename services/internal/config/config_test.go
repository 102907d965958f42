package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/config"
)

type section struct {
	Data string `yaml:"data"`
	N    int    `yaml:"count"`
}

func (s *section) Check() error {
	if s.N < 0 {
		return errors.New("n: must not be negative")
	}
	return nil
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a value over the default", "count: 2\n", ""},
		{"nothing", "", ""},
		{"an unknown key", "m: 2\n", "field m not found"},
		{"a wrong type", "count: two\n", "cannot unmarshal"},
		{"two documents", "count: 1\n---\ncount: 2\n", "more than one document"},
		{"a value that the section refuses", "count: -1\n", "must not be negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := section{Data: "default"}
			err := config.Read(path, &s)
			if c.want == "" && (err != nil || s.Data != "default") {
				t.Errorf("Read = %+v, %v", s, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Read = %v, want %q", err, c.want)
			}
		})
	}
}

func TestPrintGivesTheFile(t *testing.T) {
	var b strings.Builder
	if err := config.Print(&b, &section{Data: "d", N: 3}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "data: d\ncount: 3\n"; got != want {
		t.Errorf("Print = %q, want %q", got, want)
	}
}
