package server

import (
	"context"
	"log/slog"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
)

// urgesWithin is how long aggregation is waited for: the logs of the stream wait too.
const urgesWithin = 3 * time.Second

// urged says what was urged of the units that come by the stream, if anything was: once a
// heartbeat at most, however many logs it has, and again and again, as whoever is told may
// not have heard of the unit yet. That aggregation cannot be asked stops no log.
func (c *session) urged(ctx context.Context) *federationv1.ReplicateResponse {
	now := c.s.book.Clock()
	if c.s.parts.Urges == nil || now.Sub(c.asked) < federation.Beat/2 {
		return nil
	}
	c.asked = now
	ctx, cancel := context.WithTimeout(ctx, urgesWithin)
	defer cancel()
	list, err := c.s.parts.Urges.ListUrges(ctx, &aggregationv1.ListUrgesRequest{Unit: c.root})
	if err != nil {
		slog.WarnContext(ctx, "asking what was urged below", "installation", c.name, "error", err)
		return nil
	}
	if len(list.GetUrges()) == 0 {
		return nil
	}
	return &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Urged{Urged: &federationv1.Urged{Urges: list.GetUrges()}}}
}
