// Package text says whether the strings of a request are text: whatever is stored is
// read by somebody one day, in a table, a letter or a file. What a field's text may be
// beyond that, the contract says, and validation holds. A row of a report is judged by itself,
// and its texts with it.
package text

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	validatev1 "github.com/duban-project/duban/proto/gen/go/duban/validate/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

var errFields = fault.Of(faultv1.Reason_REASON_FIELDS_INVALID)

// Check returns the fault that names the strings of m, at any depth and keys of
// maps too, which hold what no text has: control characters but tab and line
// break, and characters that are not seen; or nothing but blanks. A file's name has
// no tab, line break or path separator either; a table may begin with a byte order
// mark. It names so many at most.
func Check(m proto.Message, most int) error {
	if !suspect(m.ProtoReflect()) {
		return nil
	}
	f := errFields
	err := protorange.Range(m.ProtoReflect(), func(at protopath.Values) error {
		rule := "string.text"
		switch {
		case within(at):
			return nil
		case !reads(at):
			f = f.At(fieldOf(at.Path), "含有控制字符或不允许的字符", "has control characters, or others that it may not have")
		case blank(at):
			f = f.At(fieldOf(at.Path), "不能只有空白", "must not be blank")
			rule = "string.blank"
		default:
			return nil
		}
		f = f.By(rule)
		if len(f.Fields) == most {
			return protorange.Terminate
		}
		return nil
	})
	if err != nil || len(f.Fields) == 0 {
		return err
	}
	return f
}

// suspect says at little cost whether m may have such a string. It knows no paths, and
// looks into no maps and no message that is packed.
func suspect(m protoreflect.Message) (found bool) {
	if judged(m.Descriptor()) {
		return false
	}
	if _, packed := m.Interface().(*anypb.Any); packed {
		return true
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			found = true
		case f.IsList():
			for i := 0; i < v.List().Len() && !found; i++ {
				found = suspectValue(f, v.List().Get(i))
			}
		default:
			found = suspectValue(f, v)
		}
		return !found
	})
	return found
}

func suspectValue(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
	switch {
	case f.Message() != nil:
		return suspect(v.Message())
	case f.Kind() == protoreflect.StringKind:
		s := v.String()
		return illegible(s) || strings.ContainsAny(s, notInNames) && strings.HasSuffix(string(f.Name()), "file_name") || empty(s)
	default:
		return false
	}
}

// notInNames is what a file's name does not have.
const notInNames = "/\\\t\n"

// judgedOnes are which messages are judged by themselves, by their descriptors.
var judgedOnes sync.Map

// judged says whether what is wrong in a message refuses it alone, and not the request: it
// tells what stands in a field that cannot be read (told_in). Who judges it holds its texts
// to Legible.
func judged(m protoreflect.MessageDescriptor) bool {
	if known, ok := judgedOnes.Load(m); ok {
		return known.(bool)
	}
	is := false
	for i := range m.Fields().Len() {
		is = is || proto.HasExtension(m.Fields().Get(i).Options(), validatev1.E_ToldIn)
	}
	judgedOnes.Store(m, is)
	return is
}

// Legible says whether a text has no control character and none that is not seen.
func Legible(s string) bool { return !illegible(s) }

// within says whether a value stands in a message that is judged by itself.
func within(at protopath.Values) bool {
	for _, step := range at.Path {
		if step.Kind() == protopath.FieldAccessStep && judged(step.FieldDescriptor().ContainingMessage()) {
			return true
		}
	}
	return false
}

// reads says whether a value is no string, or a legible one.
func reads(at protopath.Values) bool {
	last := at.Index(-1)
	if last.Step.Kind() == protopath.MapIndexStep {
		if key, ok := last.Step.MapIndex().Interface().(string); ok && illegible(key) {
			return false
		}
	}
	s, ok := last.Value.Interface().(string)
	if !ok {
		return true
	}
	switch {
	case strings.ContainsAny(s, notInNames) && strings.HasSuffix(fieldOf(at.Path), "file_name"):
		return false
	case !illegible(s):
		return true
	default:
		table, marked := strings.CutPrefix(s, "\ufeff")
		return marked && fieldOf(at.Path) == "csv" && !illegible(table)
	}
}

// blank says whether a value is a string of blanks and nothing else.
func blank(at protopath.Values) bool {
	s, ok := at.Index(-1).Value.Interface().(string)
	return ok && s != "" && empty(s)
}

// empty says whether a text has nothing but blanks.
func empty(s string) bool { return strings.TrimFunc(s, space) == "" }

// joiner (ZWJ) makes one picture of two.
const joiner = '\u200d'

// illegible says whether a text has what no text has. A line may end as RFC 4180 and
// HTML's forms end it, with both characters.
func illegible(s string) bool {
	var before rune
	for i, r := range s {
		switch rest := s[i:]; {
		case r >= ' ' && r < 0x7f:
		case r == '\r' && strings.HasPrefix(rest, "\r\n"):
		case r == joiner && pictured(before, rest[len(string(joiner)):]):
		case unprintable(r), unicode.Is(unicode.Variation_Selector, r) && !varies(before):
			return true
		}
		before = r
	}
	return false
}

// pictured says whether a joiner stands between two pictures (emoji, UTS #51): after
// one, its colour or its style, and before another.
func pictured(before rune, after string) bool {
	next, size := utf8.DecodeRuneInString(after)
	return size > 0 && unicode.Is(unicode.So, next) && (unicode.In(before, unicode.So, unicode.Sk) || before == '\ufe0f')
}

// unprintable says whether a rune is a control character, or one of those that are
// not seen and make a text look like another.
func unprintable(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' || unseen(r)
}

// unseen says whether a rune is one that no reader sees (Unicode's default ignorable code
// points): marks of direction, characters without width, fillers and tags. Signs that are
// set before numbers are seen, and a variation selector is judged by what it varies.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// varies says whether a variation selector stands behind something that it varies.
func varies(before rune) bool {
	return unicode.IsGraphic(before) && !space(before) && !unicode.Is(unicode.Variation_Selector, before)
}

// space says whether a rune is a blank, that of Braille too.
func space(r rune) bool { return unicode.IsSpace(r) || r == '\u2800' }

// fieldOf writes a path as the rules of the contract do: unit.labels["a"].
func fieldOf(path protopath.Path) string {
	return strings.TrimPrefix(path[1:].String(), ".")
}
