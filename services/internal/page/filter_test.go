package page_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/page"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// contract is a resource with a field of each kind.
const contract = `
name: "page_test.proto" package: "duban.test" syntax: "proto3"
dependency: ["duban/feed/v1/feed.proto", "google/protobuf/timestamp.proto"]
message_type {
  name: "Problem"
  field { name: "title" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "due_date" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "level" number: 3 type: TYPE_INT32 label: LABEL_OPTIONAL }
  field { name: "size" number: 4 type: TYPE_UINT64 label: LABEL_OPTIONAL }
  field { name: "score" number: 5 type: TYPE_FLOAT label: LABEL_OPTIONAL }
  field { name: "weight" number: 6 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
  field { name: "urgent" number: 7 type: TYPE_BOOL label: LABEL_OPTIONAL }
  field { name: "state" number: 8 type: TYPE_ENUM type_name: ".duban.test.Problem.State" label: LABEL_OPTIONAL }
  field { name: "at" number: 9 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_OPTIONAL }
  field { name: "plan" number: 10 type: TYPE_MESSAGE type_name: ".duban.test.Problem" label: LABEL_OPTIONAL }
  field { name: "tags" number: 11 type: TYPE_STRING label: LABEL_REPEATED }
  field { name: "steps" number: 12 type: TYPE_MESSAGE type_name: ".duban.test.Problem" label: LABEL_REPEATED }
  field { name: "labels" number: 13 type: TYPE_MESSAGE type_name: ".duban.test.Problem.LabelsEntry" label: LABEL_REPEATED }
  field { name: "counts" number: 14 type: TYPE_MESSAGE type_name: ".duban.test.Problem.CountsEntry" label: LABEL_REPEATED }
  field { name: "grade" number: 15 type: TYPE_INT64 label: LABEL_OPTIONAL proto3_optional: true oneof_index: 0 }
  field { name: "hash" number: 16 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field {
    name: "office" number: 17 type: TYPE_STRING label: LABEL_OPTIONAL
    options { [duban.feed.v1.sealed]: "office" }
  }
  field {
    name: "reporter" number: 18 type: TYPE_MESSAGE type_name: ".duban.test.Problem" label: LABEL_OPTIONAL
    options { [duban.feed.v1.sealed]: "office" }
  }
  oneof_decl { name: "_grade" }
  nested_type {
    name: "LabelsEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
  }
  nested_type {
    name: "CountsEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
  }
  enum_type {
    name: "State"
    value { name: "STATE_UNSPECIFIED" number: 0 }
    value { name: "STATE_OPEN" number: 1 }
    value { name: "STATE_CLOSED" number: 2 }
  }
}`

func problemType(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	var file descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(contract), &file); err != nil {
		t.Fatal(err)
	}
	built, err := protodesc.NewFile(&file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return built.Messages().ByName("Problem")
}

func problem(t testing.TB, md protoreflect.MessageDescriptor, json string) proto.Message {
	t.Helper()
	m := dynamicpb.NewMessage(md)
	if err := protojson.Unmarshal([]byte(json), m); err != nil {
		t.Fatal(err)
	}
	return m
}

const full = `{
	"title": "校门口占道", "dueDate": "2026-10-01", "level": -3, "size": "9", "score": 0.1, "weight": 2.5,
	"urgent": true, "state": "STATE_CLOSED", "at": "2026-10-01T00:00:00.500Z",
	"plan": {"title": "巡查", "level": 2, "plan": {"urgent": true}},
	"tags": ["校园", "a b"], "steps": [{"title": "一", "level": 1}, {"title": "二", "tags": ["x"]}],
	"labels": {"district": "east", "a key": "", "AND": "1"}, "grade": "0", "office": "o"
}`

func TestFilterMatches(t *testing.T) {
	md := problemType(t)
	m := problem(t, md, full)
	for _, text := range []string{
		"", "  ",
		`title = 校门口占道`, `title = "校门口占道"`, `title = '校门口占道'`, `title = 校门*`, `title = "*"`, `title != "东*"`, `title : 校门*`, `title != x`,
		`due_date = "2026-10-01"`, `due_date <= "2026-10-01"`, `due_date < "2026-10-02"`, `due_date > "2026-09-30"`, `due_date >= "2026"`,
		`dueDate = "2026-10-01"`, `dueDate:*`, `NOT plan.dueDate:*`,
		`level = -3`, `level<-2`, `level != 3`, `level >= -3`, `level > -4`, `level <= -3`, `level:-3`, `level:*`,
		`size = 9`, `size > 8`, `size < 9223372036854775807`,
		`score = 0.1`, `score < 1`, `weight = 2.5`, `weight > 2`, `weight != 2`,
		`urgent = true`, `urgent != false`, `urgent:true`, `urgent:*`,
		`state = CLOSED`, `state = STATE_CLOSED`, `state = "CLOSED"`, `state != OPEN`, `state:CLOSED`, `state:*`,
		`at = "2026-10-01T08:00:00.5+08:00"`, `at > "2026-10-01T00:00:00Z"`, `at < "2026-10-01T00:00:01Z"`, `at != "2026-10-01T00:00:00Z"`, `at:*`,
		`plan.level = 2`, `plan.plan.urgent = true`, `plan:*`, `plan.plan:*`, `plan.title:*`, `NOT plan.plan.plan:*`,
		`tags:校园`, `tags:"a b"`, `tags:a*`, `tags:*`,
		`steps:*`, `steps.title:二`, `steps.level:1`, `steps.tags:x`, `steps.tags:*`, `NOT steps.plan:*`,
		`labels:district`, `labels:d*`, `labels:*`, `labels.district = east`, `labels.district:ea*`, `labels."a key" = ""`, `labels."a key":*`, `labels.AND = "1"`, `labels.district > "a"`,
		`grade:*`, `grade = 0`, `grade <= 0`,
		`level = 7 OR state = CLOSED`, `state = CLOSED AND urgent = true`, `NOT level = 7`, `-level = 7`, `NOT (level = -3 AND state = OPEN)`,
		// OR binds closer than AND.
		`level = 7 OR urgent = true AND state = CLOSED`, `NOT (level = 7 AND state = OPEN OR state = CLOSED)`,
		// What is not there has no value.
		`NOT plan.plan.plan.level = 0`, `NOT plan.plan.plan.level != 0`, `NOT plan.at != "2026-10-01T00:00:00Z"`,
		`NOT labels.west != x`, `NOT labels.west:*`, `NOT plan.grade = 0`, `NOT plan.grade:*`, `NOT hash:*`, `NOT plan.state:*`, `plan.state = UNSPECIFIED`,
	} {
		filter, err := page.ParseFilter(text, md)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !filter.Match(m) {
			t.Errorf("%s: does not match", text)
		}
		if negated, err := page.ParseFilter("NOT ("+text+")", md); strings.TrimSpace(text) != "" && (err != nil || negated.Match(m)) {
			t.Errorf("NOT (%s): matches, or %v", text, err)
		}
	}
	if !(page.Filter{}).Match(m) {
		t.Error("the zero filter does not match")
	}
}

func TestFilterMatchesGeneratedMessages(t *testing.T) {
	entry := &feedv1.Entry{
		Kind: "complaint.filed.v1", Rev: 2, Actor: &feedv1.Actor{Unit: "units/x"},
		Sealed: []*feedv1.Commitment{{Label: "office"}},
	}
	filter, err := page.ParseFilter(`kind = "complaint.*" AND rev > 1 AND actor.unit = units/x AND sealed.label:office`, entry.ProtoReflect().Descriptor())
	if err != nil || !filter.Match(entry) {
		t.Errorf("does not match, %v", err)
	}
}

func TestFilterRefuses(t *testing.T) {
	md := problemType(t)
	nots := func(n int) string { return strings.Repeat("NOT (", n) + "level = 1" + strings.Repeat(")", n) }
	for text, want := range map[string]string{
		`one = 1 AND two = 1 AND level = 1`: `unknown field "one"`,
		`nothing = 1`:                       `unknown field "nothing"`,
		`plan.nothing = 1`:                  `unknown field "plan.nothing"`,
		`title.x = 1`:                       `unknown field "title.x"`,
		`tags.x:1`:                          `unknown field "tags.x"`,
		`labels.x.y = 1`:                    `unknown field "labels.x.y"`,
		`counts:1`:                          `unknown field "counts"`,
		`DueDate = x`:                       `unknown field "DueDate"`,
		`office = o`:                        `unknown field "office"`,
		`office:*`:                          `unknown field "office"`,
		`plan.office = o`:                   `unknown field "plan.office"`,
		`steps.office:o`:                    `unknown field "steps.office"`,
		`reporter:*`:                        `unknown field "reporter"`,
		`reporter.title = x`:                `unknown field "reporter.title"`,
		`title = 1`:                         `the value of field "title" must be a text, in quotes`,
		`title = "*x"`:                      `the value of field "title" must be a text with * at its end only`,
		`title = "x**"`:                     `the value of field "title" must be a text with * at its end only`,
		`level = x`:                         `the value of field "level" must be an integer`,
		`level = "1"`:                       `the value of field "level" must be an integer`,
		`level = 1.5`:                       `the value of field "level" must be an integer`,
		`level = *`:                         `the value of field "level" must be an integer`,
		`size = -1`:                         `the value of field "size" must be an integer that is not negative`,
		`weight = x`:                        `the value of field "weight" must be a number`,
		`urgent = 1`:                        `the value of field "urgent" must be true or false`,
		`urgent = TRUE`:                     `the value of field "urgent" must be true or false`,
		`urgent < true`:                     `field "urgent" does not have the operator <`,
		`state = DONE`:                      `the value of field "state" must be a name of duban.test.Problem.State`,
		`state = 1`:                         `the value of field "state" must be a name of duban.test.Problem.State`,
		`state = ""`:                        `the value of field "state" must be a name of duban.test.Problem.State`,
		`state > OPEN`:                      `field "state" does not have the operator >`,
		`at = "2026-10-01"`:                 `the value of field "at" must be an instant as in RFC 3339, in quotes`,
		`at = 1`:                            `the value of field "at" must be an instant as in RFC 3339, in quotes`,
		`plan = x`:                          `field "plan" does not have the operator =`,
		`plan:x`:                            `field "plan" does not have the operator :`,
		`hash = x`:                          `field "hash" does not have the operator =`,
		`tags = x`:                          `field "tags" does not have the operator =`,
		`steps.level = 1`:                   `field "steps.level" does not have the operator =`,
		`steps:x`:                           `field "steps" does not have the operator :`,
		`labels = x`:                        `field "labels" does not have the operator =`,
		`labels:1`:                          `the value of field "labels" must be a text, in quotes`,
		`title = a.b`:                       `the value of "title" must be a number, a name or a quoted text`,
		`title = (a = b)`:                   `the value of "title" must be a number, a name or a quoted text`,
		`title`:                             `a restriction must be a field, an operator and a value`,
		`"title" = x`:                       `the left side of an operator must be a field`,
		`1 = 1`:                             `the left side of an operator must be a field`,
		`title = x level = 1`:               `restrictions must be joined by AND or OR`,
		`title = timestamp("x")`:            `the value of "title" must be a number, a name or a quoted text`,
		`f(title)`:                          `function "f" is not supported`,
		`NOT()`:                             `function "NOT" is not supported`,
		`AND(a)`:                            `function "AND" is not supported`,
		`OR((level=1),(level=2),(level=3))`: `function "OR" is not supported`,
		`level =`:                           `syntax error at line 1, column 8`,
		`level = 1 AND`:                     `syntax error at line 1, column 10`,
		"level = 1 AND\n(urgent = true":     `syntax error at line 2, column 15`,
		`title = "x`:                        `syntax error at line 1, column 9`,
		`due_date = 2026-10-01`:             `syntax error at line 1, column 16`,
		"title = \xff":                      `syntax error at line 1, column 9`,
		nots(17):                            `nested more than 16 deep`,
		`title = "` + strings.Repeat("x", 2_048) + `"`: `longer than 2048 bytes`,
	} {
		_, err := page.ParseFilter(text, md)
		f := fault.As(err)
		if f == nil || !errors.Is(err, fault.Of(faultv1.Reason_REASON_FILTER_INVALID)) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if f.Facts["problem"] != want || f.Fields[0].Path != "filter" || f.Fields[0].En != want || f.Fields[0].Zh == "" {
			t.Errorf("%s:\n got %q at %+v\nwant %q", text, f.Facts["problem"], f.Fields, want)
		}
	}
	if _, err := page.ParseFilter(nots(16), md); err != nil {
		t.Errorf("16 deep: %v", err)
	}
	if _, err := page.ParseFilter(strings.Repeat("level = 1 AND ", 145)+"level = 1", md); err != nil {
		t.Errorf("a long run: %v", err)
	}
}
