package streams

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

// Urges tells an installation what was urged of its units.
type Urges struct {
	// Of answers what was; nil: nothing.
	Of aggregationv1.UrgeServiceClient
	// Clock tells the time.
	Clock func() time.Time

	asked time.Time
}

// Due is what to say on a stream that brings the units beneath root, if anything was urged
// of them: once a heartbeat at most, however many logs it has, and again and again, as
// whoever is told may not have heard of the unit yet. That aggregation cannot be asked
// stops no log.
func (u *Urges) Due(ctx context.Context, installation, root string) *federationv1.ReplicateResponse {
	now := u.Clock()
	if u.Of == nil || now.Sub(u.asked) < federation.Beat/2 {
		return nil
	}
	u.asked = now
	ctx, cancel := context.WithTimeout(ctx, urgesWithin)
	defer cancel()
	list, err := u.Of.ListUrges(ctx, &aggregationv1.ListUrgesRequest{Unit: root})
	if err != nil {
		slog.WarnContext(ctx, "asking what was urged below", "installation", installation, "error", err)
		return nil
	}
	if len(list.GetUrges()) == 0 {
		return nil
	}
	return &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Urged{Urged: &federationv1.Urged{Urges: list.GetUrges()}}}
}
