package upkeep

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
)

// bookmarks looks at what a store keeps of no entry and no record: its version, and
// from where its role reads feeds on. Nothing says how far that was; but it is a
// number, and in the role's own feed not behind the end.
func bookmarks(ctx context.Context, engine store.Engine, role string, r *fsck.Report) error {
	wrong := func(what string) {
		if r.Wrong++; r.First == nil {
			r.First = &fsck.Finding{Seq: fsck.None, What: what}
		}
	}
	if _, err := store.VersionOf(ctx, engine); errors.Is(err, store.ErrNoVersion) {
		wrong("the store does not say of which version it is")
	}
	return engine.View(ctx, func(tx store.Tx) error {
		bucket := role + ".cursors"
		for row, err := range tx.Scan(bucket, nil, nil) {
			switch {
			case err != nil:
				return fmt.Errorf("reading %s: %w", bucket, err)
			case len(row.Value) != 8:
				wrong(fmt.Sprintf("%s has under %q what is no number", bucket, row.Key))
			case string(row.Key) == role && binary.BigEndian.Uint64(row.Value) > r.Entries:
				wrong(fmt.Sprintf("%s reads its own feed on behind its end", bucket))
			}
		}
		return nil
	})
}
