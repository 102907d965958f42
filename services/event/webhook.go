package event

import (
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// Move is something that happens to a webhook.
type Move string

// The moves of a webhook. Some change no state; the table says from which they
// may be done.
const (
	Enabling   Move = "enable / 启用"
	Disabling  Move = "disable / 停用"
	Suspending Move = "suspend / 自动停用"
	Deleting   Move = "delete / 删除"
	Pinging    Move = "ping / 测试推送"
)

// Life says which moves are allowed from which state.
var Life = lifecycle.Table[eventv1.Webhook_State, Move]{
	eventv1.Webhook_STATE_ENABLED: {
		Disabling:  eventv1.Webhook_STATE_DISABLED,
		Suspending: eventv1.Webhook_STATE_SUSPENDED,
		Deleting:   eventv1.Webhook_STATE_DELETED,
		Pinging:    eventv1.Webhook_STATE_ENABLED,
	},
	eventv1.Webhook_STATE_DISABLED: {
		Enabling: eventv1.Webhook_STATE_ENABLED,
		Deleting: eventv1.Webhook_STATE_DELETED,
	},
	eventv1.Webhook_STATE_SUSPENDED: {
		Enabling:  eventv1.Webhook_STATE_ENABLED,
		Disabling: eventv1.Webhook_STATE_DISABLED,
		Deleting:  eventv1.Webhook_STATE_DELETED,
	},
}

// Webhooks is how many an installation may have, so that their workers and
// connections are bounded.
const Webhooks = 200

// OwnWebhooks is how many of these one owner may have, so that none takes all.
const OwnWebhooks = 10

// Fields are those that an owner may change.
var Fields = []string{"display_name", "url", "types", "campaign", "full"}

// New returns the webhook that asked describes, under name. The key, its roles and
// its owner are those of who makes it.
func New(name string, asked, by *eventv1.Webhook) *eventv1.Webhook {
	return &eventv1.Webhook{
		Name: name, DisplayName: asked.GetDisplayName(), Unit: asked.GetUnit(), Url: asked.GetUrl(), Types: asked.GetTypes(),
		Campaign: asked.GetCampaign(), Full: asked.GetFull(),
		Owner: by.GetOwner(), Roles: by.GetRoles(), ApiKey: by.GetApiKey(), State: eventv1.Webhook_STATE_ENABLED,
	}
}

// Next returns w after a move by somebody.
func Next(w *eventv1.Webhook, m Move) (*eventv1.Webhook, error) {
	w, err := lifecycle.Move(Life, w, m, ErrIllegalMove)
	if err != nil {
		return nil, err
	}
	w.Cause = eventv1.Webhook_CAUSE_UNSPECIFIED
	if m == Deleting {
		w.Url = ""
	}
	return w, nil
}

// Suspend disables w because of its receiver. One that sends no more stays as it
// is.
func Suspend(w *eventv1.Webhook, cause eventv1.Webhook_Cause) *eventv1.Webhook {
	suspended, err := lifecycle.Move(Life, w, Suspending, ErrIllegalMove)
	if err != nil {
		return proto.CloneOf(w)
	}
	suspended.Cause = cause
	return suspended
}
