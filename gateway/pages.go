package gateway

import (
	_ "embed"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"github.com/duban-project/duban/gateway/internal/developer"
	"github.com/duban-project/duban/gateway/internal/problem"
)

//go:embed openapi.json
var openAPI []byte

// Reference is what the services' data say, for the pages for developers.
type Reference = developer.Reference

// Event is a type of events, as a Reference names it.
type Event = developer.Event

// The policies keep the pages from loading anything from elsewhere, whatever is in
// them. Swagger UI starts by a script and styles in its page; pages of our own have
// a stylesheet and nothing else.
const (
	ours    = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	swagger = "default-src 'none'; connect-src 'self'; script-src 'self' 'unsafe-inline'; " +
		"style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

// pages is what the gateway shows beside the API, by path. What is at none is the API's to
// refuse.
type pages map[string]http.Handler

func newPages(services []service, r func() (Reference, error)) (pages, error) {
	console := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "duban 督办", SwaggerJSON: "/openapi.json", BasePath: "/docs/",
		SettingsUI: map[string]string{"validatorUrl": "null", "layout": `"BaseLayout"`, "docExpansion": `"none"`},
	})
	page := httptest.NewRecorder() // the console's page says the same to everybody
	console.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/docs/", http.NoBody))
	all := pages{
		"/":             inLanguage(""),
		"/developers":   inLanguage(""),
		developer.Root:  inLanguage(""),
		"/docs":         http.RedirectHandler("/docs/", http.StatusFound),
		"/docs/":        protect(swagger, kept("text/html; charset=utf-8", page.Body.Bytes())),
		"/docs/errors":  inLanguage("errors"), // what problems name as their type
		"/openapi.json": kept("application/json", openAPI),
		"/healthz":      static("application/json", []byte(`{"status":"alive"}`)),
		"/readyz":       ready(services),
	}
	developers := protect(ours, forDevelopers(r))
	for _, path := range developer.Paths() {
		all[path] = developers
	}
	return all, all.assets()
}

// forDevelopers serves the pages for developers. To make them takes longer than all
// else at the start of a process, so it is done when somebody asks for one.
func forDevelopers(tell func() (Reference, error)) http.Handler {
	made := sync.OnceValues(func() (pages, error) {
		var r Reference
		if tell != nil {
			var err error
			if r, err = tell(); err != nil {
				return nil, err
			}
		}
		list, err := developer.Pages(openAPI, r)
		all := pages{}
		for path, page := range list {
			all[path] = kept(page.ContentType, page.Body)
		}
		return all, err
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages, err := made()
		if err != nil {
			problem.Write(w, r, nil, err)
			return
		}
		pages[r.URL.Path].ServeHTTP(w, r)
	})
}

// inLanguage leads to a page for developers in the language that the client
// prefers.
func inLanguage(page string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept-Language")
		l := problem.Preferred(r.Header.Get("Accept-Language"))
		http.Redirect(w, r, developer.Root+developer.Short(l)+"/"+page, http.StatusFound)
	})
}

func protect(policy string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}

func static(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body) // a client that has gone needs no answer
	})
}
