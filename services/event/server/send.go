package server

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/event/secret"
	"github.com/duban-project/duban/services/event/target"
	"github.com/duban-project/duban/services/internal/store"
)

// Sender posts to the addresses that a policy allows.
type Sender interface {
	Send(ctx context.Context, url string, header http.Header, body []byte) target.Answer
}

// try is one try of a delivery and what came of it.
type try struct {
	delivery
	outcome  event.Outcome
	failure  string
	at       time.Time // when it ended
	jitter   float64
	withheld bool // the owner may read the event no more
}

// send makes the deliveries, all at once, and waits for them. What the owner may
// read is asked before, one after the other.
func (l *lane) send(ctx context.Context, r reader, due []delivery) []try {
	tried := make([]try, len(due))
	var wait sync.WaitGroup
	for i, d := range due {
		e, err := l.told(ctx, r, d)
		tried[i] = try{delivery: d, at: l.book.Clock(), jitter: l.Jitter(), withheld: e == nil && err == nil}
		switch {
		case err != nil:
			slog.WarnContext(ctx, "reading an event for a webhook", "webhook", l.webhook, "error", err)
			tried[i].failure = "internal"
		case e != nil:
			wait.Go(func() { l.post(ctx, r, e, &tried[i]) })
		}
	}
	wait.Wait()
	return tried
}

// post makes one delivery and notes what came of it.
func (l *lane) post(ctx context.Context, r reader, e *eventv1.Event, t *try) {
	answer := l.call(ctx, r, e)
	t.at, t.failure = l.book.Clock(), answer.Failure
	t.outcome = event.Outcome{Status: answer.Status, RetryAfter: answer.RetryAfter}
	if t.failure == "" && !t.outcome.Delivered() {
		t.failure = "status"
	}
}

// call sends one event, signed with every key that signs now.
func (l *lane) call(ctx context.Context, r reader, e *eventv1.Event) target.Answer {
	body, err := event.Payload(e, r.webhook.GetFull())
	if err != nil {
		return target.Answer{Failure: "internal"}
	}
	now := l.book.Clock()
	return l.Sender.Send(ctx, r.webhook.GetUrl(), http.Header{
		"Content-Type":      {"application/json"},
		"User-Agent":        {"duban-webhooks/1"},
		"Webhook-Id":        {e.GetId()},
		"Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)},
		"Webhook-Signature": {secret.Sign(e.GetId(), now, body, r.keys...)},
	}, body)
}

// told is the event of a delivery, or nil if the owner may read it no more.
func (l *lane) told(ctx context.Context, r reader, d delivery) (e *eventv1.Event, err error) {
	if d.event == 0 {
		at := d.is.GetCreateTime() // the same for every try
		return &eventv1.Event{Id: d.is.GetEvent(), Type: event.Ping, Time: at, EffectiveTime: at, Subject: l.webhook, Unit: r.webhook.GetUnit()}, nil
	}
	if r.Access == nil {
		return nil, nil
	}
	err = l.book.Store.View(ctx, func(tx store.Tx) error {
		e, err = l.find(tx, r, d)
		return err
	})
	return e, err
}

func (l *lane) find(tx store.Tx, r reader, d delivery) (*eventv1.Event, error) {
	r.Types = nil // what was queued is sent, whatever is wanted from now on
	kept, err := r.Find(tx, d.event)
	if kept == nil || err != nil {
		return nil, err
	}
	era, err := order.Era(tx)
	if err != nil {
		return nil, err
	}
	e, err := kept.Tell()
	e.Cursor = l.cursor(era, d.event)
	return e, err
}
