package streams

import (
	"context"
	"log/slog"
	"sync"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// Refused tells in the log of whoever comes as an installation that is enrolled, and is not
// believed: a copy with a key that was revoked, say. The zero value is ready.
type Refused struct {
	mu   sync.Mutex
	told map[string]time.Time
}

// quiet is how long no more is told of the same installation.
const quiet = time.Minute

// Tell warns of a greeting that was refused with a code at a moment, of one installation once
// a minute. It MUST be one that is enrolled: each is remembered.
func (r *Refused) Tell(ctx context.Context, installation string, code federationv1.Code, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.told[installation]; ok && now.Sub(last) < quiet {
		return
	}
	if r.told == nil {
		r.told = map[string]time.Time{}
	}
	r.told[installation] = now
	slog.WarnContext(ctx, "who comes as the installation is not believed", "installation", installation, "code", code.String())
}
