// Package carry takes bundles out of a running installation and brings them into
// another, for those whom no network connects (离线传递). Its handler answers in the
// process that holds the stores; its orders are what an operator asks of it, in
// files. Orders seal and open the files: over the socket, which is for those alone
// who could read the stores, their messages go plain. What goes into a file is
// package push's, how a file is laid out package bundle's, what of it is believed the
// service's, as on a stream.
package carry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/federation/push"
)

const (
	// MaxFile is how many bytes of entries a file has, unless the operator says
	// otherwise.
	MaxFile = 64 << 20

	exportPage, importPage = "/bundle/export", "/bundle/import"

	// recipientHeader says for whom an import's receipt is to be sealed.
	recipientHeader = "Duban-Recipient"

	// patience is how long nothing may be read of a file that is brought; slowest is
	// how long one may take to be made.
	patience = time.Minute
	slowest  = time.Hour
)

// Importer takes the messages of a bundle. It answers for whom the receipt is to be
// sealed, "" if whose the bundle is is not believed.
type Importer interface {
	Import(ctx context.Context, next func() (*federationv1.ReplicateRequest, error)) (answers []*federationv1.ReplicateResponse, recipient string, err error)
}

// Desk hands bundles out and takes them in, where whoever may open the data folder
// asks for it. How long it waits for them is by the machine's clock.
type Desk struct {
	// Push is how the installation pushes; nobody is dialled.
	Push push.Config
	Importer
}

// Handler answers the orders.
func (d Desk) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+exportPage, func(w http.ResponseWriter, r *http.Request) { answer(w, d.export(w, r)) })
	mux.HandleFunc("POST "+importPage, func(w http.ResponseWriter, r *http.Request) { answer(w, d.take(w, r)) })
	return mux
}

// answer says what went wrong. A file that has begun stays without an end, and so
// is seen to be broken.
func answer(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, bundle.ErrDamaged), errors.Is(err, push.ErrReceipt):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// export answers one bundle. The question is a receipt, empty at first.
func (d Desk) export(w http.ResponseWriter, r *http.Request) error {
	if d.Push.Cosigner == "" {
		return errors.New("federation.parent.cosigner is not set: for whom would the bundle be")
	}
	most, err := strconv.Atoi(r.URL.Query().Get("max"))
	if err != nil || most <= 0 {
		return errors.New("max: a number of bytes above 0")
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(slowest)); err != nil {
		return fmt.Errorf("bounding the wait: %w", err)
	}
	answers, err := readReceipt(http.MaxBytesReader(w, r.Body, bundle.Largest))
	if err != nil {
		return err
	}
	from, err := push.Receive(r.Context(), d.Push, answers)
	if err != nil {
		return err
	}
	var out *bundle.Writer
	err = push.Export(r.Context(), d.Push, from, most, func(m *federationv1.ReplicateRequest) (err error) {
		if out == nil {
			if out, err = bundle.NewWriter(w, bundle.Bundle); err != nil {
				return err
			}
		}
		return out.Put(m)
	})
	if err != nil {
		return err
	}
	return out.Close()
}

// take answers the receipt of the bundle that is the question.
func (d Desk) take(w http.ResponseWriter, r *http.Request) error {
	c := http.NewResponseController(w)
	in, err := bundle.NewReader(http.MaxBytesReader(w, r.Body, bundle.Largest), bundle.Bundle)
	if err != nil {
		return err
	}
	answers, recipient, err := d.Import(r.Context(), func() (*federationv1.ReplicateRequest, error) {
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return nil, fmt.Errorf("bounding the wait: %w", err)
		}
		m := &federationv1.ReplicateRequest{}
		return m, in.Next(m)
	})
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil { // or whoever sends it hears no answer
		return err
	}
	w.Header().Set(recipientHeader, recipient)
	return writeReceipt(w, answers)
}

func readReceipt(r io.Reader) (answers []*federationv1.ReplicateResponse, err error) {
	err = bundle.Each(r, bundle.Receipt, func(m *federationv1.ReplicateResponse) error {
		answers = append(answers, m)
		return nil
	})
	return answers, err
}

func writeReceipt(w io.Writer, answers []*federationv1.ReplicateResponse) error {
	out, err := bundle.NewWriter(w, bundle.Receipt)
	if err != nil {
		return err
	}
	for _, m := range answers {
		if err := out.Put(m); err != nil {
			return err
		}
	}
	return out.Close()
}
