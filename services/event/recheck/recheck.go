// Package recheck makes the order of events anew from the feeds, up to where each is
// taken in, and holds what event keeps against it: which entries have become events, in
// the order of their own feed, whose they are, and which units have them. In which order
// those of two feeds came nobody can say afterwards, and any is right. It shares no code
// with those who write, but for the rule of whose an entry is, and changes nothing.
package recheck

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// The buckets: events and units as package order has them, how far each feed is taken in,
// the queues of webhooks, which begin with the last event that was looked at, and their records.
const (
	events  = "event.events"
	units   = "event.units"
	cursors = "event.cursors"
	heads   = "event.head"
	queues  = "event.queues"
	records = "duban.event.v1.Webhook"
)

// ErrDifferent says that something is kept that is not as the feeds say. Every other
// error says that the check could not be finished.
var ErrDifferent = errors.New("events: what is kept is not as the feeds say")

func differs(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDifferent, fmt.Sprintf(format, args...))
}

// Events returns the first difference of what kept, the store of event, has of the feeds
// that it follows, which stores have by service, kept perhaps among them. It answers how
// many entries are not taken in yet: that is no difference, also if it is all of them.
func Events(ctx context.Context, kept store.Engine, stores map[string]store.Engine) (waiting uint64, err error) {
	c := check{ctx: ctx}
	err = kept.View(ctx, func(tx store.Tx) error {
		c.tx = tx
		return c.open(slices.Sorted(maps.Keys(stores)), func(role string, use func(store.Tx) error) error {
			if stores[role] == kept {
				return use(tx)
			}
			return stores[role].View(ctx, use)
		})
	})
	return c.waiting, err
}

// check is one run.
type check struct {
	ctx     context.Context
	tx      store.Tx // of event
	feeds   []*reading
	waiting uint64
	head    uint64 // the newest number
	listed  uint64 // rows that units must have
}

// open reads the feeds of the roles, one within the view of the other, and then checks.
func (c *check) open(roles []string, view func(role string, use func(store.Tx) error) error) error {
	if len(roles) == 0 {
		return c.all()
	}
	return view(roles[0], func(tx store.Tx) error {
		size, err := sizeOf(tx)
		if err != nil {
			return err
		}
		until, err := c.taken(roles[0], size, tx)
		if err != nil {
			return err
		}
		c.waiting += size - until
		c.feeds = append(c.feeds, &reading{service: roles[0], tx: tx, until: until})
		return c.open(roles[1:], view)
	})
}

// taken is how many entries of a service's feed are taken in, the last of which stands
// there.
func (c *check) taken(service string, size uint64, tx store.Tx) (uint64, error) {
	b, there, err := store.Seek(c.tx, cursors, []byte(service))
	if err != nil || !there {
		return 0, err
	}
	if len(b) != 8 && len(b) != 24 {
		return 0, differs("%s has under %q what is no number", cursors, service)
	}
	until := binary.BigEndian.Uint64(b)
	if until > size {
		return 0, differs("%d entries of %s are taken in, and its feed has %d", until, service, size)
	}
	if len(b) == 8 || until == 0 {
		return until, nil
	}
	e, err := entryAt(tx, service, until-1)
	if err == nil && !bytes.Equal(e.GetId(), b[8:]) {
		err = differs("%d entries of %s are taken in, and the last was another", until, service)
	}
	return until, err
}

// number reads one that event keeps, 0 if there is none.
func (c *check) number(bucket, key string) (uint64, error) {
	b, there, err := store.Seek(c.tx, bucket, []byte(key))
	if err != nil || !there {
		return 0, err
	}
	if len(b) != 8 {
		return 0, differs("%s has under %q what is no number", bucket, key)
	}
	return binary.BigEndian.Uint64(b), nil
}

// sizeOf is how many entries a feed has.
func sizeOf(tx store.Tx) (uint64, error) {
	b, there, err := store.Seek(tx, feed.MetaBucket, []byte(feed.HeadKey))
	if err != nil || !there {
		return 0, err
	}
	if len(b) < 8 {
		return 0, differs("the head of a feed cannot be read")
	}
	return binary.BigEndian.Uint64(b), nil
}

func (c *check) all() error {
	for _, step := range []func() error{c.followed, c.order, c.ends, c.lists, c.webhooks} {
		if err := errors.Join(c.ctx.Err(), step()); err != nil {
			return err
		}
	}
	return nil
}

// followed looks whether there is a feed for each cursor.
func (c *check) followed() error {
	for row, err := range c.tx.Scan(cursors, nil, nil) {
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(c.feeds, func(r *reading) bool { return r.service == string(row.Key) }) {
			return differs("%s has %q, and there is no such feed", cursors, row.Key)
		}
	}
	return nil
}

// order holds each event against the next entries of the feeds.
func (c *check) order() error {
	for row, err := range c.tx.Scan(events, nil, nil) {
		if err := errors.Join(err, c.ctx.Err()); err != nil {
			return err
		}
		if c.head++; !bytes.Equal(row.Key, store.Number(c.head)) {
			return differs("%s has %x where event %d should be", events, row.Key, c.head)
		}
		if err := c.event(row.Value); err != nil {
			return err
		}
	}
	return nil
}

// event looks for the feed whose next entry the newest event is, and for its units' rows.
func (c *check) event(value []byte) error {
	for _, r := range c.feeds {
		if err := r.ahead(); err != nil {
			return err
		}
		if r.entry == nil || !bytes.Contains(value, r.entry.GetId()) {
			continue
		}
		if !r.is(value) {
			return differs("event %d is not entry %d of %s as it stands there", c.head, r.next-1, r.service)
		}
		for _, unit := range r.units() {
			c.listed++
			row, there, err := store.Seek(c.tx, units, listKey(unit, c.head))
			if err != nil {
				return err
			}
			if !there || len(row) > 0 {
				return differs("%s does not have event %d under %s", units, c.head, unit)
			}
		}
		r.entry = nil
		return nil
	}
	return differs("event %d is not the next entry of any feed that is taken in", c.head)
}

func listKey(unit string, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(unit+"\x00"), n)
}

// named is what the name of an order looks like.
var named = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// ends looks for entries without an event behind the newest, and at what is said of it.
func (c *check) ends() error {
	for _, r := range c.feeds {
		if err := r.ahead(); err != nil {
			return err
		}
		if r.entry != nil {
			return differs("entry %d of %s is taken in and is no event", r.next-1, r.service)
		}
	}
	head, err := c.number(heads, "head")
	if err != nil {
		return err
	}
	if head != c.head {
		return differs("%s says %d events, and there are %d", heads, head, c.head)
	}
	era, _, err := store.Seek(c.tx, heads, []byte("era"))
	if err == nil && c.head > 0 && !named.Match(era) {
		err = differs("%s does not say which order this is: %q is no name of one", heads, era)
	}
	return err
}

// lists counts the rows of units, of which those that must be there were seen.
func (c *check) lists() error {
	n := uint64(0)
	for _, err := range c.tx.Scan(units, nil, nil) {
		if err := errors.Join(err, c.ctx.Err()); err != nil {
			return err
		}
		n++
	}
	if n != c.listed {
		return differs("%s has %d rows, and the events account for %d", units, n, c.listed)
	}
	return nil
}

// webhooks looks whether any passes over events to come, and whether each that is not
// deleted has a queue, and no other.
func (c *check) webhooks() error {
	for row, err := range c.tx.Scan(queues, nil, nil) {
		if err != nil {
			return err
		}
		if len(row.Value) < 8 || binary.BigEndian.Uint64(row.Value) > c.head {
			return differs("%s has %s behind the last event", queues, row.Key)
		}
	}
	for row, err := range c.tx.Scan(records, nil, nil) {
		if err != nil {
			return err
		}
		w := &eventv1.Webhook{}
		if proto.Unmarshal(row.Value, w) != nil {
			continue // it is wrong, and said to be
		}
		deleted := w.GetState() == eventv1.Webhook_STATE_DELETED
		switch _, there, err := store.Seek(c.tx, queues, row.Key); {
		case err != nil:
			return err
		case there && deleted:
			return differs("%s has a row of %s, which is deleted", queues, row.Key)
		case !there && !deleted:
			return differs("%s has no row of %s, without which nothing is delivered to it", queues, row.Key)
		}
	}
	return nil
}
