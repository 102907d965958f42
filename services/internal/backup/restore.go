package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/duban-project/duban/services/internal/durable"
)

// Mark is the file that stands in a data folder until what was restored into it
// is whole: nothing may be started on it.
const Mark = "unfinished-restore"

// ErrUnfinished says that a restore into a data folder has not ended.
var ErrUnfinished = errors.New("a restore has not ended here: restore again")

// Whole returns ErrUnfinished if a restore into the folder has not ended.
func Whole(folder string) error {
	_, err := os.Lstat(filepath.Join(folder, Mark))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%s: %w", folder, ErrUnfinished)
}

// Target is where a backup is restored.
type Target struct {
	// Data is a new or empty folder, or one in which a restore has not ended.
	Data string
	// Clock is the file in Data that holds the time of a simulation.
	Clock string
	// Check is called when everything is in its place, before the data count as
	// whole.
	Check func(context.Context, Manifest) error
}

// Restore copies the backup in from to its target. It overwrites nothing but what
// a restore has left there that did not end. What is wrong with the backup is
// ErrBroken.
func Restore(ctx context.Context, from string, to Target) (m Manifest, err error) {
	if m, err = Read(from); err != nil {
		return m, err
	}
	if err := to.begin(); err != nil {
		return m, err
	}
	if err := to.fill(ctx, from, m); err != nil {
		return m, err
	}
	if err := to.Check(ctx, m); err != nil {
		return m, err
	}
	if err := os.Remove(filepath.Join(to.Data, Mark)); err != nil {
		return m, err
	}
	return m, durable.Sync(to.Data)
}

// begin makes the folder and marks it.
func (t Target) begin() error {
	if err := os.MkdirAll(t.Data, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(t.Data)
	if err != nil {
		return err
	}
	if len(entries) > 0 && Whole(t.Data) == nil {
		return fmt.Errorf("%s is not empty: nothing is overwritten", t.Data)
	}
	return errors.Join(durable.WriteFile(filepath.Join(t.Data, Mark), nil), empty(t.Data, Mark))
}

func (t Target) fill(ctx context.Context, from string, m Manifest) error {
	for _, s := range m.Stores {
		if err := t.store(filepath.Join(from, s.Role+".db"), s); err != nil {
			return fmt.Errorf("%s: %w", s.Role, err)
		}
	}
	files, err := copyFiles(ctx, filepath.Join(from, filesFolder), filepath.Join(t.Data, filesFolder))
	if err != nil {
		return err
	}
	if files != m.Files {
		return fmt.Errorf("%w: it has %d files of %d bytes, its manifest says %d of %d, or others",
			ErrBroken, files.Count, files.Bytes, m.Files.Count, m.Files.Bytes)
	}
	if m.Simulated == "" {
		return durable.Sync(t.Data)
	}
	return durable.WriteFile(filepath.Join(t.Data, t.Clock), []byte(m.Simulated))
}

func (t Target) store(path string, s Store) error {
	err := durable.Regular(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, durable.ErrIrregular) {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = keep(filepath.Join(t.Data, s.Role+".db"), f, s.SHA256)
	return errors.Join(err, f.Close())
}
