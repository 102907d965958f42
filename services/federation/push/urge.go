package push

import (
	"context"
	"log/slog"

	"github.com/duban-project/duban/services/internal/feed"
)

// urge passes on what was urged above, the newest alone, until ctx is done. What cannot be
// passed on is tried again, and holds nothing up.
func (s *session) urge(ctx context.Context) error {
	for {
		select {
		case u := <-s.urged:
			for len(s.urged) == 0 {
				err := s.Keep.Urged(ctx, u.GetUrges())
				if err == nil {
					break
				}
				if s.said.changed("urges", err.Error()) {
					slog.WarnContext(ctx, "passing on what was urged above", "error", err)
				}
				if err := feed.Pause(ctx, renaming); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
