package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// usage keeps, under each key's id, the last day of its use and, under the first of
// those that share a quota, how often they were used on the last day of that: outside
// of the feed, as it says nothing of any record.
const usage = "key.uses"

// usesEvery is how often what was used is written; what a process that is killed
// had not written is forgotten.
const usesEvery = time.Minute

// line is where the uses stand of all keys that share a quota: before the id of the
// first. No key's id has a slash.
const line = "line/"

// use is the last day of use, of a key or of those that share a quota.
type use struct {
	day   string // YYYY-MM-DD in China
	calls uint64 // of those that share a quota
}

// uses are those that are not written yet, or were asked for since.
type uses struct {
	mu   sync.Mutex
	held map[string]*pending // by where they stand
}

type pending struct {
	use
	unwritten bool
}

// note adds calls to the uses, on the day, of the keys that share k's quota and
// returns how many there are. A key that is asked for is used.
func (u *uses) note(tx store.Tx, k *organizationv1.ApiKey, day string, calls uint32) (uint64, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, err := u.add(tx, idOf(k.GetName()), day, 0); err != nil || k.GetQuota().GetPerDay() == 0 {
		return 0, err
	}
	return u.add(tx, line+idOf(cmp.Or(k.GetFirstKey(), k.GetName())), day, calls)
}

// add adds calls to the uses that stand there.
func (u *uses) add(tx store.Tx, at, day string, calls uint32) (uint64, error) {
	p := u.held[at]
	if p == nil {
		last, err := readUse(tx, at)
		if err != nil {
			return 0, err
		}
		p = &pending{use: last}
		if u.held == nil {
			u.held = map[string]*pending{}
		}
		u.held[at] = p
	}
	if p.day < day { // and never back
		p.use, p.unwritten = use{day: day}, true
	}
	p.calls += uint64(calls)
	p.unwritten = p.unwritten || calls > 0
	return p.calls, nil
}

func idOf(key string) string { return strings.TrimPrefix(key, "apiKeys/") }

// last is the last day of the key's use; empty for none.
func (u *uses) last(tx store.Tx, id string) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if p := u.held[id]; p != nil {
		return p.day, nil
	}
	last, err := readUse(tx, id)
	return last.day, err
}

func parseUse(row []byte) (last use, err error) {
	_, err = fmt.Sscanf(string(row), "%s %d", &last.day, &last.calls)
	return last, err
}

func (u use) row() []byte { return fmt.Appendf(nil, "%s %d", u.day, u.calls) }

func readUse(tx store.Tx, id string) (last use, err error) {
	row, there, err := store.Seek(tx, usage, []byte(id))
	if there {
		last, err = parseUse(row)
	}
	if err != nil {
		return last, fmt.Errorf("reading the uses of a key: %w", err)
	}
	return last, nil
}

// unwritten returns what is to be written.
func (u *uses) unwritten() map[string]use {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := map[string]use{}
	for id, p := range u.held {
		if p.unwritten {
			all[id] = p.use
		}
	}
	return all
}

// forget drops what stands in the store as it is held.
func (u *uses) forget(written map[string]use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, p := range u.held {
		if !p.unwritten || written[id] == p.use {
			delete(u.held, id)
		}
	}
}

// write writes all uses in one transaction. Nothing is locked meanwhile: whoever
// notes a use reads in a transaction of its own.
func (u *uses) write(ctx context.Context, in store.Engine) error {
	all := u.unwritten()
	if len(all) == 0 {
		return nil
	}
	err := in.Update(ctx, func(tx store.Tx) error {
		for id, last := range all {
			if err := tx.Put(usage, []byte(id), last.row()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing the uses of keys: %w", err)
	}
	u.forget(all)
	return nil
}

// Work writes how keys were used, until ctx is done and once more then. A full
// disk is no reason to stop.
func (s *Service) Work(ctx context.Context) error {
	ticker := time.NewTicker(usesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return errors.Join(ctx.Err(), s.writeUses(last))
		case <-ticker.C:
		}
		if err := s.writeUses(ctx); err != nil {
			return err
		}
	}
}

func (s *Service) writeUses(ctx context.Context) error {
	if err := s.uses.write(ctx, s.book.Store); !errors.Is(err, store.ErrFull) {
		return err
	}
	return nil
}

// used is a key as it is shown: with the last day of its use, if that can be read. A day
// that cannot hides no key, which somebody may have to revoke.
func (s *Service) used(tx *change.Tx, k *organizationv1.ApiKey) (*organizationv1.ApiKey, error) {
	day, err := s.uses.last(tx, idOf(k.GetName()))
	if err != nil {
		return k, nil
	}
	k = proto.CloneOf(k)
	k.LastUseDate = day
	return k, nil
}

// today is the day in China by real time, which keys go by.
func (s *Service) today() string { return calendar.On(s.book.Clock()).String() }
