package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

const (
	// together is how many deliveries to one webhook are on their way at once.
	together = 8
	// leap is how many events that are not for a webhook it passes over before it
	// notes that: until then a restart only looks at them again.
	leap = 1_000
	// idle is how long a lane sleeps when nothing wakes it.
	idle = time.Minute
)

// lane sends to one webhook. A webhook that is slow or down holds up its own
// lane and no other.
type lane struct {
	*Service
	webhook string
	nudged  *bell // when the webhook has changed

	position, seen uint64 // the queue's position, and how far was looked beyond it
}

// run sends until ctx is done. What goes wrong here is tried again, ever more
// rarely: only the store itself may end the process.
func (l *lane) run(ctx context.Context) error {
	defer l.troubles.set(l.webhook, nil)
	failed := 0
	for {
		nudged, rung := l.nudged.next(), l.rung.next()
		pause, err := l.round(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, store.ErrUnknown):
			return err
		case err != nil:
			failed++
			slog.WarnContext(ctx, "sending to a webhook", "webhook", l.webhook, "error", err)
			rung, pause = nil, event.Breath(failed)
		default:
			failed = 0
		}
		l.troubles.set(l.webhook, err)
		sleep(ctx, pause, nudged, rung)
	}
}

// sleep waits until there may be something to do, or ctx is done.
func sleep(ctx context.Context, pause time.Duration, nudged, rung <-chan struct{}) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-nudged:
	case <-rung: // often many at a time
		_ = feed.Pause(ctx, pace)
	case <-timer.C:
	case <-ctx.Done():
	}
}

// round queues what is new and sends what is due. It says when to look again.
func (l *lane) round(ctx context.Context) (time.Duration, error) {
	reader, err := l.reader(ctx)
	if err != nil {
		return idle, err
	}
	if reader.webhook.GetState() != eventv1.Webhook_STATE_ENABLED {
		return idle, nil
	}
	more, err := l.fill(ctx, reader)
	if err != nil {
		return idle, err
	}
	due, pause, err := l.due(ctx, reader)
	if err != nil {
		return idle, err
	}
	if len(due) == 0 {
		if more {
			return 0, nil
		}
		return pause, nil
	}
	return 0, l.settle(ctx, l.send(ctx, reader, due))
}

// reader is what a lane knows for one round: the webhook, and what its owner may
// read now. Without an access the owner may read nothing.
type reader struct {
	webhook *eventv1.Webhook
	keys    [][]byte
	order.Search
}

// listing is the method by whose rule owners read what is sent to them.
const listing = service + "ListEvents"

func (l *lane) reader(ctx context.Context) (r reader, err error) {
	var kept secrets
	err = l.book.Store.View(ctx, func(tx store.Tx) error {
		if r.webhook, err = l.table.Get(tx, l.webhook); err != nil {
			return err
		}
		if r.webhook.GetState() != eventv1.Webhook_STATE_ENABLED {
			return nil
		}
		kept, err = readSecrets(tx, l.webhook)
		return err
	})
	if err != nil || r.webhook.GetState() != eventv1.Webhook_STATE_ENABLED {
		return r, err
	}
	w := r.webhook
	if w.GetUrl() == "" {
		return r, errAddress
	}
	if r.keys, err = l.keys(kept, l.webhook, l.book.Clock()); err != nil {
		return r, err
	}
	owner := authn.Principal{Name: w.GetOwner(), Key: w.GetApiKey(), Roles: w.GetRoles(), Unit: w.GetUnit()}
	r.Search = order.Search{Tree: l.Tree, Types: w.GetTypes(), Unit: w.GetUnit(), Campaign: w.GetCampaign()}
	r.Access, err = l.enter(ctx, owner)
	return r, err
}

// enter is the owner's right on the newest tree; nil if it holds none.
func (l *lane) enter(ctx context.Context, owner authn.Principal) (*authz.Access, error) {
	if err := l.Tree.CatchUp(ctx); err != nil {
		return nil, err
	}
	access, err := authz.Enter(l.Tree, l.listing, owner)
	if errors.Is(err, authz.ErrDenied) {
		return nil, nil
	}
	return access, err
}

// fill queues the events behind the queue's position, and moves that in the same
// transaction: each is queued once. More says that not all were looked at.
func (l *lane) fill(ctx context.Context, r reader) (more bool, err error) {
	if r.Access == nil {
		return false, nil
	}
	page, room, err := l.look(ctx, r)
	if err != nil || room == 0 {
		return false, err
	}
	l.seen = max(l.seen, page.Next)
	if len(page.Events) == 0 && l.seen-l.position < leap {
		return !page.Current, nil
	}
	err = l.book.Store.Update(ctx, func(tx store.Tx) error {
		return changeQueue(tx, l.webhook, func(q *queue) error { return l.enqueue(tx, q, page) })
	})
	return !page.Current, err
}

// look reads the events that are to be queued next, as many as there is room for.
func (l *lane) look(ctx context.Context, r reader) (page order.Page, room int, err error) {
	err = l.book.Store.View(ctx, func(tx store.Tx) error {
		q, err := readQueue(tx, l.webhook)
		if err != nil {
			return err
		}
		if room = int(waitingMost - q.Pending); room <= 0 {
			room = 0
			return nil
		}
		if q.Position != l.position || l.seen < l.position {
			l.position, l.seen = q.Position, q.Position
		}
		page, err = r.Read(tx, l.seen, min(room, together*together))
		return err
	})
	return page, room, err
}

// enqueue queues a page of events, unless a replay has moved the position since
// they were read.
func (l *lane) enqueue(tx store.Tx, q *queue, page order.Page) error {
	if q.Position != l.position {
		return nil
	}
	for _, e := range page.Events {
		told, err := e.Tell()
		if err != nil {
			return err
		}
		_, err = q.enqueue(tx, l.webhook, e.Number, &eventv1.Delivery{
			Event: told.GetId(), Type: told.GetType(), Subject: told.GetSubject(),
		}, l.book.Clock())
		if err != nil {
			return err
		}
	}
	q.Position = l.seen
	return nil
}

// due are the deliveries to be sent now: of each resource the first that waits,
// and not more than may be on their way. If there are none, pause says when to
// look again.
func (l *lane) due(ctx context.Context, r reader) (due []delivery, pause time.Duration, err error) {
	now, pause := l.book.Clock(), idle
	err = l.book.Store.View(ctx, func(tx store.Tx) error {
		q, err := readQueue(tx, l.webhook)
		if err != nil {
			return err
		}
		if rest := time.Unix(0, q.Resume).Sub(now); rest > 0 {
			pause = min(pause, rest)
			return nil
		}
		taken := map[string]bool{}
		for d, err := range deliveries(tx, l.webhook, 0) {
			if err != nil {
				return err
			}
			if d.is.GetState() != eventv1.Delivery_STATE_PENDING || taken[d.line()] {
				continue
			}
			taken[d.line()] = true
			if rest := d.is.GetNextTime().AsTime().Sub(now); rest > 0 {
				pause = min(pause, rest)
			} else if due = append(due, d); len(due) == together {
				return nil
			}
		}
		return nil
	})
	return due, pause, err
}
