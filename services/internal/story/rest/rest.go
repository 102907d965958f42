// Package rest calls the suite's REST API as a client of the outside does: over
// HTTP, with a key, in the contract's JSON. It tries again what was refused for
// want of room, with the same Idempotency-Key, so that nothing is done twice.
//
// It knows no single method: those who call name path and messages.
package rest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Client calls one installation.
type Client struct {
	base  string
	http  *http.Client
	calls atomic.Int64
}

// New returns a client of the installation at base, such as
// http://127.0.0.1:8080, with at most so many calls at a time.
func New(base string, atOnce int) *Client {
	return &Client{base: base, http: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: atOnce, MaxConnsPerHost: atOnce,
	}}}
}

// Calls is how many requests were answered so far.
func (c *Client) Calls() int64 { return c.calls.Load() }

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// As returns a caller with the key; "" is the public.
func (c *Client) As(key string) Caller { return Caller{client: c, key: key} }

// Caller calls with one key.
type Caller struct {
	client  *Client
	key     string
	request string // the Idempotency-Key of the next change
	etag    string // the If-Match of the next change
	full    bool   // bodies say also what is zero
}

// Key is the caller's key.
func (a Caller) Key() string { return a.key }

// Once returns the caller with the request id for its next change.
func (a Caller) Once(id string) Caller {
	a.request = id
	return a
}

// InFull returns the caller that writes into bodies also what is zero, as whoever reports
// figures must.
func (a Caller) InFull() Caller {
	a.full = true
	return a
}

// IfMatch returns the caller with the etag that its next change insists on.
func (a Caller) IfMatch(etag string) Caller {
	a.etag = etag
	return a
}

// Get reads.
func (a Caller) Get(ctx context.Context, path string, out proto.Message) error {
	return a.call(ctx, http.MethodGet, path, nil, out)
}

// Post changes; in may be nil.
func (a Caller) Post(ctx context.Context, path string, in, out proto.Message) error {
	return a.call(ctx, http.MethodPost, path, in, out)
}

// Named is a request about one resource.
type Named interface {
	proto.Message
	GetName() string
}

// Do calls a custom method, such as "submit", of the resource that in names.
func (a Caller) Do(ctx context.Context, method string, in Named, out proto.Message) error {
	return a.Post(ctx, "/v1/"+in.GetName()+":"+method, in, out)
}

// Patch changes fields.
func (a Caller) Patch(ctx context.Context, path string, in, out proto.Message) error {
	return a.call(ctx, http.MethodPatch, path, in, out)
}

// Refusal is an answer that is not a success. It holds nothing of what was sent
// but the method and the URL.
type Refusal struct {
	Method, URL string
	Status      int
	Reason      string // of the contract, such as PROBLEM_SAME_PERSON; or empty
	Body        string
}

// Error implements error.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s %s: %d %s", r.Method, r.URL, r.Status, r.Body)
}

// How often, and after which pause more each time, a request is tried again.
const (
	tries = 12
	pause = 50 * time.Millisecond
)

func (a Caller) call(ctx context.Context, method, path string, in, out proto.Message) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = (protojson.MarshalOptions{EmitDefaultValues: a.full}).Marshal(in); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	if a.request == "" {
		a.request = rand.Text()
	}
	for try := 1; ; try++ {
		status, answer, err := a.send(ctx, method, path, body)
		switch {
		case err != nil:
			return fmt.Errorf("%s %s: %w", method, path, err)
		case status == http.StatusOK:
			if err := protojson.Unmarshal(answer, out); err != nil {
				return fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
			}
			return nil
		case status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable || try == tries:
			return &Refusal{Method: method, URL: a.client.base + path, Status: status, Reason: reason(answer), Body: string(answer)}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * pause):
		}
	}
}

// most is how long an answer may be.
const most = 8 << 20

func (a Caller) send(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, a.client.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if a.key != "" {
		r.Header.Set("Authorization", "Bearer "+a.key)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
		r.Header.Set("Idempotency-Key", a.request)
	}
	if a.etag != "" {
		r.Header.Set("If-Match", `"`+a.etag+`"`)
	}
	w, err := a.client.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer w.Body.Close() // read to its end or given up
	answer, err := io.ReadAll(io.LimitReader(w.Body, most))
	a.client.calls.Add(1)
	return w.StatusCode, answer, err
}

// reason finds the stable reason in an error of the API.
func reason(body []byte) string {
	var e struct {
		Error struct {
			Details []struct{ Reason string }
		}
		Details []struct{ Reason string }
		Reason  string
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	for _, d := range append(e.Error.Details, e.Details...) {
		if d.Reason != "" {
			return d.Reason
		}
	}
	return e.Reason
}
