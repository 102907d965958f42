package suite

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// takeBack lets a log take over the rest of the tail that it was being given when
// the process ended. If it cannot it is held, and is given the tail anew.
func (s *Suite) takeBack(ctx context.Context, role string) {
	src := s.feeds[role]
	taken, err := s.recovery().Logs[role].Finish(ctx)
	switch {
	case err != nil:
		src.Log.Hold("it has only a part of the tail that it had lost")
		s.Log().Error("the log cannot take over the tail that came: nothing is written to it", "feed", role, "error", err)
	case taken.Entries > 0:
		s.Log().Warn("the log has the rest of its tail; what is sealed and was not pushed is missing", "feed", role, "entries", taken.Entries, "missing", taken.Missing)
	}
}

// hold lets a log make no entries that is shorter than it has been, or came from a
// backup after which it may have had more; it notes how long it is else.
func (s *Suite) hold(role string) error {
	src := s.feeds[role]
	return src.Engine.View(context.Background(), func(tx store.Tx) error {
		size, err := src.Log.Size(tx)
		if err != nil {
			return err
		}
		of, era, _ := feed.SplitOrigin(src.Log.Origin())
		switch mark := s.marks.Of(src.Log.Origin()); {
		case size < mark:
			src.Log.Hold(fmt.Sprintf("it had %d entries, and has %d", mark, size))
			s.Log().Error("the log has lost its tail: nothing is written to it", "feed", role, "size", size, "was", mark)
		case s.restored.Waits(role):
			why := map[bool]string{
				true: "it was restored from a backup, and the installation above has not said how much it has of it", false: "it was restored from a backup, and no installation above can say what it lacks: open a new era",
			}[s.config.Federation.above()]
			src.Log.Hold(why)
			s.Log().Warn("nothing is written to the log", "feed", role, "why", why, "size", size, "file", filepath.Join(s.config.Data, recovery.RestoredFile))
			s.marks.Forget(of, era) // whoever decides on it may take it back into this one
		case s.marks.Era(of) > era:
			src.Log.Hold(fmt.Sprintf("it is in the era %d, and was in %d", era, s.marks.Era(of)))
			s.Log().Error("the log is of an era that has ended: nothing is written to it", "feed", role, "was", s.marks.Era(of))
		}
		s.marks.Reached(src.Log.Origin(), size)
		return nil
	})
}

// committed tells those who wait for the log's entries, and notes how long it is.
func (s *Suite) committed(log *feed.Log) {
	log.Committed()
	s.marks.Reached(log.Origin(), log.Durable())
}
