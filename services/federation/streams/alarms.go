package streams

import (
	"context"
	"log/slog"
	"sync"

	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
)

// Alarms tells in the log of each mirror that is frozen (冻结) or has fallen silent (失联), when it is:
// not again while it stays so. Of every change else metrics and the list of mirrors tell. The zero
// value is ready, and of one goroutine.
type Alarms struct {
	was map[string]string // state, by mirror
}

// Tell takes how a mirror stands now, in lower case.
func (a *Alarms) Tell(ctx context.Context, installation, service, state string) {
	if a.was == nil {
		a.was = map[string]string{}
	}
	name := "installations/" + installation + "/mirrors/" + service
	if a.was[name] == state {
		return
	}
	a.was[name] = state
	if state == "frozen" || state == "silent" {
		slog.WarnContext(ctx, "a mirrored log is "+state, "mirror", name)
	}
}

// Alarmed runs work, and calls look beside it once a heartbeat until that returns; first one after
// the start, when whoever is there was heard of.
func Alarmed(ctx context.Context, work func(context.Context) error, look func(context.Context, *Alarms) error) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	beside.Go(func() {
		var alarms Alarms
		for feed.Pause(ctx, federation.Beat) == nil {
			if err := look(ctx, &alarms); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "looking how mirrored logs stand", "error", err)
			}
		}
	})
	return work(ctx)
}
