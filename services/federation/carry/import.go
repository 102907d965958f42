package carry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/internal/durable"
)

// In is an order to take files.
type In struct {
	Process *http.Client // asks the installation
	Files   []string     // in whatever order
	Receipt string       // where the answer goes; what is there is replaced
	Taken   func(path string, answers []*federationv1.ReplicateResponse)
}

// Read takes the files, and those that came too early once more after others. It
// writes the receipt, also of files that are refused in part or whole, and answers
// what remains refused, by file. A file that is damaged is not given to the
// installation at all: ErrDamaged, of package bundle.
func (in In) Read(ctx context.Context) (refused map[string][]*federationv1.Reject, err error) {
	for _, path := range in.Files {
		if err := intact(path); err != nil {
			return nil, err
		}
	}
	acks, rejects := map[string]*federationv1.Ack{}, map[string][]*federationv1.Reject{}
	for left, before := slices.Clone(in.Files), len(in.Files)+1; len(left) > 0 && len(left) < before; {
		before = len(left)
		var early []string
		for _, path := range left {
			answers, err := in.hand(ctx, path)
			if err != nil {
				return rejects, fmt.Errorf("%s: %w", path, err)
			}
			in.Taken(path, answers)
			if rejects[path] = note(acks, answers); slices.ContainsFunc(rejects[path], isEarly) {
				early = append(early, path)
			}
		}
		left = early
	}
	maps.DeleteFunc(rejects, func(_ string, r []*federationv1.Reject) bool { return len(r) == 0 })
	return rejects, in.write(acks, rejects)
}

// isEarly says whether others may help: entries before these, or the enrolment of
// a log further down.
func isEarly(r *federationv1.Reject) bool {
	return r.GetCode() == federationv1.Code_CODE_GAP || r.GetCode() == federationv1.Code_CODE_UNKNOWN_LOG
}

// note keeps how far each log is, and returns what is refused.
func note(acks map[string]*federationv1.Ack, answers []*federationv1.ReplicateResponse) (rejects []*federationv1.Reject) {
	for _, m := range answers {
		if a := m.GetAck(); a != nil {
			acks[a.GetOrigin()] = a
		}
		if r := m.GetReject(); r != nil {
			rejects = append(rejects, r)
		}
	}
	return rejects
}

// intact reads a file to its end.
func intact(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = look(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// hand gives a file to the installation.
func (in In) hand(ctx context.Context, path string) (answers []*federationv1.ReplicateResponse, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	body, err := ask(ctx, in.Process, importPage, io.NopCloser(f)) // closed here
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	return readReceipt(body)
}

// write writes one receipt for all files.
func (in In) write(acks map[string]*federationv1.Ack, rejects map[string][]*federationv1.Reject) error {
	var all []*federationv1.ReplicateResponse
	for _, path := range slices.Sorted(maps.Keys(rejects)) {
		for _, r := range rejects[path] {
			all = append(all, &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Reject{Reject: r}})
		}
	}
	for _, origin := range slices.Sorted(maps.Keys(acks)) {
		all = append(all, &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Ack{Ack: acks[origin]}})
	}
	var out bytes.Buffer
	if err := writeReceipt(&out, all); err != nil {
		return err
	}
	return durable.WriteFile(in.Receipt, out.Bytes())
}

// ReadReceipt reads a receipt. It answers ErrDamaged, of package bundle.
func ReadReceipt(r io.Reader) ([]*federationv1.ReplicateResponse, error) { return readReceipt(r) }
