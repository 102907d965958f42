package server

import (
	"errors"
	"sync"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/change"
)

// troubles are the webhooks whose lanes fail by themselves, and why. They are kept
// by no store: the lanes of the next process find out anew.
type troubles struct {
	mu sync.Mutex
	of map[string]eventv1.Webhook_Trouble
}

// set notes what came of a lane's last round.
func (t *troubles) set(webhook string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		delete(t.of, webhook)
	case errors.Is(err, errSealed), errors.Is(err, errAddress):
		t.of[webhook] = eventv1.Webhook_TROUBLE_SECRETS
	default:
		t.of[webhook] = eventv1.Webhook_TROUBLE_INTERNAL
	}
}

// count is how many webhooks there are that nothing is sent to because of it.
func (t *troubles) count() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint64(len(t.of))
}

// show adds to a webhook what keeps it from sending.
func (t *troubles) show(_ *change.Tx, w *eventv1.Webhook) (*eventv1.Webhook, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	is := t.of[w.GetName()]
	if is == eventv1.Webhook_TROUBLE_UNSPECIFIED {
		return w, nil
	}
	w = proto.CloneOf(w)
	w.Trouble = is
	return w, nil
}
