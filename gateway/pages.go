package gateway

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"github.com/duban-project/duban/gateway/internal/problem"
)

//go:embed openapi.json
var openAPI []byte

//go:embed errors.html
var errorsTemplate string

// policy keeps the pages from loading anything from elsewhere, whatever is in
// them. Swagger UI starts by a script and styles in its page.
const policy = "default-src 'none'; connect-src 'self'; script-src 'self' 'unsafe-inline'; " +
	"style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// pages is what the gateway shows beside the API, by path.
type pages map[string]http.Handler

func newPages(services []service) (pages, error) {
	catalogue, err := errorsPage()
	if err != nil {
		return nil, err
	}
	console := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "duban 督办", SwaggerJSON: "/openapi.json", BasePath: "/docs/",
		SettingsUI: map[string]string{"validatorUrl": "null", "layout": `"BaseLayout"`, "docExpansion": `"none"`},
	})
	return pages{
		"/":             http.RedirectHandler("/docs/", http.StatusFound),
		"/docs":         http.RedirectHandler("/docs/", http.StatusFound),
		"/docs/":        protect(console),
		"/docs/errors":  protect(static("text/html; charset=utf-8", catalogue)),
		"/openapi.json": static("application/json", openAPI),
		"/healthz":      static("application/json", []byte(`{"status":"alive"}`)),
		"/readyz":       ready(services),
	}, nil
}

// at finds the page of a path; those beneath /docs/ are Swagger UI's files.
func (p pages) at(at string) (http.Handler, bool) {
	if h, ok := p[at]; ok {
		return h, true
	}
	return p["/docs/"], strings.HasPrefix(at, "/docs/")
}

func protect(h http.Handler) http.Handler {
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

// errorsPage lists every reason for which a call can be refused (错误码).
func errorsPage() ([]byte, error) {
	page, err := template.New("errors").Parse(errorsTemplate)
	if err != nil {
		return nil, fmt.Errorf("the page of errors: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, problem.Catalogue()); err != nil {
		return nil, fmt.Errorf("the page of errors: %w", err)
	}
	return out.Bytes(), nil
}
