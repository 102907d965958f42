// Package fault is the one error type that crosses package and process borders.
//
// A rule or a store returns a Fault when the caller may act on it; any other
// error is a bug or an outage and reaches clients only as "internal". What a
// fault says, in Chinese and in English, stands in the contract beside its
// reason; package serve turns it into a gRPC status and back.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
)

// Fault is an error with a documented reason. Declare one as a package variable
// beside the rule it belongs to, and derive instances with With and At.
type Fault struct {
	Reason string // the enum value's name without the prefix, unique in the suite
	Text   *faultv1.Text
	Facts  map[string]string
	Fields []Field
	Retry  time.Duration // after which the caller may repeat; 0: nobody knows

	words map[string]string // Chinese words that stand for facts in the Chinese sentence
}

// Field is what is wrong at one field of the request.
type Field struct {
	Path   string // as in the request, such as "problem.deadline"
	Rule   string // the rule that it breaks
	Zh, En string
}

// Of declares the fault of a value of a Reason enum. It panics at start-up if
// the contract gives the value no text.
func Of(reason protoreflect.Enum) *Fault {
	value := reason.Descriptor().Values().ByNumber(reason.Number())
	if value == nil {
		panic(fmt.Sprintf("fault: %s has no value %d", reason.Descriptor().FullName(), reason.Number()))
	}
	text, _ := proto.GetExtension(value.Options(), faultv1.E_Text).(*faultv1.Text)
	if text.GetKind() == faultv1.Kind_KIND_UNSPECIFIED {
		panic(fmt.Sprintf("fault: %s has no text", value.FullName()))
	}
	return &Fault{Reason: strings.TrimPrefix(string(value.Name()), "REASON_"), Text: text}
}

// Word is what Chinese sentences call a value of an enum, or "" if the contract does
// not say.
func Word(value protoreflect.Enum) string {
	v := value.Descriptor().Values().ByNumber(value.Number())
	if v == nil {
		return ""
	}
	word, _ := proto.GetExtension(v.Options(), faultv1.E_Zh).(string)
	return word
}

// Kind says what the caller can do.
func (f *Fault) Kind() faultv1.Kind { return f.Text.GetKind() }

// Error is the English sentence.
func (f *Fault) Error() string { return fill(f.Text.GetEn(), f.Facts) }

// Chinese is the sentence that officials read.
func (f *Fault) Chinese() string { return fill(f.Text.GetZh(), with(f.Facts, f.words)) }

// Whole is both sentences with what is wrong at the fields, for answers that have
// no place for fields, such as those about the rows of a table.
func (f *Fault) Whole() (zh, en string) {
	zh, en = f.Chinese(), f.Error()
	for _, field := range f.Fields {
		zh, en = zh+"（"+field.Zh+"）", en+" ("+field.En+")"
	}
	return zh, en
}

func fill(text string, facts map[string]string) string {
	pairs := make([]string, 0, 2*len(facts))
	for _, key := range slices.Sorted(maps.Keys(facts)) {
		pairs = append(pairs, "{"+key+"}", facts[key])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Is matches on reason alone, so that instances match their declaration.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Reason == f.Reason
}

// With returns a copy of f that carries one more fact. Facts reach the client:
// they never hold personal data.
func (f *Fault) With(key, value string) *Fault {
	g := *f
	g.Facts = with(f.Facts, map[string]string{key: value})
	return &g
}

// Say is With for a fact that is words: each sentence gets them in its language,
// and clients that read facts get the English ones.
func (f *Fault) Say(key, zh, en string) *Fault {
	g := f.With(key, en)
	g.words = with(f.words, map[string]string{key: zh})
	return g
}

func with(facts, more map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, facts)
	maps.Copy(all, more)
	return all
}

// At returns a copy of f that says what is wrong at a field, in both languages.
func (f *Fault) At(path, zh, en string) *Fault {
	g := *f
	g.Fields = append(slices.Clip(f.Fields), Field{Path: path, Rule: strings.ToLower(f.Reason), Zh: zh, En: en})
	return &g
}

// By returns a copy of f whose last field breaks that rule of the contract, such as
// "repeated.max_items".
func (f *Fault) By(rule string) *Fault {
	g := *f
	g.Fields = slices.Clone(f.Fields)
	g.Fields[len(g.Fields)-1].Rule = rule
	return &g
}

// Under returns a copy of f for a request in which what stands at from, or
// beneath it, when the rule is asked stands at to, such as "problem" at
// "findings[2]".
func (f *Fault) Under(from, to string) *Fault {
	g := *f
	g.Fields = slices.Clone(f.Fields)
	for i, field := range g.Fields {
		if rest, ok := strings.CutPrefix(field.Path+".", from+"."); ok {
			g.Fields[i].Path = strings.TrimSuffix(to+"."+rest, ".")
		}
	}
	return &g
}

// Bare returns a copy of f for a request that has itself the fields that stand
// beneath from when the rule is asked.
func (f *Fault) Bare(from string) *Fault {
	g := *f
	g.Fields = slices.Clone(f.Fields)
	for i, field := range g.Fields {
		g.Fields[i].Path = strings.TrimPrefix(field.Path, from+".")
	}
	return &g
}

// After returns a copy of f that says when the caller may repeat.
func (f *Fault) After(d time.Duration) *Fault {
	g := *f
	g.Retry = d
	return &g
}

// As finds the Fault in err's chain, or nil.
func As(err error) *Fault {
	var f *Fault
	errors.As(err, &f)
	return f
}
