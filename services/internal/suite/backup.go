package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	formats "github.com/transparency-dev/formats/log"

	"github.com/duban-project/duban/services/internal/backup"
	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// source gives this process's stores to whoever may open the socket in its data
// folder. A role knows those before it alone: it is copied before they are.
func (s *Suite) source() *backup.Source {
	var held []string
	for _, r := range slices.Backward(roles) {
		if s.engines[r.name] != nil {
			held = append(held, r.name)
		}
	}
	return &backup.Source{
		About:  backup.About{Installation: s.config.Installation, Roles: held, Seeded: s.config.Peers.Keys == ""},
		Folder: s.config.Data, Now: s.now, Log: s.Log(),
		Copy: func(ctx context.Context, role string, w io.Writer) error { return bolt.Copy(ctx, s.engines[role], w) },
	}
}

// offer lets backups be made and bundles be carried, by whoever may open the data
// folder, until ctx is done; then what is under way ends.
func (s *Suite) offer(ctx context.Context) (err error) {
	if len(s.engines) == 0 {
		return nil
	}
	l, err := backup.Listen(s.config.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(filepath.Join(s.config.Data, backup.SocketFile))) }()
	server := &http.Server{
		Handler: s.desk(), ReadTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // however it ends
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving backups: %w", err)
	}
	return nil
}

// desk is what the socket in the data folder answers.
func (s *Suite) desk() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.source().Handler())
	if s.bundles != nil {
		mux.Handle("/bundle/", s.bundles)
	}
	return mux
}

// Process asks the running process whose data folder c names: for backups and
// bundles.
func Process(c Config) *http.Client { return backup.Client(c.Data) }

// Backup makes a backup of the process whose data folder c names, which runs, in a
// new folder.
func Backup(ctx context.Context, c Config, to string, now func() time.Time) (backup.Manifest, error) {
	return backup.Order{Data: c.Data, To: to, Now: now, Look: look, Clock: clock.Mark}.Take(ctx)
}

// look reads what a copy of a store says of itself.
func look(ctx context.Context, role, path string) (is backup.Feed, err error) {
	engine, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return is, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	if is.Version, err = store.VersionOf(ctx, engine); err != nil {
		return is, err
	}
	err = engine.View(ctx, func(tx store.Tx) error {
		text, err := tx.Get(feed.MetaBucket, []byte(feed.CheckpointKey))
		if err != nil {
			return err
		}
		var cp formats.Checkpoint
		_, err = cp.Unmarshal(text)
		is.Size, is.Root, is.Checkpoint = cp.Size, cp.Hash, string(text)
		return err
	})
	if errors.Is(err, store.ErrNotFound) { // nothing was ever written
		err = nil
	}
	return is, err
}

// Restore puts a backup into the data folder that c names, which MUST be new or
// empty, and checks all of it against its feeds. Key is the file with the
// installation's key, which is put beside the stores if it belongs there, or a
// folder with the secrets of the roles, as Peers.Keys names it.
func Restore(ctx context.Context, c Config, from, key string, report func(role string, r fsck.Report)) (backup.Manifest, error) {
	secrets, seed, err := hand(key)
	if err != nil {
		return backup.Manifest{}, err
	}
	wrong := uint64(0)
	check := func(ctx context.Context, m backup.Manifest) error {
		c.Installation = m.Installation
		if m.Seeded && seed == nil {
			return fmt.Errorf("the data need the installation's key, and %s is a folder", key)
		}
		_, err := fsckRoles(ctx, c, m.Roles, secrets, func(role string, r fsck.Report) {
			wrong += r.Wrong
			report(role, r)
		})
		if err == nil && wrong > 0 {
			err = fmt.Errorf("%w: %d findings, or the key is another installation's", backup.ErrBroken, wrong)
		}
		if err != nil || !m.Seeded {
			return err
		}
		return durable.WriteFile(filepath.Join(c.Data, seedFile), seed)
	}
	return backup.Restore(ctx, from, backup.Target{Data: c.Data, Clock: clock.Mark, Check: check})
}

// hand returns how the secrets of roles are read, and the seed if that is what
// lies at path.
func hand(path string) (of func(role string) (secrets, error), seed seed, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the key: %w", err)
	}
	if info.IsDir() {
		return func(role string) (secrets, error) { return readRole(path, role) }, nil, nil
	}
	if seed, err = readSeed(path); err != nil {
		return nil, nil, err
	}
	return func(role string) (secrets, error) { return seed.of(role), nil }, seed, nil
}
