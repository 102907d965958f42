package strict

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/google/go-cmp/cmp"

	"github.com/duban-project/duban/gateway/internal/problem"
	"github.com/duban-project/duban/gateway/internal/route"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

func table(t testing.TB) *route.Table {
	t.Helper()
	all, err := route.New(
		organizationv1.File_duban_organization_v1_organization_proto.Services().Get(0),
		campaignv1.File_duban_campaign_v1_campaign_proto.Services().Get(0),
		aggregationv1.File_duban_aggregation_v1_aggregation_proto.Services().Get(0),
	)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// BenchmarkBody reads the largest bodies there are: one long string, and the
// shapes that cost most for their bytes.
func BenchmarkBody(b *testing.B) {
	const size = 4 << 20
	for name, c := range map[string]struct{ path, head, item, tail string }{
		"string":  {"/v1/units:import", `{"csv":"`, "甲", `"}`},
		"enums":   {"/v1/apiKeys", `{"roles":[1`, ",1", `]}`},
		"objects": {"/v1/units", `{"codes":[{}`, ",{}", `]}`},
		"unknown": {"/v1/units", `{"a":1`, `,"a":1`, `}`},
		"small":   {"/v1/units", `{"displayName":"实验小学","kind":"KIND_SCHOOL","parent":"units/a","codes":[{"scheme":"school","value":"1"}]`, "", `}`},
	} {
		n := 0
		if c.item != "" {
			n = (size - len(c.head) - len(c.tail)) / len(c.item)
		}
		body := []byte(c.head + strings.Repeat(c.item, n) + c.tail)
		m := table(b).Find("POST", c.path)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				_, _, _ = Body(m, body, 64) // the cost of a refusal counts as well
			}
		})
	}
}

func TestMaskLeavesOutWhatNoClientWrites(t *testing.T) {
	m := table(t).Find("PATCH", "/v1/units/a")
	var names []protoreflect.Name
	_, set, err := Body(m, []byte(`{"name":"units/a","etag":"1","state":"STATE_ACTIVE","createTime":null,"rank":1}`), 64)
	if err == nil || set != nil {
		t.Errorf("an unknown field passes: %v", set)
	}
	_, set, err = Body(m, []byte(`{"name":"units/a","etag":"1","state":"STATE_ACTIVE","createTime":null,"labels":{}}`), 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range set {
		if writable(f) {
			names = append(names, f.Name())
		}
	}
	if len(names) != 1 || names[0] != "labels" {
		t.Errorf("writable are %q", names)
	}
}

// What a call takes in the query is said to belong there, directly in the body alone; what
// the path or the body itself is named is no parameter.
func TestParametersThatTheBodyHasNoFieldForAreSaidToBeOfTheQuery(t *testing.T) {
	const body = `{"unitId":"a","share_codes":true,"unit":{},"requestId":"r","nowhere":1,"codes":[{"unitId":"b"}]}`
	_, _, err := Body(table(t).Find("POST", "/v1/units"), []byte(body), 64)
	var refused *problem.Problem
	if !errors.As(err, &refused) {
		t.Fatalf("it passes: %v", err)
	}
	var paths []string
	for _, f := range refused.Fields {
		paths = append(paths, f.Path+" "+f.Rule)
	}
	want := []string{"unit.unitId query", "unit.share_codes query", "unit.unit unknown", "unit.requestId query", "unit.nowhere unknown", "unit.codes[0].unitId unknown"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

// TestTheOtherPlaceIsTold both ways: who gives a field in the body instead of the query, or
// in the query instead of the body, is told where it belongs, and of what is nowhere that
// there is none.
func TestTheOtherPlaceIsTold(t *testing.T) {
	for _, x := range []struct{ method, path, query, body, rule, says string }{
		{"POST", "/v1/reports:upload", "validateOnly=true", "", "body", "must be given in the body, as validateOnly"},
		{"POST", "/v1/reports:upload", "validate_only=true", "", "body", "must be given in the body, as validateOnly"},
		{"POST", "/v1/reports:upload", "nothing=1", "", "unknown", "there is no such parameter"},
		{"POST", "/v1/reports", "", `{"validateOnly":true}`, "query", "must be given in the query, as ?validateOnly=…"},
		{"POST", "/v1/reports", "form=reportForms/a", "", "body", "must be given in the body, as form"},
		{"POST", "/v1/reports", "report.form=reportForms/a", "", "body", "must be given in the body, as form"},
		{"POST", "/v1/reports", "nothing=1", "", "unknown", "there is no such parameter"},
		{"POST", "/v1/reports", "", `{"nothing":1}`, "unknown", "there is no such field"},
		{"POST", "/v1/reports", "", `{"report":{}}`, "unknown", "there is no such field"},
		{"POST", "/v1/campaigns", "", `{"owner":"units/a","phases":[{"validateOnly":true}]}`, "unknown", "there is no such field"},
		{"PATCH", "/v1/units/a", "", `{"updateMask":"labels"}`, "query", "must be given in the query, as ?updateMask=…"},
		{"PATCH", "/v1/units/a", "unit.name=units/b", "", "unknown", "there is no such parameter"},
		{"POST", "/v1/units/a:move", "name=units/b", "", "unknown", "there is no such parameter"},
		{"GET", "/v1/units", "displayName=a", "", "unknown", "there is no such parameter"},
	} {
		m := table(t).Find(x.method, x.path)
		if m.Route == nil {
			t.Fatalf("there is no %s %s", x.method, x.path)
		}
		_, err := Query(m.Route, x.query)
		if x.body != "" {
			_, _, err = Body(m, []byte(x.body), 64)
		}
		var refused *problem.Problem
		if !errors.As(err, &refused) || len(refused.Fields) != 1 || refused.Fields[0].Rule != x.rule || refused.Fields[0].Text.En != x.says {
			t.Errorf("%s %s?%s %s = %v, want %s: %s", x.method, x.path, x.query, x.body, refused, x.rule, x.says)
		}
	}
}

// What a campaign tells of its template is no way to name one.
func TestParametersInTheBodyAreRefused(t *testing.T) {
	const body = `{"owner":"units/a","template":"campaignTemplates/x","year":2026,"state":"STATE_DRAFT"}`
	_, _, err := Body(table(t).Find("POST", "/v1/campaigns"), []byte(body), 64)
	var refused *problem.Problem
	if !errors.As(err, &refused) {
		t.Fatalf("it passes: %v", err)
	}
	var paths []string
	for _, f := range refused.Fields {
		paths = append(paths, f.Path+" "+f.Rule)
	}
	if diff := cmp.Diff([]string{"campaign.template query", "campaign.year query"}, paths); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if _, _, err := Body(table(t).Find("PATCH", "/v1/campaigns/a"), []byte(body), 64); err != nil {
		t.Errorf("what was read cannot be sent back: %v", err)
	}
}

// A row whose value is missing or cannot be read refuses no other: what stands
// there is told, whatever its sender says about it.
func TestWhatCannotBeReadIsTold(t *testing.T) {
	long := strings.Repeat("甲", 1000)
	for text, want := range map[string]*aggregationv1.Report_Row{
		`{"field":"found","value":"3"}`:             {Field: "found", Value: 3},
		`{"field":"found","value":0}`:               {Field: "found"},
		`{"value":"3","unreadable":"x"}`:            {Value: 3},
		`{"field":"found"}`:                         {Field: "found", Unreadable: " "},
		`{}`:                                        {Unreadable: " "},
		`{"value": null ,"field":"found"}`:          {Field: "found", Unreadable: " "},
		`{"value":""}`:                              {Unreadable: " "},
		`{"value":" 3 "}`:                           {Unreadable: " 3 "},
		`{"value":"null"}`:                          {Unreadable: "null"},
		`{"value":" "}`:                             {Unreadable: " "},
		`{"unreadable":"","value": "3,5" }`:         {Unreadable: "3,5"},
		`{"value":"a\"b","unreadable":7}`:           {Unreadable: `a"b`},
		`{"value":1.5,"field":"found"}`:             {Field: "found", Unreadable: "1.5"},
		`{"value":1e2}`:                             {Unreadable: "1e2"}, // the service reads it
		`{"value":-7}`:                              {Value: -7},
		`{"value":"1.0"}`:                           {Unreadable: "1.0"},
		`{"value":99999999999999999999}`:            {Unreadable: "99999999999999999999"},
		`{"value":{"a":[1,2]},"field":"found"}`:     {Field: "found", Unreadable: `{"a":[1,2]}`},
		`{"value":"5\u200b"}`:                       {Unreadable: `5\u200b`},
		`{"value":"5` + "\u200b" + `"}`:             {Unreadable: `5\u200b`},
		`{"value":"\u0001\u0000\u202e\ufeff\r"}`:    {Unreadable: `\u0001\u0000\u202e\ufeff\u000d`},
		`{"value":"5\udb40\udc01\u115f\ufe0f"}`:     {Unreadable: `5\udb40\udc01\u115f\ufe0f`},
		`{"value":["` + "\u200b" + `\u200b"]}`:      {Unreadable: `["\u200b\u200b"]`},
		`{"value":"` + long + `","field":"closed"}`: {Field: "closed", Unreadable: strings.Repeat("甲", 21)},
	} {
		rows := `{"rows":[` + text + `,` + text + `]}`
		body, _, err := Body(table(t).Find("POST", "/v1/reports"), []byte(rows), 64)
		report := &aggregationv1.Report{}
		if err != nil || protojson.Unmarshal(body, report) != nil || len(report.GetRows()) != 2 {
			t.Errorf("%s is %s, %v", text, body, err)
			continue
		}
		for _, row := range report.GetRows() {
			if !proto.Equal(row, want) {
				t.Errorf("%s is %v, want %v", text, row, want)
			}
		}
	}
	for _, text := range []string{`{"value":"1","value":"2"}`, `{"value":"\ud800"}`} {
		if _, _, err := Body(table(t).Find("POST", "/v1/reports"), []byte(`{"rows":[`+text+`]}`), 64); err == nil {
			t.Errorf("%s passes", text)
		}
	}
}

// Of a list one element more than the contract lets it have is read, and nothing behind it.
func TestALongListIsRefusedWhileItIsRead(t *testing.T) {
	m := table(t).Find("POST", "/v1/campaigns")
	read := func(n int) string {
		_, _, err := Body(m, []byte(`{"basis":[`+strings.Repeat("{},", n-1)+`{"nobody":1}]}`), 64)
		var refused *problem.Problem
		if !errors.As(err, &refused) || len(refused.Fields) != 1 {
			t.Fatalf("%d elements: %v", n, err)
		}
		return refused.Fields[0].Path + " " + refused.Fields[0].Rule
	}
	if got := read(16); got != "campaign.basis[15].nobody unknown" {
		t.Errorf("as many as there may be: %s", got)
	}
	if got := read(17); got != "campaign.basis repeated.max_items" {
		t.Errorf("one more: %s", got)
	}
}
