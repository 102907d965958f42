package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// schemas are those of the document that the gateway serves, by their names.
type schemas map[string]map[string]any

// fetch reads what the gateway answers.
func fetch(t *testing.T, address, key string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, res.Status, err)
	}
}

// wrong says where a value is not what the schema says. Of JSON Schema it knows what
// the document has.
func (s schemas) wrong(at string, schema map[string]any, value any) (all []string) {
	if ref, ok := schema["$ref"].(string); ok {
		schema = s[strings.TrimPrefix(ref, "#/components/schemas/")]
	}
	for _, part := range list(schema["allOf"]) {
		all = append(all, s.wrong(at, part.(map[string]any), value)...)
	}
	switch value := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for name, inner := range value {
			if property, ok := properties[name].(map[string]any); ok {
				all = append(all, s.wrong(at+"."+name, property, inner)...)
			}
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, inner := range value {
			all = append(all, s.wrong(fmt.Sprintf("%s[%d]", at, i), items, inner)...)
		}
	case string:
		if why := text(schema, value); why != "" {
			all = append(all, fmt.Sprintf("%s: %q is not of %s", at, value, why))
		}
	}
	return all
}

// text says which of the rules for texts the value breaks.
func text(schema map[string]any, value string) string {
	least, bounded := schema["minLength"].(float64)
	most, limited := schema["maxLength"].(float64)
	pattern, shaped := schema["pattern"].(string)
	values := list(schema["enum"])
	switch n := float64(utf8.RuneCountInString(value)); {
	case bounded && n < least:
		return fmt.Sprintf("minLength %v", least)
	case limited && n > most:
		return fmt.Sprintf("maxLength %v", most)
	case shaped && !regexp.MustCompile(strings.ReplaceAll(pattern, `\u2800`, `\x{2800}`)).MatchString(value): // as ECMA 262 and Go write it
		return "pattern " + pattern
	case values != nil && !slices.Contains(values, any(value)):
		return fmt.Sprintf("enum %v", values)
	}
	return ""
}

func list(value any) []any {
	all, _ := value.([]any)
	return all
}

// TestTheDocumentSaysWhatOfficersAreAnswered: of a sealed case too, of which what is
// said and whom it concerns are withheld from the list.
func TestTheDocumentSaysWhatOfficersAreAnswered(t *testing.T) {
	p := newPlace(t)
	p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_HELP))
	secret, _ := p.take(p.clerk, p.about(p.school, complaintv1.Complaint_TYPE_REPORT))
	var document struct{ Components struct{ Schemas schemas } }
	fetch(t, p.HTTP+"/openapi.json", "", &document)
	schema := map[string]any{"$ref": "#/components/schemas/duban.complaint.v1.ListComplaintsResponse"}
	sealed := 0
	for _, officer := range []string{p.officer.Key, p.cityOfficer.Key} {
		var answer map[string]any
		fetch(t, p.HTTP+"/v1/complaints", officer, &answer)
		for _, why := range document.Components.Schemas.wrong("answer", schema, answer) {
			t.Error(why)
		}
		for _, one := range list(answer["complaints"]) {
			if c := one.(map[string]any); c["name"] == secret.GetName() && c["sealed"] == true && c["text"] == "" && c["unit"] == "" {
				sealed++
			}
		}
	}
	if sealed == 0 {
		t.Error("no officer has seen the sealed case")
	}
	open := document.Components.Schemas["duban.complaint.v1.Complaint"]
	if broken := document.Components.Schemas.wrong("", open, map[string]any{"unit": "nowhere", "text": strings.Repeat("长", 4001)}); len(broken) != 2 {
		t.Errorf("what is no unit and too long breaks %q", broken)
	}
}
