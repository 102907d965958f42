package main

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/suitetest"
)

var (
	steps    = regexp.MustCompile(`(?s)<pre class="run">(.*?)</pre>`)
	fromKeys = regexp.MustCompile(`^export (\w+)=\$\(sed .*"(\S+)": .*keys\.json\)$`)
	fromLast = regexp.MustCompile(`^export (\w+)=\S+ +# (\S+)$`)
	literal  = regexp.MustCompile(`^export (\w+)=(\S+)$`)
)

// followThePage does what the first page for developers says, in both languages'
// words the same: every command, with the variables that it exports. All must be
// answered with success, and the webhook must be called.
func followThePage(t *testing.T, base string, keys map[string]string) {
	t.Helper()
	called := make(chan string, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		called <- string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	page := read(t, base, "/developers/zh/", "")
	found := steps.FindAllStringSubmatch(page, -1)
	if english := steps.FindAllStringSubmatch(read(t, base, "/developers/en/", ""), -1); len(found) < 12 || len(english) != len(found) {
		t.Fatalf("the page has %d commands, and %d in English", len(found), len(english))
	}
	variables, last := map[string]string{}, map[string]any{}
	for _, step := range found {
		text := html.UnescapeString(step[1])
		if strings.HasPrefix(text, "curl ") {
			last = answer(t, suitetest.Curl(t, text, variables))
			continue
		}
		for line := range strings.Lines(text) {
			export(t, strings.TrimSpace(line), keys, last, variables)
		}
		if variables["HOOK"] != "" {
			variables["HOOK"] = receiver.URL + "/hook"
		}
		variables["BASE"] = base
	}
	if list, _ := last["events"].([]any); len(list) < 3 {
		t.Errorf("the last answer has the events %v", list)
	}
	for got := range called {
		if strings.Contains(got, `"event.webhook.pinged.v1"`) {
			return
		}
	}
}

// examples are the commands of the page of calls that must work as they stand: who
// writes a report or asks for figures for the first time pastes them.
var examples = []string{"CreateReport", "UploadReport", "GetStatus", "CompareStatus", "GetStatusSeries"}

// sendTheExamples makes those calls of the page with the key of a system that
// reports.
func sendTheExamples(t *testing.T, base, key string) {
	t.Helper()
	page := read(t, base, "/developers/zh/calls", "")
	for _, call := range examples {
		section := regexp.MustCompile(`(?s)<section id="AggregationService_` + call + `">.*?<pre>(.*?)</pre>`).FindStringSubmatch(page)
		if section == nil {
			t.Fatalf("the page has no %s", call)
		}
		said := answer(t, suitetest.Curl(t, html.UnescapeString(section[1]), map[string]string{"BASE": base, "KEY": key}))
		if len(said) == 0 || strings.HasSuffix(call, "Report") && said["rows"] == nil {
			t.Errorf("%s is answered with %v", call, said)
		}
	}
}

// export sets a variable, as the page says that it is to be found.
func export(t *testing.T, line string, keys map[string]string, last map[string]any, variables map[string]string) {
	t.Helper()
	if m := fromKeys.FindStringSubmatch(line); m != nil && keys[m[2]] != "" {
		variables[m[1]] = keys[m[2]]
	} else if m := fromLast.FindStringSubmatch(line); m != nil {
		var value any = last
		for name := range strings.SplitSeq(m[2], ".") {
			inner, _ := value.(map[string]any)
			value = inner[name]
		}
		if variables[m[1]], _ = value.(string); variables[m[1]] == "" {
			t.Errorf("%s: the answer before has no %s", line, m[2])
		}
	} else if m := literal.FindStringSubmatch(line); m != nil {
		variables[m[1]] = m[2]
	} else {
		t.Errorf("the test cannot do what the page says: %s", line)
	}
}

func answer(t *testing.T, r *http.Request) (body map[string]any) {
	t.Helper()
	said, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Body.Close()
	text, err := io.ReadAll(said.Body)
	if err != nil || json.Unmarshal(text, &body) != nil || said.StatusCode != http.StatusOK {
		t.Errorf("%s %s is answered with %s: %s, %v", r.Method, r.URL.Path, said.Status, text, err)
	}
	if rows, _ := body["rows"].([]any); strings.HasPrefix(r.URL.Path, "/v1/reports") {
		for _, row := range rows {
			if v := row.(map[string]any)["verdict"]; v != "VERDICT_CREATED" && v != "VERDICT_UPDATED" && v != "VERDICT_UNCHANGED" {
				t.Errorf("a row of the page's report comes to %v", row)
			}
		}
	}
	return body
}

func read(t *testing.T, base, path, key string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	said, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer said.Body.Close()
	text, err := io.ReadAll(said.Body)
	if err != nil || said.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, said.Status, err)
	}
	return string(text)
}

// everyEventIsOnThePage holds the types of all that has happened in a year
// against the page, and looks for the data of the services on the others.
func everyEventIsOnThePage(t *testing.T, base, key string, most int) {
	t.Helper()
	page, missing, after := read(t, base, "/developers/en/events", ""), map[string]bool{}, ""
	for range most {
		var list struct {
			Events  []struct{ Type string }
			Next    string
			Current bool
		}
		text := read(t, base, "/v1/events?pageSize=1000&after="+url.QueryEscape(after), key)
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Events {
			if !strings.Contains(page, `id="`+e.Type+`"`) && !missing[e.Type] {
				missing[e.Type] = true
				t.Errorf("the page of events lacks %s", e.Type)
			}
		}
		if after = list.Next; list.Current {
			break
		}
	}
	for path, want := range map[string]string{
		"/developers/zh/metrics": `id="metrics/problems_closing_rate"`, "/developers/zh/forms": `id="reportForms/ledger-monthly"`,
		"/developers/en/codes": "WEAK",
	} {
		if !strings.Contains(read(t, base, path, ""), want) {
			t.Errorf("%s lacks %s", path, want)
		}
	}
}
