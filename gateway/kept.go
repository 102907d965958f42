package gateway

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	assets "github.com/swaggest/swgui/v5/static"

	"github.com/duban-project/duban/gateway/internal/problem"
)

// kept serves what stays the same while the process runs. Clients keep it, and ask by its
// digest whether it still is: over a slow line megabytes come once.
func kept(contentType string, body []byte) http.Handler {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		h.Set("Content-Type", contentType)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

// packed serves what lies packed by gzip, and unpacks it for who does not take it so.
func packed(contentType string, body []byte) http.Handler {
	asIs := kept(contentType, body)
	unpacked := sync.OnceValues(func() (http.Handler, error) {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("unpacking a page: %w", err)
		}
		plain, err := io.ReadAll(z)
		return kept(contentType, plain), err
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			asIs.ServeHTTP(w, r)
			return
		}
		plain, err := unpacked()
		if err != nil {
			problem.Write(w, r, nil, err)
			return
		}
		plain.ServeHTTP(w, r)
	})
}

// assets adds Swagger UI's files, beside its page.
func (p pages) assets() error {
	files, err := fs.ReadDir(assets.FS, ".")
	if err != nil {
		return fmt.Errorf("listing Swagger UI's files: %w", err)
	}
	for _, file := range files {
		body, err := assets.FS.ReadFile(file.Name())
		if err != nil {
			return fmt.Errorf("reading Swagger UI's files: %w", err)
		}
		name, gzipped := strings.CutSuffix(file.Name(), ".gz")
		serve := kept
		if gzipped {
			serve = packed
		}
		p["/docs/"+name] = protect(swagger, serve(mime.TypeByExtension(path.Ext(name)), body))
	}
	return nil
}
