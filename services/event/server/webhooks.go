package server

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/event/secret"
	"github.com/duban-project/duban/services/event/target"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// overlap is how long the secret before a rotation signs too, unless the owner
// says otherwise.
const overlap = 24 * time.Hour

// supervised are the methods by which an administrator over the unit may look
// after a webhook of somebody else. Nobody but the owner says where it sends or
// gets its secret: what is sent is what the owner may read.
var supervised = []string{"GetWebhook", "ListWebhooks", "DeleteWebhook", "DisableWebhook", "ListDeliveries", "DiscardDeliveries"}

// mayWebhook decides about a webhook: its owner, by a key that carries the roles with
// which it sends, and for some methods the administrators over its unit. To everyone else
// it is not there, as who turns it elsewhere reads what it sends.
func mayWebhook(tx *change.Tx, w *eventv1.Webhook) error {
	a := tx.Access
	owner := a.Principal.Service() != "" || a.Principal.Name == w.GetOwner() && a.Principal.Carries(w.GetRoles())
	looksAfter := slices.ContainsFunc(supervised, func(method string) bool { return a.Method.FullName == service+method }) &&
		a.Holds(w.GetUnit(), accessv1.Role_ROLE_SYSTEM_ADMIN)
	if !owner && !looksAfter {
		return authz.ErrNotFound
	}
	return tx.Check(w.GetUnit())
}

// deleted webhooks are kept, as deliveries of them are under way.
func deleted(w *eventv1.Webhook) bool { return w.GetState() == eventv1.Webhook_STATE_DELETED }

// typesOf is where a request names the types that a webhook is for.
const typesOf = "webhook.types"

// service is the beginning of the full names of all methods.
const service = "/duban.event.v1.EventService/"

// checkTarget refuses an address that may not be called, before the change.
func (s *Service) checkTarget(url string) change.Option {
	return change.Before(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return refusal(s.Targets.Check(ctx, url))
	})
}

// refusal is what a policy says, as the caller may act on it.
func refusal(err error) error {
	var r *target.Refusal
	if errors.As(err, &r) {
		return event.ErrURL.Say("problem", r.Zh, r.En).At("webhook.url", r.Zh, r.En)
	}
	return err
}

// CreateWebhook implements the RPC.
func (s *Service) CreateWebhook(ctx context.Context, req *eventv1.CreateWebhookRequest) (*eventv1.IssuedWebhook, error) {
	asked := req.GetWebhook()
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*eventv1.IssuedWebhook, error) {
		if err := event.CheckTypes(s.types, asked.GetTypes(), nil, typesOf); err != nil {
			return nil, err
		}
		if err := s.room(tx); err != nil {
			return nil, err
		}
		at, err := s.beginning(tx, req.GetAfter())
		if err != nil {
			return nil, err
		}
		name := "webhooks/" + tx.NewID()
		if err := (queue{Position: at, Next: 1}).put(tx, name); err != nil {
			return nil, err
		}
		p := tx.Access.Principal
		w := event.New(name, asked, &eventv1.Webhook{Owner: p.Name, Roles: p.Roles, ApiKey: p.Key})
		return s.issue(tx, w, secrets{})
	}, change.In(asked.GetUnit()), s.checkTarget(asked.GetUrl()))
}

// room refuses more webhooks than there may be, of the caller and of all. Those that
// were deleted have no queue.
func (s *Service) room(tx *change.Tx) error {
	all, own := 0, 0
	for e, err := range tx.Scan(queuesBucket, nil, nil) {
		if err != nil {
			return err
		}
		w, err := s.webhooks.Find(tx, string(e.Key))
		if err != nil {
			return err
		}
		if all++; w.GetOwner() == tx.Access.Principal.Name {
			own++
		}
	}
	switch {
	case own >= event.OwnWebhooks:
		return event.ErrTooMany.With("limit", strconv.Itoa(event.OwnWebhooks)).Say("whose", "每个使用者", "one owner")
	case all >= event.Webhooks:
		return event.ErrTooMany.With("limit", strconv.Itoa(event.Webhooks)).Say("whose", "本系统", "the installation")
	}
	return nil
}

// beginning is the number behind which a new webhook begins: that of a cursor, or
// the newest.
func (s *Service) beginning(tx store.Tx, cursor string) (uint64, error) {
	if cursor == "" {
		return order.Head(tx)
	}
	return s.position(tx, cursor)
}

// issue stores a webhook with a new secret beside what it had.
func (s *Service) issue(tx *change.Tx, w *eventv1.Webhook, before secrets) (*eventv1.IssuedWebhook, error) {
	key := secret.New()
	before.Current = s.Vault.Seal(w.GetName(), key)
	if err := before.put(tx, w.GetName()); err != nil {
		return nil, err
	}
	w, err := s.webhooks.Put(tx, w)
	return &eventv1.IssuedWebhook{Webhook: w, Secret: secret.Text(key)}, err
}

// RotateWebhookSecret implements the RPC.
func (s *Service) RotateWebhookSecret(ctx context.Context, req *eventv1.RotateWebhookSecretRequest) (*eventv1.IssuedWebhook, error) {
	return change.On(ctx, &s.webhooks, req, func(tx *change.Tx, w *eventv1.Webhook) (*eventv1.IssuedWebhook, error) {
		kept, err := readSecrets(tx, w.GetName())
		if err != nil {
			return nil, err
		}
		lasts := overlap
		if req.GetOverlap() != nil {
			lasts = req.GetOverlap().AsDuration()
		}
		now := s.book.Clock()
		before, err := kept.retired(now, lasts)
		if err != nil {
			return nil, err
		}
		w.OverlapEndTime = timestamppb.New(before.end(now))
		return s.issue(tx, w, before)
	})
}

// GetWebhook implements the RPC.
func (s *Service) GetWebhook(ctx context.Context, req *eventv1.GetWebhookRequest) (*eventv1.Webhook, error) {
	return s.webhooks.Get(ctx, req.GetName())
}

// ListWebhooks implements the RPC.
func (s *Service) ListWebhooks(ctx context.Context, req *eventv1.ListWebhooksRequest) (*eventv1.ListWebhooksResponse, error) {
	list, next, err := s.webhooks.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*eventv1.Webhook, error], error) {
		return s.webhooks.Scan(tx, after, ""), nil
	})
	return &eventv1.ListWebhooksResponse{Webhooks: list, NextPageToken: next}, err
}

// UpdateWebhook implements the RPC.
func (s *Service) UpdateWebhook(ctx context.Context, req *eventv1.UpdateWebhookRequest) (*eventv1.Webhook, error) {
	var options []change.Option
	if url := req.GetWebhook().GetUrl(); url != "" {
		options = append(options, s.checkTarget(url))
	}
	return s.webhooks.ChangeAs(ctx, req, req.GetWebhook(), func(_ *change.Tx, w *eventv1.Webhook) (*eventv1.Webhook, error) {
		next, err := change.Masked(w, req.GetWebhook(), req.GetUpdateMask(), event.Fields...)
		if err != nil {
			return nil, err
		}
		return next, event.CheckTypes(s.types, next.GetTypes(), w.GetTypes(), typesOf)
	}, options...)
}

// move is the change of a webhook's state by somebody.
func (s *Service) move(ctx context.Context, req change.Named, m event.Move) (*eventv1.Webhook, error) {
	return s.webhooks.Change(ctx, req, func(tx *change.Tx, w *eventv1.Webhook) (*eventv1.Webhook, error) {
		moved, err := event.Next(w, m)
		if err != nil {
			return nil, err
		}
		return moved, s.follows(tx, w.GetName(), m)
	})
}

// follows does what a move means for what waits to be sent.
func (s *Service) follows(tx *change.Tx, name string, m event.Move) error {
	switch m {
	case event.Deleting:
		return forget(tx, name)
	case event.Enabling:
		return changeQueue(tx, name, func(q *queue) error {
			q.Failing, q.Resume, q.Busy, q.Lost = 0, 0, 0, 0
			return nil
		})
	}
	return nil
}

// DeleteWebhook implements the RPC.
func (s *Service) DeleteWebhook(ctx context.Context, req *eventv1.DeleteWebhookRequest) (*eventv1.Webhook, error) {
	return s.move(ctx, req, event.Deleting)
}

// EnableWebhook implements the RPC.
func (s *Service) EnableWebhook(ctx context.Context, req *eventv1.EnableWebhookRequest) (*eventv1.Webhook, error) {
	return s.move(ctx, req, event.Enabling)
}

// DisableWebhook implements the RPC.
func (s *Service) DisableWebhook(ctx context.Context, req *eventv1.DisableWebhookRequest) (*eventv1.Webhook, error) {
	return s.move(ctx, req, event.Disabling)
}

// SuspendWebhook implements the RPC.
func (s *Service) SuspendWebhook(ctx context.Context, req *eventv1.SuspendWebhookRequest) (*eventv1.Webhook, error) {
	return s.webhooks.Change(ctx, req, func(_ *change.Tx, w *eventv1.Webhook) (*eventv1.Webhook, error) {
		return event.Suspend(w, req.GetCause()), nil
	})
}

// ReplayWebhook implements the RPC.
func (s *Service) ReplayWebhook(ctx context.Context, req *eventv1.ReplayWebhookRequest) (*eventv1.Webhook, error) {
	return s.webhooks.Change(ctx, req, func(tx *change.Tx, w *eventv1.Webhook) (*eventv1.Webhook, error) {
		at, err := s.position(tx, req.GetAfter())
		if err != nil {
			return nil, err
		}
		return w, changeQueue(tx, w.GetName(), func(q *queue) error {
			q.Position = at
			return nil
		})
	})
}
