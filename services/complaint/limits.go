package complaint

import (
	"bytes"
	_ "embed" // for the directive below, which the compiler refuses without it
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

//go:embed rules/limits.yaml
var limits []byte

// Packs are the rule packs of time limits (办结时限) of an installation: data,
// named after their source. They never change once read.
type Packs struct {
	byType map[complaintv1.Complaint_Type]pack
}

// document is the file as it is written.
type document struct {
	Packs   []pack            `yaml:"packs"`
	Default map[string]string `yaml:"default"`
}

type pack struct {
	ID         string           `yaml:"id"`
	Version    string           `yaml:"version"`
	Name       string           `yaml:"name"`
	Source     string           `yaml:"source"`
	Confidence string           `yaml:"confidence"`
	Note       string           `yaml:"note"`
	Types      []string         `yaml:"types"`
	Limits     map[string]limit `yaml:"limits"`
}

type limit struct {
	Days  int    `yaml:"days"`
	Unit  string `yaml:"unit"`
	Start string `yaml:"start"`
	From  string `yaml:"from"`
}

// The words of the file.
var (
	counts = []string{"acknowledge", "decide", "finish", "extend", "transfer", "notify"}
	events = []string{"received", "accepted", "finish_due", "closed"}
	starts = map[string]calendar.Start{"next_day": calendar.NextDay, "same_day": calendar.SameDay}
)

// BuiltinPacks returns the packs that ship with the suite. It parses them anew, so
// call it once and keep the result.
func BuiltinPacks() *Packs {
	p, err := ParsePacks(limits)
	if err != nil {
		panic(fmt.Sprintf("complaint: the built-in limits are broken: %v", err))
	}
	return p
}

// ParsePacks reads a file of packs. It refuses unknown keys and words, limits that
// cannot be counted, two packs of one id, and a type without a default pack
// that is for it.
func ParsePacks(text []byte) (*Packs, error) {
	var d document
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("reading limits: %w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading limits: more than one document")
	}
	byID, err := d.byID()
	if err != nil {
		return nil, err
	}
	return d.defaults(byID)
}

func (d document) byID() (map[string]pack, error) {
	found := map[string]pack{}
	for _, p := range d.Packs {
		if _, twice := found[p.ID]; twice {
			return nil, fmt.Errorf("pack %s: stands twice", p.ID)
		}
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("pack %s: %w", p.ID, err)
		}
		found[p.ID] = p
	}
	return found, nil
}

// defaults chooses the pack of every type.
func (d document) defaults(byID map[string]pack) (*Packs, error) {
	packs := &Packs{map[complaintv1.Complaint_Type]pack{}}
	for word, id := range d.Default {
		t, ok := typeOf(word)
		p, found := byID[id]
		if !ok || !found || !slices.Contains(p.Types, word) {
			return nil, fmt.Errorf("default %s: no pack %s for this type", word, id)
		}
		packs.byType[t] = p
	}
	if want := len(complaintv1.Complaint_Type_name) - 1; len(packs.byType) != want {
		return nil, fmt.Errorf("default: %d types have a pack, want %d", len(packs.byType), want)
	}
	return packs, nil
}

func (p pack) check() error {
	if p.ID == "" || p.Version == "" || p.Source == "" || len(p.Types) == 0 {
		return errors.New("id, version, source and types must be given")
	}
	for _, word := range p.Types {
		if _, ok := typeOf(word); !ok {
			return fmt.Errorf("there is no type %s", word)
		}
	}
	for kind, l := range p.Limits {
		if !slices.Contains(counts, kind) || !slices.Contains(events, l.From) {
			return fmt.Errorf("limit %s from %s: not words of a pack", kind, l.From)
		}
		if err := l.counted().Check(); err != nil {
			return fmt.Errorf("limit %s: %w", kind, err)
		}
	}
	return nil
}

func typeOf(word string) (complaintv1.Complaint_Type, bool) {
	n, ok := complaintv1.Complaint_Type_value["TYPE_"+strings.ToUpper(word)]
	return complaintv1.Complaint_Type(n), ok && n != 0
}

func (l limit) counted() calendar.Limit {
	return calendar.Limit{Days: l.Days, Unit: calendar.Unit(l.Unit), Start: starts[l.Start]}
}
