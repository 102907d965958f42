package streams

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// Refused tells in the log of whoever comes as an installation that is enrolled, and is not
// believed: a copy with a key that was revoked, say. The zero value is ready.
type Refused struct {
	mu   sync.Mutex
	told map[greeting]time.Time
	all  map[federationv1.Code]int64 // of what was told

	unsigned atomic.Int64
}

// Unsigned counts a greeting that nobody has signed who is known: anybody can send it, as
// whomever, so it is told of nobody.
func (r *Refused) Unsigned() { r.unsigned.Add(1) }

// Strangers is how many greetings nobody had signed who is known, since the process began.
func (r *Refused) Strangers() int64 { return r.unsigned.Load() }

// greeting is one that is refused: of each kind another is told.
type greeting struct {
	installation string
	code         federationv1.Code
}

// quiet is how long no more is told of the same installation and code.
const quiet = time.Minute

// Tell warns of a greeting that was refused with a code at a moment, of one installation and
// code once a minute, and says whether it did. The installation MUST be one that is enrolled, as
// each is remembered; claims is the log in an era which nobody has enrolled, if it showed one.
func (r *Refused) Tell(ctx context.Context, installation string, code federationv1.Code, claims string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := greeting{installation, code}
	if last, ok := r.told[of]; ok && now.Sub(last) < quiet {
		return false
	}
	if r.told == nil {
		r.told, r.all = map[greeting]time.Time{}, map[federationv1.Code]int64{}
	}
	r.told[of] = now
	r.all[code]++
	slog.WarnContext(ctx, "who comes as the installation is not believed", "installation", installation, "code", code.String(), "claims", claims)
	return true
}

// Told is how much was told since the process began, by code.
func (r *Refused) Told() map[federationv1.Code]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.all)
}
