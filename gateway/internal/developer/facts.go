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

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/duban-project/duban/gateway/internal/problem"
	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
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
	Events   []Event
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
	f := &facts{Reference: r, Services: services, Errors: problem.Catalogue(), Events: events(r.Told), Log: entries(changelog)}
	for _, name := range slices.Sorted(maps.Keys(d.Enums)) {
		f.Enums = append(f.Enums, Codes{strings.TrimPrefix(name, "duban."), d.Enums[name]})
	}
	return f, nil
}

// Event is a type of events.
type Event struct {
	Type     string // such as aggregation.report.accepted.v1
	Resource string // what it has as data, such as Report
	By       string // the method after which it is told, or "" for what follows from others
	Text     problem.Text
}

// events are the types that the contract's methods leave, and what follows from
// them, as far as they are told.
func events(told func(proto.Message) bool) []Event {
	all := slices.Clone(following)
	if told == nil {
		return all
	}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if e, ok := eventOf(methods.Get(j), told); ok && !slices.ContainsFunc(all, func(other Event) bool { return other.Type == e.Type }) {
					all = append(all, e)
				}
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b Event) int { return strings.Compare(a.Type, b.Type) })
	return all
}

// eventOf is what a method leaves, if anybody is told of it.
func eventOf(method protoreflect.MethodDescriptor, told func(proto.Message) bool) (Event, bool) {
	rule, _ := proto.GetExtension(method.Options(), accessv1.E_Rule).(*accessv1.Rule)
	answer, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if rule.GetEvent() == "" || err != nil || !told(answer.New().Interface()) {
		return Event{}, false
	}
	service := strings.Split(string(method.ParentFile().Package()), ".")[1]
	return Event{Type: service + "." + rule.GetEvent() + ".v1", Resource: string(method.Output().Name()), By: string(method.Name())}, true
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
