package main

import (
	"os"
	"strings"
	"testing"
)

// TestWhatGrafanaWouldNotShow bends the dashboard that ships, each time in one place.
func TestWhatGrafanaWouldNotShow(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := dashboard("", text); err != nil {
		t.Fatalf("what ships: %v", err)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"a type that there is not":   {`"type": "timeseries"`, `"type": "nosuch"`, `no panel of the type "nosuch"`},
		"no title":                   {`"title": "Latency of calls"`, `"title": ""`, "no title"},
		"no width":                   {`"w": 12`, `"w": 0`, "is no place"},
		"beyond the edge":            {`"x": 12`, `"x": 13`, "is no place"},
		"no place":                   {`"gridPos"`, `"gridpos1"`, "is no place"},
		"a refId twice":              {`"refId": "B"`, `"refId": "A"`, `the refId "A"`},
		"no refId":                   {`"refId": "A"`, `"refId": ""`, `the refId ""`},
		"an id twice":                {`"id": 2`, `"id": 1`, "the id 1"},
		"a source that is none":      {`"uid": "${datasource}"`, `"uid": "${source}"`, "no variable of the dashboard"},
		"a source of one's own":      {`"uid": "${datasource}"`, `"uid": "abc"`, "no variable of the dashboard"},
		"a variable that is none":    {`{job=\"$job\"}`, `{job=\"$jab\"}`, "there is no variable jab"},
		"an expression that is none": {`sum by (`, `sum by ((`, "parse error"},
		"no dashboard":               {`{`, `[`, "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			bent := strings.Replace(string(text), c.from, c.to, 1)
			if err := dashboard("", []byte(bent)); bent == string(text) || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
