package suite

import (
	"context"
	"errors"
	"time"

	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// observe has the size of a role's log measured, and whether it is held.
func (s *Suite) observe(role string, engine store.Engine, log *feed.Log) error {
	return errors.Join(
		s.telemetry.Feed(role, s.size(engine, log)),
		s.telemetry.Held(role, func() bool { _, held := log.Held(); return held }),
	)
}

// size tells how many entries a feed has; 0 if it cannot be read.
func (s *Suite) size(engine store.Engine, log *feed.Log) func() uint64 {
	return counted(func(ctx context.Context) (size uint64, err error) {
		err = engine.View(ctx, func(tx store.Tx) (err error) {
			size, err = log.Size(tx)
			return err
		})
		return size, err
	})
}

// disk tells how many bytes are free; 0 if the system does not say.
func (s *Suite) disk() uint64 {
	n, err := bolt.Free(s.config.Data)
	if err != nil {
		return 0
	}
	return n
}

// counted counts for a metric: 0 if that takes too long or goes wrong.
func counted(count func(context.Context) (uint64, error)) func() uint64 {
	return func() uint64 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		n, err := count(ctx)
		if err != nil {
			return 0
		}
		return n
	}
}

// flush sends what telemetry has not sent yet.
func (s *Suite) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.telemetry.Shutdown(ctx)
}
