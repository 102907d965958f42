package server

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event"
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
	access := authz.From(ctx)
	q := search{access: access, tree: s.Tree, types: req.GetTypes(), unit: req.GetUnit(), campaign: req.GetCampaign()}
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
func (s *Service) list(ctx context.Context, q search, after string, size int) (*eventv1.ListEventsResponse, error) {
	if err := q.access.Renew(ctx); err != nil {
		return nil, fmt.Errorf("bringing the tree up to date: %w", err)
	}
	if q.unit != "" {
		if err := q.access.Check(q.unit); err != nil {
			return nil, err
		}
	}
	res := &eventv1.ListEventsResponse{}
	err := s.book.Store.View(ctx, func(tx store.Tx) error {
		from, err := s.position(tx, after)
		if err != nil {
			return err
		}
		order, err := era(tx)
		if err != nil {
			return err
		}
		found, err := q.page(tx, from, size)
		if err != nil {
			return err
		}
		for _, e := range found.rows {
			told, err := tell(e)
			if err != nil {
				return fmt.Errorf("telling event %d: %w", e.number, err)
			}
			told.Cursor = s.cursor(order, e.number)
			res.Events = append(res.Events, told)
		}
		res.Next, res.Current = s.cursor(order, found.next), found.current
		return nil
	})
	return res, err
}

// anyQuery is what cursors are bound to: they hold for every filter.
var anyQuery = &eventv1.ListEventsRequest{}

// cursor leads behind the event of that number in the order.
func (s *Service) cursor(order string, n uint64) string {
	if n == 0 {
		return ""
	}
	return s.book.Tokens.Encode(order+"/"+strconv.FormatUint(n, 10), anyQuery)
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
	order, err := era(tx)
	if err != nil {
		return 0, err
	}
	at, err := strconv.ParseUint(n, 10, 64)
	if err != nil || of != order {
		return 0, refused
	}
	return at, nil
}

// tell makes an event of what is kept of it.
func tell(e entry) (*eventv1.Event, error) {
	data, err := public(e.is)
	return &eventv1.Event{
		Id: hex.EncodeToString(e.is.GetId()), Type: e.is.GetKind(), Time: e.is.GetAt(), EffectiveTime: e.is.GetEffective(),
		Unit: e.place.Unit, Campaign: e.place.Campaign, Subject: e.is.GetSubject(), Revision: int64(e.is.GetRev()), Data: data,
	}, err
}

// public is the resource as the API shows it, but for the fields that the feed
// has only commitments of: these are left out rather than shown as empty.
func public(e *feedv1.Entry) (*structpb.Struct, error) {
	body, err := e.GetBody().UnmarshalNew()
	if err != nil {
		return nil, err
	}
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(body)
	if err != nil {
		return nil, err
	}
	data := &structpb.Struct{}
	if err := protojson.Unmarshal(text, data); err != nil {
		return nil, err
	}
	fields := body.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); feed.Label(f) != "" {
			delete(data.Fields, f.JSONName())
		}
	}
	return data, nil
}
