package server

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/seat"
	"github.com/duban-project/duban/services/internal/store"
)

// pace is how long a reader that waits looks away after it was woken in vain.
const pace = 100 * time.Millisecond

// ListEvents implements the RPC. It waits outside of any View.
func (s *Service) ListEvents(ctx context.Context, req *eventv1.ListEventsRequest) (*eventv1.ListEventsResponse, error) {
	if err := event.CheckTypes(s.types, req.GetTypes(), nil, "types"); err != nil {
		return nil, err
	}
	access := authz.From(ctx)
	q := order.Search{Access: access, Tree: s.Tree, Types: req.GetTypes(), Unit: req.GetUnit(), Campaign: req.GetCampaign()}
	waiting, cancel := s.waiting(ctx, req.GetWait().AsDuration())
	defer cancel()
	after := req.GetAfter()
	for {
		rung := s.rung.next()
		res, err := s.list(ctx, q, after, page.Size(req.GetPageSize()))
		if err != nil || len(res.GetEvents()) > 0 || !res.GetCurrent() || req.GetWait().AsDuration() <= 0 {
			return res, err
		}
		if err := seat.Leave(ctx); err != nil {
			return nil, err
		}
		select {
		case <-rung:
		case <-waiting.Done():
			return res, ctx.Err()
		}
		if feed.Pause(waiting, pace) != nil {
			return res, ctx.Err()
		}
		after = res.GetNext()
	}
}

// waiting ends with ctx, when the time is over and when the process stops.
func (s *Service) waiting(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	go func() {
		select {
		case <-s.Stopping:
			cancel()
		case <-waiting.Done():
		}
	}()
	return waiting, cancel
}

// list reads one page in a View of its own, by what the reader holds now. The
// tree is brought up to date before: an event that is passed over because the
// tree does not know its unit yet would be lost to the reader.
func (s *Service) list(ctx context.Context, q order.Search, after string, size int) (*eventv1.ListEventsResponse, error) {
	if err := q.Access.Renew(ctx); err != nil {
		return nil, fmt.Errorf("bringing the tree up to date: %w", err)
	}
	if q.Unit != "" {
		if err := q.Access.Check(q.Unit); err != nil {
			return nil, err
		}
	}
	res := &eventv1.ListEventsResponse{}
	err := s.book.Store.View(ctx, func(tx store.Tx) error {
		from, err := s.position(tx, after)
		if err != nil {
			return err
		}
		era, err := order.Era(tx)
		if err != nil {
			return err
		}
		found, err := q.Read(tx, from, size)
		if err != nil {
			return err
		}
		for _, e := range found.Events {
			told, err := e.Tell()
			if err != nil {
				return fmt.Errorf("telling event %d: %w", e.Number, err)
			}
			told.Cursor = s.cursor(era, e.Number)
			res.Events = append(res.Events, told)
		}
		res.Next, res.Current = s.cursor(era, found.Next), found.Current
		return nil
	})
	return res, err
}

// anyQuery is what cursors are bound to: they hold for every filter.
var anyQuery = &eventv1.ListEventsRequest{}

// cursor leads behind the event of that number in the order.
func (s *Service) cursor(era string, n uint64) string {
	if n == 0 {
		return ""
	}
	return s.book.Tokens.Encode(era+"/"+strconv.FormatUint(n, 10), anyQuery)
}

// position is the number that a cursor leads behind.
func (s *Service) position(tx store.Tx, cursor string) (uint64, error) {
	if cursor == "" {
		return 0, nil
	}
	refused := event.ErrCursor.At("after", "不是本接口返回的游标", "is no cursor that was given here")
	text, err := s.book.Tokens.Decode(cursor, anyQuery)
	if err != nil {
		return 0, refused
	}
	of, n, _ := strings.Cut(text, "/")
	era, err := order.Era(tx)
	if err != nil {
		return 0, err
	}
	at, err := strconv.ParseUint(n, 10, 64)
	if err != nil || of != era {
		return 0, refused
	}
	return at, nil
}
