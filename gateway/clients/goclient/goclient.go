// Package goclient is an example of a client in Go, to be read and copied: REST by
// net/http alone, with the messages of the contract (module
// github.com/duban-project/duban/proto) in place of types of its own.
//
// It shows how a call is made, repeated and refused, and with these a month's
// report. It keeps nothing and decides nothing; whoever prefers gRPC has the
// generated clients in the same module.
package goclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// Client calls an installation with a key.
type Client struct {
	Base string       // such as https://duban.example.gov.cn
	Key  string       // the API key
	HTTP *http.Client // nil: http.DefaultClient
}

// Refused is an answer other than 200. Programs decide by the reason, people read
// the message.
type Refused struct {
	Status  int    // of HTTP
	Reason  string // stable; see the page of errors for developers
	Message string // in Chinese, unless Accept-Language asks for English
}

// Error implements error.
func (r *Refused) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Reason, r.Message) }

// largest is how many bytes of an answer are read.
const largest = 64 << 20

// Call makes a call such as "GET /v1/units": its method, and its path as the page of
// calls has it; in is the body or nil. With an id, the call can be repeated until it is answered: it is
// done once.
func (c *Client) Call(ctx context.Context, call, id string, in, out proto.Message) error {
	method, path, _ := strings.Cut(call, " ")
	r, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	if id != "" {
		r.Header.Set("Idempotency-Key", id)
	}
	using := c.HTTP
	if using == nil {
		using = http.DefaultClient
	}
	answer, err := using.Do(r)
	if err != nil {
		return fmt.Errorf("calling %s: %w", path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, largest))
	switch {
	case err != nil:
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	case answer.StatusCode != http.StatusOK:
		return refusal(answer.StatusCode, text)
	}
	// Later versions may answer with more fields than this one knows.
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, out)
}

func (c *Client) request(ctx context.Context, method, path string, in proto.Message) (*http.Request, error) {
	var body []byte
	if in != nil {
		var err error
		// A value of 0 is said: a row without one is rejected. A PATCH changes what
		// its body has, and says nothing else.
		zeros := protojson.MarshalOptions{EmitDefaultValues: method == http.MethodPost}
		if body, err = zeros.Marshal(in); err != nil {
			return nil, fmt.Errorf("writing the body of %s: %w", path, err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.Key)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// refusal reads google.rpc.Status: of its details the reason and the sentence in
// the language asked for.
func refusal(status int, text []byte) error {
	var told struct {
		Message string
		Details []struct {
			Reason  string
			Locale  string
			Message string
		}
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return fmt.Errorf("an answer of %d that is no refusal: %w", status, err)
	}
	r := &Refused{Status: status, Message: told.Message}
	for _, d := range told.Details {
		if d.Reason != "" {
			r.Reason = d.Reason
		}
		if d.Locale != "" {
			r.Message = d.Message
		}
	}
	return r
}

// Report sends a report and returns it as it was taken, and those of its rows that
// are not going to be counted. Sent again, it is answered as the first time.
func (c *Client) Report(ctx context.Context, report *aggregationv1.Report) (taken *aggregationv1.Report, wrong []*aggregationv1.Report_Row, err error) {
	taken = &aggregationv1.Report{}
	if err := c.Call(ctx, "POST /v1/reports", "", report, taken); err != nil {
		return nil, nil, err
	}
	for _, row := range taken.GetRows() {
		switch row.GetVerdict() {
		case aggregationv1.Report_VERDICT_CONFLICT, aggregationv1.Report_VERDICT_REJECTED, aggregationv1.Report_VERDICT_QUARANTINED:
			wrong = append(wrong, row)
		}
	}
	return taken, wrong, nil
}
