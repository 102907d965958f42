package server

import (
	"context"

	"golang.org/x/sync/errgroup"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// running is a lane that runs.
type running struct {
	nudge *bell
	stop  context.CancelFunc
}

// dispatch keeps a lane for every webhook that there is, until ctx is done.
func (s *Service) dispatch(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.keepLanes(ctx, g) })
	return g.Wait()
}

func (s *Service) keepLanes(ctx context.Context, g *errgroup.Group) error {
	lanes := map[string]running{}
	for {
		names, size, err := s.live(ctx)
		if err != nil {
			return err
		}
		for name, lane := range lanes {
			if !names[name] {
				lane.stop()
				delete(lanes, name)
			}
			lane.nudge.ring()
		}
		for name := range names {
			if _, runs := lanes[name]; !runs {
				lanes[name] = s.start(ctx, g, name)
			}
		}
		if err := s.book.Log.Wait(ctx, size); err != nil {
			return err
		}
	}
}

// start runs the lane of a webhook until it is stopped.
func (s *Service) start(ctx context.Context, g *errgroup.Group, name string) running {
	own, stop := context.WithCancel(ctx)
	l := &lane{Service: s, webhook: name, nudged: newBell()}
	g.Go(func() error {
		defer stop()
		if err := l.run(own); ctx.Err() != nil || own.Err() == nil {
			return err
		}
		return nil // the webhook is deleted
	})
	return running{l.nudged, stop}
}

// live are the webhooks that are not deleted, as of a size of the service's feed.
func (s *Service) live(ctx context.Context) (names map[string]bool, size uint64, err error) {
	names = map[string]bool{}
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		if size, err = s.book.Log.Size(tx); err != nil {
			return err
		}
		for w, err := range s.table.Scan(tx, "", "") {
			if err != nil {
				return err
			}
			if w.GetState() != eventv1.Webhook_STATE_DELETED {
				names[w.GetName()] = true
			}
		}
		return nil
	})
	return names, size, err
}
