package upkeep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	formats "github.com/transparency-dev/formats/log"

	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/backup"
	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
)

// Backup makes a backup of the process whose data folder c names, which runs, in a
// new folder.
func Backup(ctx context.Context, c suite.Config, to string, now func() time.Time) (backup.Manifest, error) {
	return backup.Order{Data: c.Data, To: to, Now: now, Look: look, Clock: clock.Mark}.Take(ctx)
}

// look reads what a copy of a store says of itself.
func look(ctx context.Context, role, path string) (is backup.Feed, err error) {
	engine, err := bolt.Inspect(path)
	if err != nil {
		return is, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	if is.Version, err = store.VersionOf(ctx, engine); err != nil {
		return is, err
	}
	err = engine.View(ctx, func(tx store.Tx) error {
		text, written, err := store.Seek(tx, feed.MetaBucket, []byte(feed.CheckpointKey))
		if err != nil || !written {
			return err
		}
		var cp formats.Checkpoint
		_, err = cp.Unmarshal(text)
		is.Size, is.Root, is.Checkpoint = cp.Size, cp.Hash, string(text)
		return err
	})
	return is, err
}

// Restore puts a backup into the data folder that c names, which MUST be new or
// empty, and checks all of it against its feeds. Key is the file with the
// installation's key, which is put beside the stores if it belongs there, or a
// folder with the secrets of the roles, as Peers.Keys names it.
func Restore(ctx context.Context, c suite.Config, from, key string, report func(role string, r fsck.Report)) (backup.Manifest, error) {
	secrets, all, err := hand(key)
	if err != nil {
		return backup.Manifest{}, err
	}
	wrong := uint64(0)
	check := func(ctx context.Context, m backup.Manifest) error {
		if err := m.Has(suite.Called()); err != nil {
			return err
		}
		c.Installation = m.Installation
		if m.Seeded && all == nil {
			return fmt.Errorf("the data need the installation's key, and %s is a folder", key)
		}
		_, err := fsckRoles(ctx, c, m.Roles, secrets, func(role string, r fsck.Report) {
			wrong += r.Wrong
			report(role, r)
		})
		if errors.Is(err, config.ErrWrong) {
			return fmt.Errorf("%w: its manifest: %v", backup.ErrBroken, err)
		}
		if err == nil && wrong > 0 {
			err = fmt.Errorf("%w: %d findings, or the key is another installation's", backup.ErrBroken, wrong)
		}
		if err == nil {
			err = recovery.MarkRestored(c.Data)
		}
		if err != nil || !m.Seeded {
			return err
		}
		return durable.WriteFile(filepath.Join(c.Data, seed.File), all)
	}
	return backup.Restore(ctx, from, backup.Target{Data: c.Data, Clock: clock.Mark, Check: check})
}

// hand returns how the secrets of roles are read, and the seed if that is what
// lies at path.
func hand(path string) (of func(role string) (seed.Role, error), all seed.Seed, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the key: %w", err)
	}
	if info.IsDir() {
		return func(role string) (seed.Role, error) { return seed.ReadRole(path, role) }, nil, nil
	}
	if all, err = seed.Read(path); err != nil {
		return nil, nil, err
	}
	return func(role string) (seed.Role, error) { return all.Of(role), nil }, all, nil
}
