// Package streams bounds the streams that installations below have open: few of each who
// is not believed yet, and one of each installation that is, which it tells what was urged.
// Who is believed, and what else a stream says, is for package server.
package streams

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/duban-project/duban/services/federation"
)

// ErrRepeated answers a greeting that was said before.
var ErrRepeated = errors.New("a later greeting has come before: this one is said again, or the clock there was set back")

// Open are the streams of those who are believed, by installation: one each. The zero Open
// are none; they are safe for concurrent use.
type Open struct {
	mu     sync.Mutex
	open   map[string]*one
	clones int64 // that were noticed
}

type one struct {
	boot     string
	last     time.Time     // the newest greeting: none is taken twice
	replaced chan struct{} // closed when a newer stream of the same process comes
	left     chan struct{} // closed when the stream has ended
	rival    time.Time     // when another process was first refused for it; zero: none was
}

// Enter takes the installation's place. A newer stream of the same process takes
// it from the older, which may not have noticed that its connection is gone;
// another process does not get it while the first is there: two at once are a
// clone. A greeting that is not later than the one before is ErrRepeated.
func (s *Open) Enter(ctx context.Context, name string, said federation.Statement, now func() time.Time) (replaced <-chan struct{}, leave func(), err error) {
	for {
		s.mu.Lock()
		before := s.open[name]
		switch {
		case before == nil || isClosed(before.left):
			if before != nil && !said.At.After(before.last) {
				s.mu.Unlock()
				return nil, nil, ErrRepeated
			}
			mine := &one{boot: said.Boot, last: said.At, replaced: make(chan struct{}), left: make(chan struct{})}
			if s.open == nil {
				s.open = map[string]*one{}
			}
			s.open[name] = mine
			s.mu.Unlock()
			return mine.replaced, func() { close(mine.left) }, nil
		case before.boot != said.Boot:
			if before.rival.IsZero() {
				before.rival = now()
			}
			s.mu.Unlock()
			return nil, nil, federation.ErrStreamRunning
		case said.At.After(before.last) && !isClosed(before.replaced):
			close(before.replaced)
		}
		s.mu.Unlock()
		select {
		case <-before.left:
		case <-ctx.Done():
			return nil, nil, federation.ErrStreamEnded
		}
	}
}

// End ends the installation's stream, if there is one: it is not believed any more.
func (s *Open) End(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.open[name]; o != nil && !isClosed(o.replaced) {
		close(o.replaced)
	}
}

// Speaks notices a clone: the installation's stream is there a heartbeat after another
// process was refused for it. One whose process has ended is gone by then, and the other
// has its place.
func (s *Open) Speaks(ctx context.Context, name string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.open[name]
	if o.rival.IsZero() || now.Sub(o.rival) < federation.Beat {
		return
	}
	o.rival = time.Time{}
	s.clones++
	slog.WarnContext(ctx, "two processes are the same installation: one is a clone", "installation", name)
}

// Clones is how often it was noticed that two processes were the same installation at once.
func (s *Open) Clones() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clones
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
