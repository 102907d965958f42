package developer

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/duban-project/duban/gateway/internal/problem"
)

// changelog is a copy of the repository's, which `make proto` makes.
//
//go:embed changelog.md
var changelog string

// facts are what the pages show.
type facts struct {
	Reference
	Services []Service
	Enums    []Codes
	Errors   []problem.Entry
	Log      []Entry
}

// Codes are the values of an enum, with its name.
type Codes struct {
	Name string
	Enum
}

func gather(text []byte, r Reference) (*facts, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	services, err := d.services()
	if err != nil {
		return nil, err
	}
	f := &facts{Reference: r, Services: services, Errors: problem.Catalogue(), Log: entries(changelog)}
	for _, name := range slices.Sorted(maps.Keys(d.Enums)) {
		f.Enums = append(f.Enums, Codes{strings.TrimPrefix(name, "duban."), d.Enums[name]})
	}
	return f, nil
}

// Entry is a line of the change log: a heading or what changed.
type Entry struct {
	Level int // of a heading; 0 for what changed
	Text  template.HTML
}

// entries reads what the change log is written in of Markdown: headings, lists
// and paragraphs with code and links, which are shown as their text alone.
func entries(markdown string) (all []Entry) {
	for block := range strings.SplitSeq(lists.ReplaceAllString(markdown, "\n\n$1"), "\n\n") {
		text := strings.Join(strings.Fields(block), " ")
		if text == "" {
			continue
		}
		bare := strings.TrimLeft(text, "#")
		e := Entry{Level: len(text) - len(bare)}
		safe := template.HTMLEscapeString(strings.TrimPrefix(strings.TrimSpace(bare), "- "))
		e.Text = template.HTML(code.ReplaceAllString(links.ReplaceAllString(safe, "$1"), "<code>$1</code>"))
		all = append(all, e)
	}
	return all
}

var (
	lists = regexp.MustCompile(`\n(- )`)
	links = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	code  = regexp.MustCompile("`([^`]*)`")
)
