package feed

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// retry is how long a patient reader waits for what passes by itself.
const retry = time.Second

// Patiently is apply for who waits until a run of the named feed is taken in: a full
// disk and the errors that also pass by themselves are logged and waited for; others
// end the reader, as ctx does.
func Patiently(name string, apply Apply, also ...error) Apply {
	passing := append([]error{store.ErrFull}, also...)
	return func(ctx context.Context, run []*feedv1.Entry, next, size uint64) error {
		for {
			err := apply(ctx, run, next, size)
			if err == nil || !slices.ContainsFunc(passing, func(e error) bool { return errors.Is(err, e) }) {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			slog.WarnContext(ctx, "taking in a feed", "feed", name, "error", err)
			if err := Pause(ctx, retry); err != nil {
				return err
			}
		}
	}
}
