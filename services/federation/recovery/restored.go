package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/duban-project/duban/services/internal/durable"
)

// RestoredFile stands beside stores that came from a backup, until the installation
// above has said how much it has of their logs, or a new era was opened.
const RestoredFile = "restored"

const restoredText = `These data come from a backup. Nothing is written to the logs until the installation
above has said how much it has of them; then this file is removed. If there is none,
or it is gone for good, stop the process and open a new era: duban era. Who removes
this file by hand goes on in the old one, and answers for the fork if more was signed.
`

// MarkRestored makes the file in a data folder, durably.
func MarkRestored(folder string) error {
	return durable.WriteFile(filepath.Join(folder, RestoredFile), []byte(restoredText))
}

// Restored are the logs of a process that came from a backup and wait for the
// installation above, or for a new era.
type Restored struct {
	folder string
	found  bool

	mu   sync.Mutex
	logs map[string]bool // by role: whether it suffices to hear that nothing is missing
}

// OpenRestored looks for the file in folder.
func OpenRestored(folder string) (*Restored, error) {
	r := &Restored{folder: folder, logs: map[string]bool{}}
	_, err := os.Lstat(filepath.Join(folder, RestoredFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking whether the data were restored: %w", err)
	}
	r.found = err == nil
	return r, nil
}

// Waits says whether the role's log is one of them, and adds it if so.
func (r *Restored) Waits(role string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.found {
		r.logs[role] = true
	}
	return r.found
}

// doubted notes that something is missing of the log: no word releases it any more.
func (r *Restored) doubted(role string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.logs[role] {
		r.logs[role] = false
	}
}

// trusted says whether the log waits for nothing but to hear that it is whole.
func (r *Restored) trusted(role string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logs[role]
}

// Settle removes the file in a data folder, durably: nothing that is missing of its logs
// is unsaid any more.
func Settle(folder string) error {
	if err := os.Remove(filepath.Join(folder, RestoredFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.Sync(folder)
}

// whole notes that nothing is missing of the log, and removes the file after the
// last.
func (r *Restored) whole(role string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.logs, role)
	if !r.found || len(r.logs) > 0 {
		return nil
	}
	r.found = false
	return Settle(r.folder)
}
