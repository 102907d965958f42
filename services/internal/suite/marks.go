package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// marksFile says how long each log of this process has been. It stands beside the
// stores, and a backup leaves it out: so that an old store that was put back is
// noticed before anything is written that contradicts what was shown.
const marksFile = "high-water.json"

// marksEvery is how often the file is written, at most.
const marksEvery = time.Second

// marks are the sizes that logs have durably had, by origin. The file lags behind
// them, and never leads.
type marks struct {
	path string
	news chan struct{} // holds one if the file may lack something

	mu    sync.Mutex
	sizes map[string]uint64

	written []byte // for Work, and for close once that has ended
}

// openMarks reads the file in folder; without one nothing is known.
func openMarks(folder string) (*marks, error) {
	m := &marks{path: filepath.Join(folder, marksFile), news: make(chan struct{}, 1), sizes: map[string]uint64{}}
	b, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &m.sizes)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", m.path, err)
	}
	m.written = b
	return m, nil
}

// reached notes a size that is durable. It does not wait for the file.
func (m *marks) reached(origin string, size uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size <= m.sizes[origin] {
		return
	}
	m.sizes[origin] = size
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// Register implements serve.Service: marks have no methods.
func (*marks) Register(grpc.ServiceRegistrar) {}

// Work implements serve.Worker: it writes the file when there is something new, at
// once and then not before marksEvery.
func (m *marks) Work(ctx context.Context) error {
	pause := feed.Backoff{First: marksEvery, Last: time.Minute}
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
func (m *marks) trouble(ctx context.Context, err error) bool {
	if err != nil {
		slog.WarnContext(ctx, "noting how long the logs are", "error", err)
	}
	return err != nil
}

// close writes what the file does not have yet. Nothing is noted after it.
func (m *marks) close() error { return m.write() }

// write is called by one goroutine at a time.
func (m *marks) write() error {
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

func (m *marks) of(origin string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sizes[origin]
}

// hold lets a log make no entries that is shorter than it has been, or came from a
// backup of which the installation above may have more; it notes how long it is
// else.
func (s *Suite) hold(role string) error {
	src := s.feeds[role]
	return src.Engine.View(context.Background(), func(tx store.Tx) error {
		size, err := src.Log.Size(tx)
		if err != nil {
			return err
		}
		switch mark := s.marks.of(src.Log.Origin()); {
		case size < mark:
			src.Log.Hold(fmt.Sprintf("it had %d entries, and has %d", mark, size))
			s.Log().Error("the log has lost its tail: nothing is written to it", "feed", role, "size", size, "was", mark)
		case s.restored.Waits(role):
			src.Log.Hold("it was restored from a backup, and the installation above has not said how much it has of it")
			s.Log().Warn("the log was restored: nothing is written to it before the installation above has said how much it has of it, or the file is removed by hand",
				"feed", role, "size", size, "file", filepath.Join(s.config.Data, recovery.RestoredFile))
		}
		s.marks.reached(src.Log.Origin(), size)
		return nil
	})
}
