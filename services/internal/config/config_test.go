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
		{"an unknown key", "m: 2\n", "line 1: m: there is no such key"},
		{"a wrong type", "count: two\n", `line 1: count: must be a whole number, not "two"`},
		{"a list for a number", "count: [1]\n", "line 1: count: must be a whole number"},
		{"a key twice, and more", "count: 1\ncount: 2\nm: 1\n", "line 2: count: is there already, in line 1\n"},
		{"after a key twice", "count: 1\ncount: 2\nm: 1\n", "line 3: m: there is no such key"},
		{"no keys", "[1]\n", "line 1: must have keys of its own"},
		{"no YAML", "count: 1\n{", "line 2: "},
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

type nested struct {
	A section `yaml:"a"`
	B section `yaml:"b"`
	L []int   `yaml:"list"`
}

func (n *nested) Check() error {
	return errors.Join(errors.New("a.count: is refused"), errors.Join(errors.New("b.data: is refused")))
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	text := "a:\n  count: 1\n  nonsense: 2\nb:\n  count: two\nlist:\n  - 1\n  - x\n---\nmore: 1\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := config.Read(path, &nested{})
	if err == nil {
		t.Fatal("Read took it")
	}
	got := strings.Split(err.Error(), "\n")[1:]
	want := []string{
		"line 3: a.nonsense: there is no such key", `line 5: b.count: must be a whole number, not "two"`, `line 8: list: must be a whole number, not "x"`,
		"more than one document", "line 2: a.count: is refused", "line 4: b.data: is refused",
	}
	if len(got) != len(want) {
		t.Fatalf("told of\n%v\nwant %d mistakes", err, len(want))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], path+": "+want[i]) {
			t.Errorf("told %q, want %q", got[i], want[i])
		}
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
