// Package developer makes the pages for whoever writes a program against the API
// (开发者中心), in Chinese and English: how to begin, a curl for every call, codes,
// report forms, metrics, errors, events and changes.
//
// What stands on them comes from the contract (the OpenAPI document and the
// descriptors that are linked in), from what the services say of their data
// (Reference) and from the change log; by hand is only what explains. The pages
// need no key, load nothing from elsewhere and have no scripts. Trying calls out
// in the browser is for Swagger UI; serving the pages is for package gateway.
package developer

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/duban-project/duban/gateway/internal/problem"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
)

// Reference is what the services' data say and the contract does not.
type Reference struct {
	Metrics   []*aggregationv1.Metric        // all metrics (指标)
	Forms     []*aggregationv1.ReportForm    // all report forms (报表格式)
	Templates []*campaignv1.CampaignTemplate // the templates, with the categories of problems that they have
	Events    []Event                        // all types of events (事件类型), by their names
}

// Event is a type of events.
type Event struct {
	Type     string // such as aggregation.report.accepted.v1
	Resource string // what it has as data, such as Report
	By       string // the method after which it is told, or "" for what follows from others
	Zh, En   string // what it follows from
}

// Root is the path beneath which the pages of both languages lie.
const Root = "/developers/"

// Page is a document as it is sent.
type Page struct {
	ContentType string
	Body        []byte
}

//go:embed pages/*.html
var templates embed.FS

//go:embed pages/style.css
var style []byte

// chapter is one page in both languages.
type chapter struct {
	ID     string // the last part of its path; empty for the first
	Title  problem.Text
	source string // the template
}

var chapters = []chapter{
	{"", problem.Text{Zh: "五分钟上手", En: "Start in five minutes"}, "start.html"},
	{"calls", problem.Text{Zh: "接口与示例", En: "Calls"}, "calls.html"},
	{"forms", problem.Text{Zh: "报表格式", En: "Report forms"}, "forms.html"},
	{"metrics", problem.Text{Zh: "指标", En: "Metrics"}, "metrics.html"},
	{"codes", problem.Text{Zh: "代码表", En: "Codes"}, "codes.html"},
	{"events", problem.Text{Zh: "变更事件与推送", En: "Events and webhooks"}, "events.html"},
	{"errors", problem.Text{Zh: "错误码", En: "Errors"}, "errors.html"},
	{"changes", problem.Text{Zh: "更新记录", En: "Changes"}, "changes.html"},
}

// Short is how a language is called in paths.
func Short(l problem.Language) string {
	if l == problem.English {
		return "en"
	}
	return "zh"
}

// Paths are those of all pages.
func Paths() []string {
	paths := []string{Root + "style.css"}
	for _, c := range chapters {
		paths = append(paths, Root+"zh/"+c.ID, Root+"en/"+c.ID)
	}
	return paths
}

// Pages makes every page, by its path. It fails if the document is not what the
// pages are made of.
func Pages(document []byte, r Reference) (map[string]Page, error) {
	facts, err := gather(document, r)
	if err != nil {
		return nil, err
	}
	pages := map[string]Page{Root + "style.css": {"text/css; charset=utf-8", style}}
	for _, l := range []problem.Language{problem.Chinese, problem.English} {
		for _, c := range chapters {
			body, err := c.write(l, facts)
			if err != nil {
				return nil, fmt.Errorf("the page %q for developers: %w", c.source, err)
			}
			pages[Root+Short(l)+"/"+c.ID] = Page{"text/html; charset=utf-8", body}
		}
	}
	return pages, nil
}

// view is what a template is given.
type view struct {
	*facts
	Language    problem.Language
	Here, Other string // beginnings of paths in this language and in the other
	Chapter     chapter
	Chapters    []chapter
}

func (c chapter) write(l problem.Language, f *facts) ([]byte, error) {
	page, err := template.New("layout.html").Funcs(words(l)).ParseFS(templates, "pages/layout.html", "pages/"+c.source)
	if err != nil {
		return nil, err
	}
	other := problem.English
	if l == problem.English {
		other = problem.Chinese
	}
	v := view{facts: f, Language: l, Here: Root + Short(l) + "/", Other: Root + Short(other) + "/", Chapter: c, Chapters: chapters}
	var out bytes.Buffer
	err = page.Execute(&out, v)
	return out.Bytes(), err
}

// words are the functions by which templates choose between languages: t between
// two texts of the template's own, which may have tags; say between two of the
// data's, which may not.
func words(l problem.Language) template.FuncMap {
	choose := func(zh, en string) string { return problem.Text{Zh: zh, En: en}.In(l) }
	return template.FuncMap{
		"t":    func(zh, en string) template.HTML { return template.HTML(choose(zh, en)) },
		"say":  choose,
		"join": strings.Join,
	}
}
