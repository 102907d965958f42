// Package intact decides, when a role's log is opened, whether it is whole and may go
// on (日志完整性): by how long it has been (package marks), by what the other stores of
// the process have read of it, by whether it came from a backup, and by its era. A log that may not is held: nothing is written to it until
// its tail comes back (package recovery) or a new era is opened.
package intact

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/marks"
	"github.com/duban-project/duban/services/internal/store"
)

// Keeper knows what lies beside the stores of a process about the length of their logs.
type Keeper struct {
	// Marks are how long the logs have been.
	Marks *marks.Marks
	// Restored are the logs that came from a backup.
	Restored *recovery.Restored
	// Above says whether there is an installation above that can be asked.
	Above bool
	// Out is the process's log.
	Out *slog.Logger

	data    string
	written bool                 // a log of this process has entries
	read    map[string][]Reading // by feed
}

// Open reads what lies in the data folder.
func Open(data string) (k *Keeper, err error) {
	k = &Keeper{Out: slog.Default(), data: data, read: map[string][]Reading{}}
	if k.Marks, err = marks.Open(data); err != nil {
		return nil, err
	}
	k.Restored, err = recovery.OpenRestored(data)
	return k, err
}

// Learn notes what a role's store says of all logs. It MUST be told of every store of the
// process before one is admitted, or made.
func (k *Keeper) Learn(ctx context.Context, role string, engine store.Engine, log *feed.Log) error {
	return engine.View(ctx, func(tx store.Tx) error {
		size, err := log.Size(tx)
		if err != nil {
			return err
		}
		k.written = k.written || size > 0
		readings, err := Readings(tx, role)
		for _, r := range readings {
			k.read[r.Feed] = append(k.read[r.Feed], r)
		}
		return err
	})
}

// Made notes in a store that is made now if what it had before is lost: others have entries.
func (k *Keeper) Made(tx store.Tx) error {
	if !k.written {
		return nil
	}
	return tx.Put(feed.MetaBucket, []byte(feed.AnewKey), nil)
}

// Admit lets a role's log take over the rest of a tail that it was being given when the
// process ended, and holds it if it is not whole.
func (k *Keeper) Admit(ctx context.Context, role string, log recovery.Log) error {
	k.takeBack(ctx, role, log)
	return k.hold(ctx, role, log)
}

// takeBack lets a log take over the rest of its tail. If it cannot it is held, and is
// given the tail anew.
func (k *Keeper) takeBack(ctx context.Context, role string, log recovery.Log) {
	taken, err := log.Finish(ctx)
	switch {
	case err != nil:
		log.Hold("it has only a part of the tail that it had lost")
		k.Out.Error("the log cannot take over the tail that came: nothing is written to it", "feed", role, "error", err)
	case taken.Entries > 0:
		k.Out.Warn("the log has the rest of its tail; what is sealed and was not pushed is missing", "feed", role, "entries", taken.Entries, "missing", taken.Missing)
	}
}

// hold lets a log make no entries that is shorter than it has been, or came from a
// backup after which it may have had more, or has not what others have read; it notes how long it is else.
func (k *Keeper) hold(ctx context.Context, role string, log recovery.Log) error {
	return log.Engine.View(ctx, func(tx store.Tx) error {
		size, err := log.Size(tx)
		if err != nil {
			return err
		}
		lacks, err := k.lacks(tx, role, size)
		if err != nil {
			return err
		}
		of, era, _ := feed.SplitOrigin(log.Origin())
		switch mark := k.Marks.Of(log.Origin()); {
		case size < mark:
			log.Hold(k.Shorter(role, log.Origin(), size))
			k.Out.Error("the log has lost its tail: nothing is written to it", "feed", role, "size", size, "was", mark)
		case lacks != "":
			log.Hold(lacks)
			k.Out.Error("the log has not what it had: nothing is written to it", "feed", role, "why", lacks)
		case k.Restored.Waits(role):
			log.Hold(k.waits())
			k.Out.Warn("nothing is written to the log", "feed", role, "why", k.waits(), "size", size, "file", filepath.Join(k.data, recovery.RestoredFile))
			k.Marks.Forget(of, era) // whoever decides on it may take it back into this one
		case k.Marks.Era(of) > era:
			log.Hold(k.Shorter(role, log.Origin(), size))
			k.Out.Error("the log is of an era that has ended: nothing is written to it", "feed", role, "was", k.Marks.Era(of))
		}
		k.Marks.Reached(log.Origin(), size)
		return nil
	})
}

// Shorter says what lies beside the stores tells of the role's log of that origin and size
// that it does not have any more, or "".
func (k *Keeper) Shorter(role, origin string, size uint64) string {
	of, era, _ := feed.SplitOrigin(origin)
	switch was := k.Marks.Of(origin); {
	case size < was:
		return fmt.Sprintf("it had %d entries, and has %d", was, size)
	case k.Marks.Era(of) > era && !k.Restored.Waits(role): // that waits to hear how much it had
		return fmt.Sprintf("it is in the era %d, and was in %d", era, k.Marks.Era(of))
	}
	return ""
}

// first is the role that writes the first entry of every installation.
const first = "organization"

// Lacks returns what tells of the role's log what it does not have: see [Keeper.lacks].
func (k *Keeper) Lacks(role string) func(tx store.Tx, size uint64) (string, error) {
	return func(tx store.Tx, size uint64) (string, error) { return k.lacks(tx, role, size) }
}

// lacks says what a log of that size does not have, as the stores of the process show; ""
// if nothing.
func (k *Keeper) lacks(tx store.Tx, role string, size uint64) (string, error) {
	for _, r := range k.read[role] {
		if what, err := r.Lacks(tx, size); err != nil || what != "" {
			return what, err
		}
	}
	anew, err := Anew(tx)
	if err != nil || !anew && !(role == first && size == 0 && k.written) {
		return "", err
	}
	return "its store was made anew, and others have entries: what it had is lost", nil
}

// waits is for what a log waits that came from a backup.
func (k *Keeper) waits() string {
	if k.Above {
		return "it was restored from a backup, and the installation above has not said how much it has of it"
	}
	return "it was restored from a backup, and no installation above can say what it lacks: open a new era"
}

// Committed tells those who wait for the log's entries, and notes how long it is.
func (k *Keeper) Committed(log *feed.Log) {
	log.Committed()
	k.Marks.Reached(log.Origin(), log.Durable())
}
