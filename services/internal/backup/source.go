package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"
)

// About is what a process says of itself.
type About struct {
	Installation string `json:"installation"`
	// Roles are in the order in which their stores MUST be copied: what one says
	// of another's is in that other's copy, which comes later.
	Roles []string `json:"roles"`
	// Whole says that these are all roles of the installation, none of which runs in a
	// process of its own.
	Whole bool `json:"whole,omitempty"`
	// Seeded says that the data folder holds the installation's key, which is not
	// part of the backup and MUST be put beside it again.
	Seeded bool `json:"seeded"`
}

// Source gives the stores of a running process.
type Source struct {
	About About
	// Folder is where a copy lies, without a name, until it is handed over: on the
	// disk of the stores.
	Folder string
	// Copy writes a store as it is at one moment.
	Copy func(ctx context.Context, role string, w io.Writer) error
	Log  *slog.Logger

	one chan struct{} // copy at a time, so that no more room is taken
}

const (
	digestHeader = "Duban-Sha256"
	// patience is how long whoever takes a copy may take nothing of it.
	patience = time.Minute
	// putAway is how long another copy is waited for.
	putAway = 5 * time.Second
)

// Handler answers a backup's questions. It is called once.
func (s *Source) Handler() http.Handler {
	s.one = make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /about", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.About) // whoever asked has gone
	})
	for _, role := range s.About.Roles {
		mux.HandleFunc("GET /stores/"+role, func(w http.ResponseWriter, r *http.Request) { s.give(w, r, role) })
	}
	return mux
}

// give copies a store next to it, and then hands the copy over: however slow the
// taker is, the store does not wait for it.
func (s *Source) give(w http.ResponseWriter, r *http.Request, role string) {
	if !s.turn(r.Context()) {
		http.Error(w, "another backup is being made", http.StatusConflict)
		return
	}
	defer func() { <-s.one }()
	held, digest, err := s.hold(r.Context(), role)
	if err != nil {
		s.Log.Error("copying a store for a backup", "service", role, "error", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = held.Close() }() // which ends it
	if err := s.hand(w, held, digest); err != nil {
		s.Log.Warn("a backup was not taken to its end", "service", role, "error", err)
		return
	}
	s.Log.Info("a store was copied for a backup", "service", role)
}

// turn waits until it may copy, and answers whether it may: who has taken one store
// asks for the next before the first is put away.
func (s *Source) turn(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, putAway)
	defer cancel()
	select {
	case s.one <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// hold copies a store into a file that has no name, so that nothing of it remains
// whatever happens.
func (s *Source) hold(ctx context.Context, role string) (_ *os.File, digest string, err error) {
	f, err := os.CreateTemp(s.Folder, "copy-*")
	if err != nil {
		return nil, "", err
	}
	sum := sha256.New()
	err = errors.Join(os.Remove(f.Name()), s.Copy(ctx, role, io.MultiWriter(f, sum)))
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, "", errors.Join(err, f.Close())
	}
	return f, hex.EncodeToString(sum.Sum(nil)), nil
}

// hand sends the file.
func (s *Source) hand(w http.ResponseWriter, f *os.File, digest string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w.Header().Set(digestHeader, digest)
	w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	return s.patient(http.NewResponseController(w), w, f)
}

// patient copies as long as somebody takes. A deadline is by the machine's clock,
// whatever time the suite is told.
func (s *Source) patient(c *http.ResponseController, w io.Writer, f *os.File) error {
	for {
		if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return fmt.Errorf("bounding the wait: %w", err)
		}
		switch _, err := io.CopyN(w, f, 1<<20); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
