package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/store"
)

// marksFile says how long each log has been. It stands beside the stores, and a
// backup leaves it out: so that an old one that was restored is noticed before
// anything is written that contradicts what was published.
const marksFile = "high-water.json"

// marksEvery is how often the file is written, at most.
const marksEvery = time.Second

// marks are the sizes that logs have had, by origin.
type marks struct {
	path string
	now  func() time.Time

	mu      sync.Mutex
	sizes   map[string]uint64
	written time.Time
}

// openMarks reads the file in folder; without one nothing is known.
func openMarks(folder string, now func() time.Time) (*marks, error) {
	m := &marks{path: filepath.Join(folder, marksFile), now: now, sizes: map[string]uint64{}}
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
	return m, nil
}

// reached notes a size, in the file too unless it was written a moment ago.
func (m *marks) reached(origin string, size uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size <= m.sizes[origin] {
		return nil
	}
	m.sizes[origin] = size
	if m.now().Sub(m.written) < marksEvery {
		return nil
	}
	return m.write()
}

// close writes what the file does not have yet.
func (m *marks) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sizes) == 0 {
		return nil
	}
	return m.write()
}

func (m *marks) write() error {
	b, err := json.MarshalIndent(m.sizes, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", m.path, err)
	}
	m.written = m.now()
	return durable.WriteFile(m.path, append(b, '\n'))
}

func (m *marks) of(origin string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sizes[origin]
}

// hold lets a log make no entries that is shorter than it has been.
func (s *Suite) hold(role string) error {
	src := s.feeds[role]
	return src.Engine.View(context.Background(), func(tx store.Tx) error {
		size, err := src.Log.Size(tx)
		if err != nil {
			return err
		}
		if mark := s.marks.of(src.Log.Origin()); size < mark {
			src.Log.Hold()
			s.Log().Error("the log has lost its tail: nothing is written to it", "feed", role, "size", size, "was", mark)
		}
		return nil
	})
}
