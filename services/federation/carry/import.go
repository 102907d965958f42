package carry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/internal/durable"
)

// In is an order to take files.
type In struct {
	Process  *http.Client    // asks the installation
	Identity bundle.Identity // opens the files
	Files    []string        // of one installation, in whatever order
	Receipt  string          // where the answer goes; what is there is replaced
	Taken    func(path string, answers []*federationv1.ReplicateResponse)
}

// Read takes the files, and those that came too early once more after others. It
// writes the receipt, sealed for whom it is, also of files that are refused in part;
// if of none it is believed whose it is, there is none to write. It answers what
// remains refused, by file. If a file is damaged or cannot be opened, none is given
// to the installation: ErrDamaged, ErrPlain or ErrOthers, of package bundle.
func (in In) Read(ctx context.Context) (refused map[string][]*federationv1.Reject, err error) {
	if err := in.intact(); err != nil {
		return nil, err
	}
	recipient, acks, rejects := "", map[string]*federationv1.Ack{}, map[string][]*federationv1.Reject{}
	for left, before := slices.Clone(in.Files), len(in.Files)+1; len(left) > 0 && len(left) < before; {
		before = len(left)
		var early []string
		for _, path := range left {
			answers, to, err := in.hand(ctx, path)
			if err != nil {
				return rejects, fmt.Errorf("%s: %w", path, err)
			}
			recipient = cmp.Or(to, recipient)
			in.Taken(path, answers)
			if rejects[path] = note(acks, answers); slices.ContainsFunc(rejects[path], isEarly) {
				early = append(early, path)
			}
		}
		left = early
	}
	maps.DeleteFunc(rejects, func(_ string, r []*federationv1.Reject) bool { return len(r) == 0 })
	return rejects, in.write(recipient, acks, rejects)
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

// intact reads the files to their ends: all must be whole, and of one installation,
// for which the receipt is.
func (in In) intact() error {
	of := ""
	for _, path := range in.Files {
		var c contents
		err := in.open(path, func(r io.Reader) (err error) {
			c, err = look(r)
			return err
		})
		switch of = cmp.Or(of, c.of); {
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		case c.of != of:
			return fmt.Errorf("%s is of %s, and others of %s: import what is of one installation at a time", path, c.of, of)
		}
	}
	return nil
}

// open lets read have what is sealed in a file.
func (in In) open(path string, read func(io.Reader) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := bundle.Open(f, bundle.Bundle, in.Identity)
	if err != nil {
		return err
	}
	return read(r)
}

// hand gives a file to the installation. It answers for whom the receipt is to be
// sealed as well, "" if the installation does not know.
func (in In) hand(ctx context.Context, path string) (answers []*federationv1.ReplicateResponse, recipient string, err error) {
	err = in.open(path, func(r io.Reader) (err error) {
		res, err := ask(ctx, in.Process, importPage, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, res.Body.Close()) }()
		recipient = res.Header.Get(recipientHeader)
		answers, err = readReceipt(res.Body)
		return err
	})
	return answers, recipient, err
}

// write writes one receipt for all files.
func (in In) write(recipient string, acks map[string]*federationv1.Ack, rejects map[string][]*federationv1.Reject) error {
	if recipient == "" {
		return nil
	}
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
	w, err := bundle.Seal(&out, bundle.Receipt, recipient)
	if err != nil {
		return err
	}
	if err := errors.Join(writeReceipt(w, all), w.Close()); err != nil {
		return err
	}
	return durable.WriteFile(in.Receipt, out.Bytes())
}

// ReadReceipt reads a receipt that is sealed for the identity. It answers
// ErrDamaged, ErrPlain or ErrOthers, of package bundle.
func ReadReceipt(r io.Reader, mine bundle.Identity) ([]*federationv1.ReplicateResponse, error) {
	in, err := bundle.Open(r, bundle.Receipt, mine)
	if err != nil {
		return nil, err
	}
	return readReceipt(in)
}
