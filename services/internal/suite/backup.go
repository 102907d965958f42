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

	"github.com/duban-project/duban/services/internal/backup"
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
		About:  backup.About{Installation: s.config.Installation, Roles: held, Whole: len(held) == len(roles), Seeded: s.config.Peers.Keys == ""},
		Folder: s.config.Data, Log: s.Log(),
		Copy: s.copyStore,
	}
}

// copyStore refuses a store whose log lacks what others here have read of it: no restore
// would accept it.
func (s *Suite) copyStore(ctx context.Context, role string, w io.Writer) error {
	missing, err := s.recoverable(role).Missing(ctx)
	if err == nil && missing != "" {
		err = fmt.Errorf("nothing is written to its log, and no backup of it could be restored: %s", missing)
	}
	if err != nil {
		return err
	}
	return bolt.Copy(ctx, s.engines[role], w)
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
