package upkeep

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/duban-project/duban/services/internal/clock"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/intact"
	"github.com/duban-project/duban/services/internal/marks"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
)

// readings are how far the stores of the roles have read feeds, by feed. A store that is
// damaged or missing says nothing.
func readings(ctx context.Context, c suite.Config, roles []string) (map[string][]intact.Reading, error) {
	all := map[string][]intact.Reading{}
	for _, role := range roles {
		err := readingsOf(ctx, c, role, all)
		if err != nil && !lost(err) {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
	}
	return all, nil
}

func readingsOf(ctx context.Context, c suite.Config, role string, all map[string][]intact.Reading) (err error) {
	engine, err := reopen(ctx, c, role)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	return engine.View(ctx, func(tx store.Tx) error {
		said, err := intact.Readings(tx, role)
		for _, r := range said {
			all[r.Feed] = append(all[r.Feed], r)
		}
		return err
	})
}

// bookmarks looks at what a store keeps of no entry and no record: its version, from
// where its role reads feeds on, and whether it was made anew; and at what others have
// read of its feed.
func bookmarks(ctx context.Context, engine store.Engine, role string, read []intact.Reading, r *fsck.Report) error {
	wrong := adding(r)
	if _, err := store.VersionOf(ctx, engine); errors.Is(err, store.ErrNoVersion) {
		wrong(err.Error())
	}
	return engine.View(ctx, func(tx store.Tx) error {
		for row, err := range tx.Scan(store.VersionBucket, nil, nil) {
			if err != nil {
				return fmt.Errorf("reading %s: %w", store.VersionBucket, err)
			}
			if !store.Says(row.Key) {
				wrong(fmt.Sprintf("%s has under %q what nobody reads", store.VersionBucket, row.Key))
			}
		}
		bucket := role + ".cursors"
		for row, err := range tx.Scan(bucket, nil, nil) {
			if err != nil {
				return fmt.Errorf("reading %s: %w", bucket, err)
			}
			if _, err := feed.ReadPlace(row.Value); err != nil {
				wrong(fmt.Sprintf("%s has under %q what is no number", bucket, row.Key))
			} else if of := intact.FeedOf(row.Key); of != role && !slices.Contains(feedserver.Followed(role), of) {
				wrong(fmt.Sprintf("%s has %q, and %s reads no such feed", bucket, row.Key, role))
			}
		}
		anew, err := intact.Anew(tx)
		if err != nil {
			return err
		}
		if anew {
			wrong("the store was missing, and was made anew when others had entries: what it had is lost")
		}
		return unread(tx, read, r.Entries, wrong)
	})
}

// noted holds the length of a role's log against what lies beside its store: what a start
// would hold the log for. What waits to be taken over counts, as it does then.
func (k *checking) noted(role, origin string, r *fsck.Report) error {
	keeper, err := intact.Open(home(k.config, role))
	if errors.Is(err, marks.ErrDamaged) {
		adding(r)(err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	if what := keeper.Shorter(role, origin, r.Entries+r.Waiting); what != "" {
		adding(r)(what)
	}
	return nil
}

// adding adds findings of no entry to a report.
func adding(r *fsck.Report) func(what string) {
	return func(what string) {
		if r.Wrong++; r.First == nil {
			r.First = &fsck.Finding{Seq: fsck.None, What: what}
		}
	}
}

// clock holds a store against its folder's mark and, if they agree, against the first
// store that did: a simulation has nothing of real time.
func (k *checking) clock(ctx context.Context, engine store.Engine, role string, r *fsck.Report) error {
	return engine.View(ctx, func(tx store.Tx) error {
		err := timely(tx, home(k.config, role))
		if errors.Is(err, store.ErrOtherTime) || errors.Is(err, clock.ErrMark) {
			adding(r)(err.Error())
			return nil
		}
		simulated, noted, said := store.Simulated(tx)
		if err := errors.Join(err, said); err != nil || !noted {
			return err
		}
		if k.first == "" {
			k.first, k.simulated = role, simulated
		}
		if simulated != k.simulated {
			adding(r)(fmt.Sprintf("%v: the store of %s is by the other", store.ErrOtherTime, k.first))
		}
		return nil
	})
}

// timely answers store.ErrOtherTime, with what to do, unless a store is written by the kind
// of clock that its folder is marked for: nothing starts on it.
func timely(tx store.Tx, folder string) error {
	_, marked, err := clock.Marked(folder)
	if err != nil {
		return err
	}
	err = store.CheckTime(tx, marked)
	if errors.Is(err, store.ErrOtherTime) {
		err = fmt.Errorf("%w: %s", err, clock.Doubt(folder, marked))
	}
	return err
}

// unread calls wrong for each reading of what the feed does not have.
func unread(tx store.Tx, read []intact.Reading, size uint64, wrong func(what string)) error {
	for _, by := range read {
		what, err := by.Lacks(tx, size)
		if err != nil {
			what = err.Error() // the entry cannot be read
		}
		if what != "" {
			wrong(what)
		}
	}
	return nil
}
