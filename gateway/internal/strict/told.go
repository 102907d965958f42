package strict

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/problem"
	validatev1 "github.com/duban-project/duban/proto/gen/go/duban/validate/v1"
)

// maxTold is how many bytes are told of a value that cannot be read.
const maxTold = 64

// nothing is told where there is no value.
const nothing = " "

// edit puts text in the place of a stretch of the body.
type edit struct {
	from, to int64
	text     string
}

// telling is an object with a field of which the contract says where it is told
// what stands there if it has no value that can be read.
type telling struct {
	field, in protoreflect.FieldDescriptor
	value, by edit // where they stand, if they do
	text      string
}

// telling begins to read an object: it is nil if the message has no such field.
func (r *reader) telling(message protoreflect.MessageDescriptor) *telling {
	known, ok := r.tellings[message.FullName()]
	if !ok {
		known = tellingOf(message)
		r.tellings[message.FullName()] = known
	}
	if known == nil {
		return nil
	}
	return &telling{field: known.field, in: known.in, text: nothing}
}

func tellingOf(message protoreflect.MessageDescriptor) *telling {
	for i := range message.Fields().Len() {
		f := message.Fields().Get(i)
		if name, _ := proto.GetExtension(f.Options(), validatev1.E_ToldIn).(string); name != "" {
			return &telling{field: f, in: message.Fields().ByName(protoreflect.Name(name))}
		}
	}
	return nil
}

func (t *telling) concerns(f protoreflect.FieldDescriptor) bool {
	return t != nil && (f == t.field || f == t.in)
}

// digits are what is read here as a number. Whatever else may be one the service reads, which
// reads the same in files.
var digits = regexp.MustCompile(`^"?(0|-?[1-9][0-9]{0,17})"?$`)

// read is reader.field for the two fields.
func (t *telling) read(r *reader) func(protoreflect.FieldDescriptor, string) error {
	return func(f protoreflect.FieldDescriptor, path string) error {
		raw, err := r.raw()
		if err != nil {
			return err
		}
		to := r.dec.InputOffset()
		at := edit{from: to - int64(len(raw)), to: to}
		switch text := miswritten(raw); {
		case text != problem.Text{}:
			r.tell(path, "encoding", text)
		case f == t.in:
			t.by = at
		case digits.Match(raw):
			t.text = ""
		default:
			t.value, t.text = at, toldOf(raw)
		}
		return nil
	}
}

// unseen writes characters that no text has, or that nobody sees, as JSON escapes them: what is
// told is text (package text of the services holds it to that), and shows what was wrong.
func unseen(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsGraphic(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\t' || r == '\n' {
			b.WriteRune(r)
			continue
		}
		for _, half := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, half)
		}
	}
	return b.String()
}

// toldOf is what is told of a value: of a string what it says, as it stands there.
func toldOf(raw json.RawMessage) string {
	text := strings.TrimSpace(string(raw))
	switch {
	case text == "null":
		return nothing
	case raw[0] == '"':
		_ = json.Unmarshal(raw, &text) // shape has read it
	}
	if strings.TrimSpace(text) == "" {
		return nothing
	}
	if text = unseen(text[:min(len(text), 2*maxTold)]); len(text) > maxTold {
		text = strings.ToValidUTF8(text[:maxTold], "")
	}
	return text
}

// edits are what has to change in the object, whose closing brace stands at end.
func (t *telling) edits(end int64, more bool) (all []edit) {
	if t == nil {
		return nil
	}
	text, _ := json.Marshal(t.text) // a string always encodes
	if t.value.to > 0 {
		t.value.text = "null"
		all = append(all, t.value)
	}
	switch {
	case t.by.to > 0:
		t.by.text = string(text)
		all = append(all, t.by)
	case t.text != "":
		member := `"` + t.in.JSONName() + `":` + string(text)
		if more {
			member = "," + member
		}
		all = append(all, edit{end, end, member})
	}
	return all
}

// rewritten is the body with all edits.
func (r *reader) rewritten() []byte {
	body := r.body
	if len(r.edits) == 0 {
		return body
	}
	slices.SortFunc(r.edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	var b bytes.Buffer
	at := int64(0)
	for _, e := range r.edits {
		b.Write(body[at:e.from])
		b.WriteString(e.text)
		at = e.to
	}
	b.Write(body[at:])
	return b.Bytes()
}
