// Package marks remembers how long each log of a process has been, beside the stores: so
// that a store that lost its tail, or was put back from an older copy, is noticed. What
// then becomes of the log is decided by who opens it.
package marks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/feed"
)

// file says how long each log of this process has been. It stands beside the
// stores, and a backup leaves it out: so that an old store that was put back is
// noticed before anything is written that contradicts what was shown.
const file = "high-water.json"

// ErrDamaged says that the file cannot be read as what it is: how long the logs have been is
// not known, and nothing starts.
var ErrDamaged = errors.New("the note of how long the logs have been is damaged: if the stores are those that were there last, take it away")

// every is how often the file is written, at most.
const every = time.Second

// Marks are the sizes that logs have durably had, by origin. The file lags behind
// them, and never leads.
type Marks struct {
	path string
	news chan struct{} // holds one if the file may lack something

	mu    sync.Mutex
	sizes map[string]uint64

	written []byte // for Work, and for Close once that has ended
}

// Open reads the file in folder; without one nothing is known.
func Open(folder string) (*Marks, error) {
	m := &Marks{path: filepath.Join(folder, file), news: make(chan struct{}, 1), sizes: map[string]uint64{}}
	b, err := durable.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if errors.Is(err, durable.ErrIrregular) {
		return nil, fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", m.path, err)
	}
	if err := json.Unmarshal(b, &m.sizes); err != nil || m.sizes == nil { // null
		return nil, errors.Join(fmt.Errorf("%s: %w", m.path, ErrDamaged), err)
	}
	m.written = b
	return m, nil
}

// Again writes the file in folder once more as it is, an empty one if there is none: who does
// what is to be noted then knows before that it can be.
func Again(folder string) error {
	m, err := Open(folder)
	if err != nil {
		return err
	}
	if m.written == nil {
		m.written = []byte("{}\n")
	}
	return durable.WriteFile(m.path, m.written)
}

// Reached notes a size that is durable. It does not wait for the file.
func (m *Marks) Reached(origin string, size uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size <= m.sizes[origin] {
		return
	}
	m.sizes[origin] = size
	m.changed()
}

// changed lets Work write the file.
func (m *Marks) changed() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// Register implements serve.Service: marks have no methods.
func (*Marks) Register(grpc.ServiceRegistrar) {}

// Work implements serve.Worker: it writes the file when there is something new, at
// once and then not before every.
func (m *Marks) Work(ctx context.Context) error {
	pause := feed.Backoff{First: every, Last: time.Minute}
	for {
		select {
		case <-m.news:
		case <-ctx.Done():
			return ctx.Err()
		}
		for m.trouble(ctx, m.write()) {
			if err := pause.Pause(ctx); err != nil {
				return err
			}
		}
		pause.Reset()
		if err := pause.Pause(ctx); err != nil {
			return err
		}
	}
}

// trouble says whether the file could not be written.
func (m *Marks) trouble(ctx context.Context, err error) bool {
	if err != nil {
		slog.WarnContext(ctx, "noting how long the logs are", "error", err)
	}
	return err != nil
}

// Close writes what the file does not have yet. Nothing is noted after it.
func (m *Marks) Close() error { return m.write() }

// write is called by one goroutine at a time.
func (m *Marks) write() error {
	m.mu.Lock()
	b, err := json.MarshalIndent(m.sizes, "", "  ")
	m.mu.Unlock()
	if err != nil {
		return fmt.Errorf("encoding %s: %w", m.path, err)
	}
	b = append(b, '\n')
	if bytes.Equal(b, m.written) || string(b) == "{}\n" {
		return nil
	}
	if err := durable.WriteFile(m.path, b); err != nil {
		return err
	}
	m.written = b
	return nil
}

// Of is the size that a log has had; 0 if none is known.
func (m *Marks) Of(origin string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sizes[origin]
}

// Forget drops what is known of the log so named in later eras than that one.
func (m *Marks) Forget(log string, era uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.sizes, func(origin string, _ uint64) bool {
		of, later, ok := feed.SplitOrigin(origin)
		return ok && of == log && later > era
	})
	m.changed()
}

// Era is the newest era that is known of the log so named, an origin without its end; 0 if
// none is.
func (m *Marks) Era(log string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := uint64(0)
	for origin := range m.sizes {
		if of, era, ok := feed.SplitOrigin(origin); ok && of == log {
			newest = max(newest, era)
		}
	}
	return newest
}
