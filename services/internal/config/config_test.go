package config_test

import (
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

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
		{"a wrong type", "count: two\n", `line 1: count: must be a whole number in decimal digits, not "two"`},
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
		"line 3: a.nonsense: there is no such key", `line 5: b.count: must be a whole number in decimal digits, not "two"`, `line 8: list: must be a whole number in decimal digits, not "x"`,
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

// everything has a field of each kind that a section may have.
type everything struct {
	Data  string        `yaml:"data"`
	N     int           `yaml:"count"`
	Size  uint64        `yaml:"size"`
	On    bool          `yaml:"on"`
	Share float64       `yaml:"share"`
	Wait  time.Duration `yaml:"wait"`
	Net   netip.Prefix  `yaml:"net"`
	List  []string      `yaml:"list"`
	A     section       `yaml:"a"`
}

func (*everything) Check() error { return nil }

// read reads a file of the text over what is in s.
func read(t *testing.T, text string, s config.Section) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Read(path, s)
}

// TestNothingIsTakenForAnotherThing, as YAML's library would: fractions cut off,
// negative numbers turned over, bare numbers for nanoseconds, numbers for text.
func TestNothingIsTakenForAnotherThing(t *testing.T) {
	for text, want := range map[string]string{
		"count: 1.9\n":                 "count: must be a whole number",
		"count: 010\n":                 "count: must be a whole number in decimal digits, not \"010\"",
		"count: -0x10\n":               "count: must be a whole number",
		"count: 0o10\n":                "count: must be a whole number",
		"count: 0b1\n":                 "count: must be a whole number",
		"count: +1\n":                  "count: must be a whole number",
		"size: 010\n":                  "size: must be a whole number from 0 on",
		"size: 0x10\n":                 "size: must be a whole number from 0 on",
		"size: 1_000\n":                "size: must be a whole number from 0 on",
		"share: 1_0.5\n":               "share: must be a number",
		"share: 010\n":                 "share: must be a number",
		"share: .inf\n":                "share: must be a number",
		"count: 1.0\n":                 "count: must be a whole number",
		"count: 9223372036854775808\n": "count: must be a whole number",
		"count:\n":                     "count: must be a whole number in decimal digits, and has no value",
		"count: '2'\n":                 "count: must be a whole number",
		"size: -5\n":                   "size: must be a whole number from 0 on",
		"size: -5.0\n":                 "size: must be a whole number from 0 on",
		"size: 0.9\n":                  "size: must be a whole number from 0 on",
		"size: 18446744073709551616\n": "size: must be a whole number from 0 on",
		"data: 5\n":                    "data: must be text",
		"data: true\n":                 "data: must be text",
		"data: 2026-03-01\n":           "data: must be text",
		"on: yes\n":                    "on: must be true or false",
		"wait: 5\n":                    "wait: must be a duration",
		"wait: '5'\n":                  "wait: must be a duration",
		"wait: 0\n":                    "wait: must be a duration",
		"wait: ~\n":                    "wait: must be a duration",
		"share: half\n":                "share: must be a number",
		"net: ~\n":                     "net: must be a network",
	} {
		var c everything
		if err := read(t, text, &c); err == nil || !strings.Contains(err.Error(), "line 1: "+want) {
			t.Errorf("Read of %q = %+v, %v, want %q", text, c, err, want)
		}
	}
}

func TestEachIsTakenAsItIsWritten(t *testing.T) {
	var got everything
	err := read(t, "data: '5'\ncount: -2\nsize: 18446744073709551615\non: true\nshare: 1.5e0\nwait: 1m30s\nnet: 10.0.0.0/8\nlist: [a]\n", &got)
	want := everything{Data: "5", N: -2, Size: math.MaxUint64, On: true, Share: 1.5, Wait: 90 * time.Second, Net: netip.MustParsePrefix("10.0.0.0/8"), List: []string{"a"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Read = %+v, %v, want %+v", got, err, want)
	}
}

// TestAKeyWithoutAValue is the empty text or list; a section keeps its defaults.
func TestAKeyWithoutAValue(t *testing.T) {
	for _, nothing := range []string{"", " ~", " null"} {
		got := everything{Data: "default", List: []string{"default"}, A: section{Data: "default"}}
		err := read(t, "data:"+nothing+"\nlist:"+nothing+"\na:"+nothing+"\n", &got)
		if want := (everything{A: section{Data: "default"}}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Read of %q = %+v, %v, want %+v", nothing, got, err, want)
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
