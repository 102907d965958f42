// Package own keeps what is known above of this installation's own logs: which
// checkpoint of each was cosigned there, how much is not known yet, and receipts for
// entries. What the installation above says of a log it tells the role that keeps the
// log. It does not push the logs upward: package push does, and tells it here. What a
// role does when it is told, package recovery decides.
package own

import (
	"context"
	"fmt"
	"iter"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket has the newest cosigned note of each own log, by origin.
const Bucket = "anchored"

// Form is of its rows: each stands under the origin that its note says.
var Form = store.Shaped(func(key, value []byte) bool { return strings.HasPrefix(string(value), string(key)+"\n") })

// Logs are an installation's own logs. They implement push.Keeper: what is learned of
// a role's log is told to the role, which decides about it, be it in this process or
// another.
type Logs struct {
	// Store is that of federation; it has Bucket.
	Store store.Engine
	// Feeds reads the logs.
	Feeds feedv1.FeedServiceClient
	// Roles reach those that keep the logs, by their names.
	Roles map[string]federationv1.LogServiceClient
	// Urges takes what was urged above.
	Urges aggregationv1.UrgeServiceClient
}

// Urged hands on what was urged above of what is kept here, or below.
func (l Logs) Urged(ctx context.Context, urges []*aggregationv1.Urge) error {
	_, err := l.Urges.TakeUrges(ctx, &aggregationv1.TakeUrgesRequest{Urges: urges})
	return err
}

// Anchored keeps the newest checkpoint of an own log that the installation above
// has cosigned.
func (l Logs) Anchored(ctx context.Context, origin, text string) error {
	return l.Store.Update(ctx, func(tx store.Tx) error { return tx.Put(Bucket, []byte(origin), []byte(text)) })
}

// Known tells the role how much of its log the installation above has.
func (l Logs) Known(ctx context.Context, role string, size uint64) error {
	_, err := l.Roles[role].ConfirmLog(ctx, &federationv1.ConfirmLogRequest{Role: role, Size: size})
	if err != nil {
		return fmt.Errorf("telling %s how much of its log is known above: %w", role, err)
	}
	return nil
}

// Hold tells the role that its log must make no more entries, and why.
func (l Logs) Hold(ctx context.Context, role, why string) error {
	_, err := l.Roles[role].HoldLog(ctx, &federationv1.HoldLogRequest{Role: role, Why: why})
	if err != nil {
		return fmt.Errorf("telling %s that its log is not whole: %w", role, err)
	}
	return nil
}

// Restore gives the role the tail that its log has lost, as it comes from above.
func (l Logs) Restore(ctx context.Context, role string, above *federationv1.Standing, tail iter.Seq2[[]*feedv1.Record, error]) error {
	ctx, cancel := context.WithCancel(ctx) // what is not whole is given up
	defer cancel()
	stream, err := l.Roles[role].RestoreLog(ctx)
	if err != nil {
		return fmt.Errorf("giving %s its tail back: %w", role, err)
	}
	part := &federationv1.RestoreLogRequest{Role: role, Size: above.GetSize(), Cover: above.GetCover()}
	for run, err := range tail {
		if err != nil {
			return err
		}
		part.Records = run
		if stream.Send(part) != nil { // why, the answer says
			break
		}
		part = &federationv1.RestoreLogRequest{}
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		return fmt.Errorf("giving %s its tail back: %w", role, err)
	}
	return nil
}
