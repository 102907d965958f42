// Package problem tells clients over HTTP why a call was refused: as
// google.rpc.Status in JSON, or as application/problem+json (RFC 9457) to those
// who ask for it, in Chinese or English.
//
// It says what the services said and adds nothing to it; for what the gateway
// itself refuses it takes the sentences from the contract (duban.fault.v1). What
// is refused, and when, is decided elsewhere.
package problem

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
)

// domain is the domain of every ErrorInfo.
const domain = "duban"

// Language is one of the suite's two, as a BCP 47 tag.
type Language string

// The languages of the suite.
const (
	Chinese Language = "zh-CN" // the default
	English Language = "en"
)

// Preferred picks the language by an Accept-Language header. Whatever asks for
// neither gets Chinese.
func Preferred(header string) Language {
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return Chinese
	}
	for _, tag := range tags {
		switch base, _ := tag.Base(); base.String() {
		case "zh":
			return Chinese
		case "en":
			return English
		}
	}
	return Chinese
}

// Text is a sentence, or a part of one, in both languages.
type Text struct{ Zh, En string }

// In returns the text in a language.
func (t Text) In(l Language) string {
	if l == English {
		return t.En
	}
	return t.Zh
}

// Same is a text that is the same in both languages, such as a number.
func Same(s string) Text { return Text{s, s} }

// Field is what is wrong at one field or parameter.
type Field struct {
	Path string // by JSON names, such as "unit.codes[0].scheme"
	Rule string // the rule that it breaks, such as "type"
	Text Text
}

// Problem is a refusal of the gateway's own.
type Problem struct {
	Reason faultv1.Reason
	Facts  map[string]Text // what stands for {name} in the reason's sentence
	Fields []Field
	HTTP   int // the HTTP code, where the reason alone does not give it
}

// Error is the English sentence.
func (p *Problem) Error() string { return p.sentence(English) }

// Body is the path of what is wrong with a body as a whole.
const Body = "body"

// Malformed says where the body cannot be read, and why.
func Malformed(at Field) *Problem {
	return &Problem{Reason: faultv1.Reason_REASON_BODY_MALFORMED, Facts: map[string]Text{"problem": at.Text}, Fields: []Field{at}}
}

// Invalid says what is wrong at fields.
func Invalid(fields ...Field) *Problem {
	return &Problem{Reason: faultv1.Reason_REASON_FIELDS_INVALID, Fields: fields}
}

// Of is a refusal that needs no further words.
func Of(reason faultv1.Reason) *Problem { return &Problem{Reason: reason} }

func (p *Problem) value() protoreflect.EnumValueDescriptor {
	return p.Reason.Descriptor().Values().ByNumber(p.Reason.Number())
}

func (p *Problem) sentence(l Language) string {
	text := textOf(p.value())
	pairs := make([]string, 0, 2*len(p.Facts))
	for _, name := range slices.Sorted(maps.Keys(p.Facts)) {
		pairs = append(pairs, "{"+name+"}", p.Facts[name].In(l))
	}
	return strings.NewReplacer(pairs...).Replace(Text{text.GetZh(), text.GetEn()}.In(l))
}

// status is the problem as the services would have said it.
func (p *Problem) status(l Language) *spb.Status {
	info := &errdetails.ErrorInfo{Reason: reasonOf(p.value()), Domain: domain, Metadata: map[string]string{}}
	for name, fact := range p.Facts {
		info.Metadata[name] = fact.En
	}
	st := &spb.Status{Code: int32(codeOf(textOf(p.value()).GetKind())), Message: p.Error()}
	st.Details = append(st.Details, pack(info))
	if len(p.Fields) > 0 {
		st.Details = append(st.Details, pack(p.badRequest(l)))
	}
	st.Details = append(st.Details, pack(&errdetails.LocalizedMessage{Locale: string(l), Message: p.sentence(l)}))
	return st
}

func (p *Problem) badRequest(l Language) *errdetails.BadRequest {
	bad := &errdetails.BadRequest{}
	for _, f := range p.Fields {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: f.Path, Description: f.Text.En, Reason: f.Rule,
			LocalizedMessage: &errdetails.LocalizedMessage{Locale: string(l), Message: f.Text.In(l)},
		})
	}
	return bad
}

// pack cannot fail: what the gateway says is valid UTF-8, as its input is checked.
func pack(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return a
}
