package gateway

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// leads are the addresses that a page leads to or loads.
var leads = regexp.MustCompile(`(?i)(?:<[^>]*\s(?:href|src|action)=["']?|url\(["']?)([^"'\s>)]+)`)

// developers returns the pages for developers that can be reached from the first,
// by their paths, and fails if a link leads nowhere.
func developers(t *testing.T, h http.Handler) map[string]string {
	t.Helper()
	seen, next := map[string]string{}, []string{"/developers/zh/"}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		w := ask(h, "GET", at, "")
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", at, w.Code)
		}
		seen[at] = w.Body.String()
		if !strings.HasPrefix(at, "/developers/") {
			continue
		}
		if csp := w.Header().Get("Content-Security-Policy"); csp != ours {
			t.Errorf("%s may load what it likes: %q", at, csp)
		}
		for _, found := range leads.FindAllStringSubmatch(seen[at], -1) {
			path, _, _ := strings.Cut(html.UnescapeString(found[1]), "#")
			if !strings.HasPrefix(path, "/") && path != "" || strings.HasPrefix(path, "//") {
				t.Errorf("%s leads to %s", at, found[1])
			}
			if _, ok := seen[path]; !ok && path != "" && !slices.Contains(next, path) {
				next = append(next, path)
			}
		}
	}
	return seen
}

func TestPagesForDevelopersLeadSomewhereInBothLanguages(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	pages := developers(t, h)
	ids, places := regexp.MustCompile(`id="([^"]+)"`), map[string]bool{}
	for at, body := range pages {
		for _, id := range ids.FindAllStringSubmatch(body, -1) {
			places[at+"#"+id[1]] = true
		}
	}
	for at, body := range pages {
		if !strings.HasPrefix(at, "/developers/") || strings.HasSuffix(at, ".css") {
			continue
		}
		if other := strings.NewReplacer("/zh/", "/en/", "/en/", "/zh/").Replace(at); pages[other] == "" {
			t.Errorf("%s is missing: nothing leads to it", other)
		}
		wellFormed(t, at, body)
		for _, found := range leads.FindAllStringSubmatch(body, -1) {
			path, place, ok := strings.Cut(found[1], "#")
			if path == "" {
				path = at
			}
			if ok && !places[path+"#"+place] {
				t.Errorf("%s leads to %s, which is no place there", at, found[1])
			}
		}
	}
	if len(pages) < 2*8 {
		t.Errorf("there are %d pages: %v", len(pages), slices.Sorted(maps.Keys(pages)))
	}
}

// wellFormed fails unless every element that is opened is closed again.
func wellFormed(t *testing.T, at, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!DOCTYPE html>")))
	d.Strict, d.AutoClose, d.Entity = false, []string{"meta", "link", "br"}, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", at, err)
			return
		}
	}
}

// TestEveryCallHasItsCurl looks for every operation of the document, and for its
// method and path in the command.
func TestEveryCallHasItsCurl(t *testing.T) {
	var document struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(openAPI, &document); err != nil {
		t.Fatal(err)
	}
	h, _ := start(t, &fake{}, Options{})
	for _, language := range []string{"zh", "en"} {
		page := html.UnescapeString(ask(h, "GET", "/developers/"+language+"/calls", "").Body.String())
		for path, item := range document.Paths {
			for method, o := range item {
				_, section, _ := strings.Cut(page, `<section id="`+o.OperationID+`">`)
				section, _, _ = strings.Cut(section, "</section>")
				_, command, _ := strings.Cut(section, "<pre>curl ")
				var fixed []string
				for _, part := range variables.Split(path, -1) {
					fixed = append(fixed, regexp.QuoteMeta(part))
				}
				pattern := `^(-X ` + strings.ToUpper(method) + ` )?"\$BASE` + strings.Join(fixed, `[^/":?]+`) + `[?"]`
				if !regexp.MustCompile(pattern).MatchString(command) || (method != "get") != strings.HasPrefix(command, "-X") {
					t.Errorf("%s %s %s has the command %.100q", language, method, path, command)
				}
			}
		}
	}
}

// What may be left out is not said to be needed, whatever its form.
func TestAWaitIsNotNeeded(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	rows := regexp.MustCompile(`<tr><td><code>wait</code></td><td>query</td><td>.*?</td><td>(.*?)</td>`)
	found := rows.FindAllStringSubmatch(strings.Join(slices.Collect(maps.Values(developers(t, h))), "\n"), -1)
	if len(found) == 0 {
		t.Error("no call waits")
	}
	for _, row := range found {
		if row[1] != "" {
			t.Errorf("a call is said to need %s", row[0])
		}
	}
}

// TestTheChineseChangeLogSaysThatItIsEnglish: what follows in another language than
// the page is said to be, and marked.
func TestTheChineseChangeLogSaysThatItIsEnglish(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	page := ask(h, "GET", "/developers/zh/changes", "").Body.String()
	if !strings.Contains(page, "更新记录只有英文一种文本") || !strings.Contains(page, `<div lang="en">`) {
		t.Errorf("the page is %.2000s", page)
	}
}

func TestTheChangeLogIsTheRepositorys(t *testing.T) {
	want, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("internal/developer/changelog.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run make proto (-repository +page):\n%s", diff)
	}
}
