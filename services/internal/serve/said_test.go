package serve

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode"

	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/text"
)

// rules are those that the contract uses, found by reflection alone.
type rules struct {
	ids      map[string]protoreflect.FullName // by rule, a place that uses it
	patterns map[string]protoreflect.FullName
	nameless []protoreflect.FullName // rules of the contract's own that name no field
}

func contract(t *testing.T) *rules {
	r := &rules{ids: map[string]protoreflect.FullName{}, patterns: map[string]protoreflect.FullName{}}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(f.Path(), "duban/") {
			r.messages(t, f.Messages())
		}
		return true
	})
	return r
}

func (r *rules) messages(t *testing.T, all protoreflect.MessageDescriptors) {
	for i := range all.Len() {
		m := all.Get(i)
		r.messages(t, m.Messages())
		option(t, m, "buf.validate.message", func(at protoreflect.FieldDescriptor, _ protoreflect.Value) {
			if r.ids["message."+string(at.Name())] = m.FullName(); strings.HasPrefix(string(at.Name()), "cel") {
				r.nameless = append(r.nameless, m.FullName())
			}
		})
		for j := range m.Oneofs().Len() {
			option(t, m.Oneofs().Get(j), "buf.validate.oneof", func(at protoreflect.FieldDescriptor, _ protoreflect.Value) {
				r.ids[string(at.Name())] = m.FullName()
			})
		}
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			option(t, f, "buf.validate.field", func(at protoreflect.FieldDescriptor, v protoreflect.Value) { r.field(t, f, at, v) })
		}
	}
}

// option calls visit for what an option sets.
func option(t *testing.T, d protoreflect.Descriptor, name protoreflect.FullName, visit func(protoreflect.FieldDescriptor, protoreflect.Value)) {
	x, err := protoregistry.GlobalTypes.FindExtensionByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if proto.HasExtension(d.Options(), x) {
		ranged(d.Options().ProtoReflect().Get(x.TypeDescriptor()).Message(), visit)
	}
}

func ranged(m protoreflect.Message, visit func(protoreflect.FieldDescriptor, protoreflect.Value)) {
	m.Range(func(at protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		visit(at, v)
		return true
	})
}

// field takes in what stands at one place of a field's rules.
func (r *rules) field(t *testing.T, f, at protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch {
	case at.IsList(): // rules of the field's own
		for i := range v.List().Len() {
			rule := v.List().Get(i).Message()
			r.ids[rule.Get(rule.Descriptor().Fields().ByName("id")).String()] = f.FullName()
		}
		if f.Message() != nil {
			r.nameless = append(r.nameless, f.FullName())
		}
	case at.Name() == "required":
		r.ids["required"] = f.FullName()
	case at.Message() != nil:
		of := v.Message()
		ranged(of, func(rule protoreflect.FieldDescriptor, v protoreflect.Value) { r.standard(t, f, of, rule, v) })
	}
}

// standard takes in one rule of those about a type.
func (r *rules) standard(t *testing.T, f protoreflect.FieldDescriptor, of protoreflect.Message, rule protoreflect.FieldDescriptor, v protoreflect.Value) {
	kind := strings.ToLower(strings.TrimSuffix(string(of.Descriptor().Name()), "Rules"))
	if rule.Message() != nil && rule.Message().FullName() == "buf.validate.FieldRules" { // of the items
		ranged(v.Message(), func(at protoreflect.FieldDescriptor, v protoreflect.Value) { r.field(t, f, at, v) })
		return
	}
	if kind+"."+string(rule.Name()) == "string.pattern" {
		r.patterns[v.String()] = f.FullName()
	}
	found := false
	option(t, rule, "buf.validate.predefined", func(_ protoreflect.FieldDescriptor, v protoreflect.Value) {
		for i := range v.List().Len() {
			found = true
			expression := v.List().Get(i).Message()
			if id := expression.Get(expression.Descriptor().Fields().ByName("id")).String(); holds(of, id) {
				r.ids[id] = f.FullName()
			}
		}
	})
	if !found {
		r.ids[kind+"."+string(rule.Name())] = f.FullName()
	}
}

// holds says whether a bound, or a pair of bounds such as gte_lte, is what the
// rules set. A range whose ends are the wrong way round is none that we use.
func holds(of protoreflect.Message, id string) bool {
	has := func(name string) bool {
		f := of.Descriptor().Fields().ByName(protoreflect.Name(name))
		return f != nil && of.Has(f)
	}
	bounds := strings.Split(id[strings.Index(id, ".")+1:], "_")
	lower, upper := []string{"gt", "gte"}, []string{"lt", "lte"}
	switch {
	case !slices.Contains(append(lower, upper...), bounds[0]):
		return true
	case len(bounds) == 1:
		return !slices.ContainsFunc(lower, has) || !slices.ContainsFunc(upper, has)
	default:
		return len(bounds) == 2 && has(bounds[0]) && has(bounds[1])
	}
}

// TestEveryRuleOfTheContractIsSaidInChinese: what is refused is told in words, at
// a field, and there are no words for rules that nobody uses.
func TestEveryRuleOfTheContractIsSaidInChinese(t *testing.T) {
	used := contract(t)
	for id, at := range used.ids {
		if chinese[id] == "" && id != "string.pattern" && !strings.HasPrefix(id, "enum.") {
			t.Errorf("%s of %s is not said in Chinese", id, at)
		}
	}
	for id := range chinese {
		if used.ids[id] == "" {
			t.Errorf("%s is a rule that the contract does not use", id)
		}
	}
	for _, at := range used.nameless {
		t.Errorf("the rule of %s names none of the fields that it is about", at)
	}
}

// TestPatternsAreSaidInWords: nobody is shown a regular expression.
func TestPatternsAreSaidInWords(t *testing.T) {
	for pattern, at := range contract(t).patterns {
		zh, en := text.Form(pattern)
		if strings.ContainsAny(zh+en, `^$[](?\|+`) {
			t.Errorf("%s of %s is said as %s / %s", pattern, at, zh, en)
		}
	}
	zh, en := text.Form("^(ledgers/[a-z0-9][a-z0-9-]{0,62}/problems/[0-9]{4})?$")
	if zh != "必须是名称，格式为 ledgers/{编号}/problems/{序号}，或不填" || en != "must be a name, ledgers/{id}/problems/{number}, or nothing" {
		t.Errorf("a name is said as %s / %s", zh, en)
	}
}

// TestFieldsAreToldWhatToWrite: one look at each way to say it, by real requests.
func TestFieldsAreToldWhatToWrite(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	err = check(validator, &rectificationv1.CreateProblemRequest{
		Parent: "a", Problem: &rectificationv1.Problem{Source: rectificationv1.Problem_SOURCE_AUDIT},
	})
	want := []fault.Field{
		{
			Path: "parent", Rule: "string.pattern",
			Zh: "必须是名称，格式为 ledgers/{编号}", En: "must be a name, ledgers/{id}",
		}, {
			Path: "problem.level", Rule: "enum.not_in",
			Zh: "请填写以下取值之一：LEVEL_UNIT、LEVEL_LEADERS、LEVEL_STAFF", En: "must be one of LEVEL_UNIT, LEVEL_LEADERS, LEVEL_STAFF",
		}, {
			Path: "problem.description", Rule: "string.min_len",
			Zh: "不能为空", En: "must not be empty",
		},
	}
	if diff := cmp.Diff(want, fault.As(err).Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEveryEnumNamesItsChoices: of each field of the contract that is an enum, alone,
// in a list or in a map, a value that it does not take is told at the field.
func TestEveryEnumNamesItsChoices(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	lists, all := 0, 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		fields := mt.Descriptor().Fields()
		for i := 0; strings.HasPrefix(string(mt.Descriptor().FullName()), "duban.") && i < fields.Len(); i++ {
			field := fields.Get(i)
			for _, n := range []protoreflect.EnumNumber{0, 99, -1} {
				m, path := mt.New(), string(field.Name())
				switch {
				case field.IsMap() && field.MapValue().Enum() != nil:
					m.Mutable(field).Map().Set(protoreflect.ValueOfString("k").MapKey(), protoreflect.ValueOfEnum(n))
				case field.IsMap() || field.Enum() == nil:
					continue
				case field.IsList():
					m.Mutable(field).List().Append(protoreflect.ValueOfEnum(n))
					path += "[0]"
				default:
					m.Set(field, protoreflect.ValueOfEnum(n))
				}
				if told := refused(t, validator, m.Interface(), path); told != "" {
					if all++; field.IsList() {
						lists++
					}
					if !strings.HasPrefix(told, "must be one of ") || strings.Contains(told, "UNSPECIFIED") {
						t.Errorf("%s: %d is told %q", field.FullName(), n, told)
					}
				}
			}
		}
		return true
	})
	if lists < 3 || all < 50 {
		t.Errorf("%d values are refused, of lists %d, which cannot be all", all, lists)
	}
}

// refused is what is told of an enum at that path; "" if it is taken.
func refused(t *testing.T, v protovalidate.Validator, m proto.Message, path string) string {
	t.Helper()
	var invalid *protovalidate.ValidationError
	if err := v.Validate(m); !errors.As(err, &invalid) {
		return ""
	}
	invalid.Violations = slices.DeleteFunc(invalid.Violations, func(v *protovalidate.Violation) bool {
		return protovalidate.FieldPathString(v.Proto.GetField()) != path || !strings.HasPrefix(v.Proto.GetRuleId(), "enum.")
	})
	err := fieldFault(m.ProtoReflect().Descriptor(), invalid.Violations)
	if err == nil {
		return ""
	}
	return fault.As(err).Fields[0].En
}

// What people call a thing is one line without blanks at its ends. The standard library
// says which characters are blanks, but for that of Braille, and which are control
// characters.
func TestNamesAreOneLine(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"第一小学", "第一 小学", "No. 1 School", "甲", "第一\u3000小学", "👩\u200d🏫",
		"第一\n小学", "第一\r\n小学", "第一\t小学", " 第一小学", "第一小学 ", "\u3000第一小学", "第一小学\u00a0", "第一小学\n", "\n", " ", "\x00", "第\u0085一", "第\u2028一",
		"⠓⠑\u2800⠓⠑", "\u2800", "\u2800甲", "甲\u2800",
	} {
		blank := func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Z, r) || r == '\u2800' }
		broken := strings.TrimFunc(name, blank) != name || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' })
		for _, m := range []proto.Message{
			&organizationv1.Unit{DisplayName: name, Kind: organizationv1.Unit_KIND_SCHOOL}, &blobv1.Attachment{FileName: name},
			&rectificationv1.Problem{Category: name}, &rectificationv1.Problem{Item: name}, &rectificationv1.Finding{Category: name}, &rectificationv1.Finding{Item: name},
			&complaintv1.Complaint{Category: name}, &complaintv1.RectifyComplaintRequest{Category: name}, &complaintv1.RectifyComplaintRequest{Item: name},
		} {
			err := validator.Validate(m)
			if refused := err != nil && strings.Contains(err.Error(), "one line"); refused != broken {
				t.Errorf("%q is refused: %v, want %v (%v)", name, refused, broken, err)
			}
		}
	}
}

// Networks of IPv4 in the form of IPv6 are refused however they are written; no
// other is. The standard library says which are which.
func TestNetworksThatNobodyIsInAreRefused(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{
		"::ffff:127.0.0.0/104", "::ffff:0:0/96", "::FFFF:7f00:0/104", "0:0:0:0:0:ffff:7f00:0/104", "0::ffff:10.8.0.0/112", "0:0:0:0:0:ffff::/96",
		"0000:0000::0000:ffff:10.0.0.0/104", "::ffff:10.1.2.3/128", "::/0", "2001:db8::/32", "192.0.2.0/24", "0.0.0.0/0", "::ffff/128",
		"::ffff:0:0:0/80", "ffff::/16", "2001:db8::ffff:0:0/96", "64:ff9b::/96", "::ffff:0/112",
	} {
		err := check(validator, &organizationv1.ApiKey{AllowedNetworks: []string{network}})
		refused := err != nil && slices.ContainsFunc(fault.As(err).Fields, func(f fault.Field) bool {
			return f.Rule == "string.unmapped" && strings.HasPrefix(f.Path, "allowed_networks")
		})
		if want := netip.MustParsePrefix(network).Addr().Is4In6(); refused != want {
			t.Errorf("%s is refused: %v, want %v (%v)", network, refused, want, err)
		}
	}
}

// Of what must be one of several and is none, each is named, wherever they stand.
func TestAnEmptyChoiceNamesWhatMayBeChosen(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		m     proto.Message
		paths []string
		en    string
	}{
		{&complaintv1.AssignComplaintRequest{Name: "complaints/c"}, []string{"unit", "assignee"}, "one is required of unit, assignee"},
		{&evaluationv1.CastBallotRequest{Parent: "rounds/r", Answers: []*evaluationv1.Answer{{Subject: "units/s", Indicator: "effect"}}}, []string{"answers[0].option", "answers[0].score", "answers[0].not_known"}, "one is required of option, score, notKnown"},
		{&feedv1.GetProofRequest{Parent: "feeds/campaign"}, []string{"seq", "first"}, "one is required of seq, first"},
		{&complaintv1.SettleRectificationRequest{Name: "complaints/c"}, []string{"problem", "refusal", "hindrance"}, "one is required of problem, refusal, hindrance"},
	} {
		f := fault.As(check(validator, c.m))
		var paths []string
		for _, field := range f.Fields {
			if field.Rule != "required" {
				continue
			}
			paths = append(paths, field.Path)
			if zh := strings.NewReplacer("one is required of ", "必须给出其中之一：", ", ", "、").Replace(c.en); field.En != c.en || field.Zh != zh {
				t.Errorf("%s is told %q, %q, want %q", field.Path, field.Zh, field.En, c.en)
			}
		}
		if !slices.Equal(paths, c.paths) {
			t.Errorf("%T names %q, want %q", c.m, paths, c.paths)
		}
	}
}

// Of every range of the contract Chinese says as much as English: both ends.
func TestRangesAreSaidInChinese(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	ranges := 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		fields := mt.Descriptor().Fields()
		for i := 0; strings.HasPrefix(string(mt.Descriptor().FullName()), "duban.") && i < fields.Len(); i++ {
			m, field := mt.New(), fields.Get(i)
			if !outOfRange(m, field) {
				continue
			}
			var invalid *protovalidate.ValidationError
			if !errors.As(validator.Validate(m.Interface()), &invalid) {
				continue
			}
			for _, told := range fault.As(fieldFault(mt.Descriptor(), invalid.Violations)).Fields {
				low, high, ranged := strings.Cut(strings.TrimPrefix(told.En, "must be greater than or equal to "), " and less than or equal to ")
				switch latest, before := strings.CutPrefix(told.En, "must be less than "); {
				case ranged:
					ranges++
					if want := "必须在 " + low + " 至 " + high + " 之间"; told.Zh != want {
						t.Errorf("%s: %q is said as %q", field.FullName(), told.En, told.Zh)
					}
				case before:
					ranges++
					if want := "必须早于 " + latest; told.Zh != want {
						t.Errorf("%s: %q is said as %q", field.FullName(), told.En, told.Zh)
					}
				}
			}
		}
		return true
	})
	if ranges < 12 {
		t.Errorf("%d ranges were looked at, which cannot be all", ranges)
	}
}

// outOfRange sets the field to what no range of the contract holds; false: it has none.
func outOfRange(m protoreflect.Message, field protoreflect.FieldDescriptor) bool {
	most := protoreflect.ValueOfInt64(math.MaxInt64)
	kind := field.Kind()
	if field.IsMap() {
		kind = field.MapValue().Kind()
	}
	switch {
	case kind == protoreflect.Int32Kind:
		most = protoreflect.ValueOfInt32(math.MaxInt32)
	case kind == protoreflect.Int64Kind:
	case field.Message() != nil && !field.IsList() && (field.Message().Name() == "Duration" || field.Message().Name() == "Timestamp"):
		most = protoreflect.ValueOfMessage(m.NewField(field).Message())
		most.Message().Set(field.Message().Fields().ByName("seconds"), protoreflect.ValueOfInt64(9_000_000_000))
	default:
		return false
	}
	switch {
	case field.IsMap():
		m.Mutable(field).Map().Set(protoreflect.ValueOfString("k").MapKey(), most)
	case field.IsList():
		m.Mutable(field).List().Append(most)
	default:
		m.Set(field, most)
	}
	return true
}
