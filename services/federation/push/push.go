// Package push sends an installation's logs to the one above it: its own, and
// those that it mirrors, unchanged and under their own origins. It dials, asks how
// far each log is known above, proves that what it has now grew out of that, and
// sends the rest; what breaks is begun again from there. It keeps no cursor: the
// one above does, with the entries.
//
// It reads the logs through the feed API and decides nothing about them. What is
// taken is decided above, by package federation.
package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
)

// Config is what pushing takes.
type Config struct {
	// Installation is the name by which this one is enrolled above,
	// installations/{installation}.
	Installation string
	// Up is the installation above.
	Up federationv1.FederationServiceClient
	// Cosigner verifies what it cosigns, in note format: it came on paper.
	Cosigner string
	// Feeds reads the logs.
	Feeds feedv1.FeedServiceClient
	// Names returns the feeds to push, such as "rectification" and, of a lower
	// installation, "510104.rectification".
	Names func(context.Context) ([]federation.Upward, error)
	// Relays says how the mirror that is relayed as a feed, such as "510104.rectification", stands
	// here; nil: nothing of it is said.
	Relays func(ctx context.Context, feed string) (*federationv1.Relayed, error)
	// Sign signs with the key of the log of the service federation.
	Sign func(text string) ([]byte, error)
	// Now is real time.
	Now func() time.Time
	// Boot is random and the same while the process runs.
	Boot string
	// Simulated says that the installation's time is made up.
	Simulated bool
	// Recipient is for whom the answer to a file is sealed; streams do not say it.
	Recipient string
	// Keep takes what is learned of a log while it is pushed.
	Keep Keeper
	// Patience is how long an answer may take; 0: 30 s.
	Patience time.Duration
	// Tries are the pauses between tries.
	Tries feed.Backoff
}

// Keeper takes what is learned of one's own logs while they are pushed, and passes it
// on to the roles that keep them. Its methods are called by several goroutines. What
// it could not pass on is told again.
type Keeper interface {
	// Anchored takes the newest checkpoint that the installation above has
	// cosigned.
	Anchored(ctx context.Context, origin, note string) error
	// Urged takes what was urged above of what is kept here, or below.
	Urged(ctx context.Context, urges []*aggregationv1.Urge) error
	// Known takes that the installation above has so much of a log, which is no more
	// than there was when it was asked. It is told time and again: the role may have
	// been started with another store since.
	Known(ctx context.Context, feed string, size uint64) error
	// Hold says that the log must make no more entries, and why: the installation
	// above has shown, by what this one has signed, that the log once had more, or
	// that it has two histories.
	Hold(ctx context.Context, feed, why string) error
	// Restore takes back the tail that a held log has lost, run by run, up to the size
	// that it has above, which the log itself once signed.
	Restore(ctx context.Context, feed string, above *federationv1.Standing, tail iter.Seq2[[]*feedv1.Record, error]) error
}

// Run pushes until ctx is done. Whatever goes wrong is logged and tried again
// after a growing pause.
func Run(ctx context.Context, c Config) error {
	c.Patience = cmp.Or(c.Patience, 30*time.Second)
	said := &said{last: map[string]string{}}
	for ctx.Err() == nil {
		s := &session{Config: &c, said: said, logs: map[string]*outgoing{}, sour: make(chan struct{}), urged: make(chan *federationv1.Urged, 1)}
		err := s.run(ctx)
		if ctx.Err() != nil {
			break
		}
		if s.healthy() {
			c.Tries.Reset()
		}
		if errors.Is(err, errAgain) {
			continue
		}
		slog.WarnContext(ctx, "pushing upward", "error", err)
		if err := c.Tries.Pause(ctx); err != nil {
			break
		}
	}
	return ctx.Err()
}

var (
	errAgain    = errors.New("some logs are to be tried again")
	errPatience = errors.New("no answer came in time")
)

// greeting is the first message and what it is about. The answer to a file is
// sealed for the recipient; on a stream there is none.
func (c *Config) greeting(ctx context.Context, recipient string) (*federationv1.Hello, []*outgoing, error) {
	names, err := c.Names(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("listing the feeds to push: %w", err)
	}
	hello := &federationv1.Hello{Installation: c.Installation}
	logs := make([]*outgoing, 0, len(names))
	for _, of := range names {
		cp, err := c.Feeds.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + of.Feed})
		if err != nil {
			return nil, nil, fmt.Errorf("reading the head of %s: %w", of.Feed, err)
		}
		o := newOutgoing(of, cp)
		logs = append(logs, o)
		head, err := o.head(ctx, c, cp)
		if err != nil {
			return nil, nil, err
		}
		hello.Logs = append(hello.Logs, head)
	}
	hello.Statement, err = c.state(logs, recipient)
	return hello, logs, err
}

// head is what of a checkpoint is shown. An empty log has nothing to show.
func (o *outgoing) head(ctx context.Context, c *Config, cp *feedv1.Checkpoint) (h *federationv1.Head, err error) {
	h = &federationv1.Head{Origin: o.origin}
	if cp.GetSize() > 0 {
		h.Note = cp.GetNote()
	}
	h.Relayed, err = o.relayed(ctx, c)
	return h, err
}

// relayed is how a log that is not one's own stands here now.
func (o *outgoing) relayed(ctx context.Context, c *Config) (*federationv1.Relayed, error) {
	if o.own() || c.Relays == nil {
		return nil, nil
	}
	r, err := c.Relays(ctx, o.name)
	if err != nil {
		return nil, fmt.Errorf("reading how %s stands: %w", o.name, err)
	}
	return r, nil
}
