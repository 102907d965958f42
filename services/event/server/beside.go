package server

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/internal/store"
)

// webhooks is the table of webhooks.
const webhooks = "duban.event.v1.Webhook"

// forms are of what stands beside the feed: of each webhook that there is a queue, and of
// each queue deliveries and secrets. What is said of events is for package recheck.
var forms = func() map[string]store.Form {
	all := map[string]store.Form{
		queuesBucket: store.Every(store.Shaped(queued), store.Of(webhooks, store.Same)),
		deliveriesBucket: store.Every(store.Shaped(delivered), store.Of(queuesBucket, func(key []byte) string {
			return string(key[:len(key)-numberSize])
		})),
		secretsBucket: store.Every(store.Shaped(sealed), store.Of(queuesBucket, store.Same)),
	}
	maps.Copy(all, order.Forms)
	return all
}()

// numberSize is how many bytes the key of a delivery has behind its webhook.
const numberSize = 1 + 8

// queued says whether a row is a queue, also of before the last fields were there.
func queued(_, value []byte) bool {
	q, err := decodeQueue(value)
	return err == nil && len(value) >= 8 && len(value)%8 == 0 && len(value) <= binary.Size(q) && min(q.Pending, q.Dead, q.Kept, q.Lost) >= 0
}

// delivered says whether a row is a delivery that stands under its own name.
func delivered(key, value []byte) bool {
	i := bytes.IndexByte(key, 0)
	if i < 0 || len(key) != i+numberSize {
		return false
	}
	d, err := decodeDelivery(string(key[:i]), store.Entry{Key: key, Value: value})
	return err == nil && d.is.GetName() == nameOf(string(key[:i]), d.number) && d.is.GetState() != eventv1.Delivery_STATE_UNSPECIFIED && len(d.is.ProtoReflect().GetUnknown()) == 0
}

// sealed says whether a row has secrets; they are encrypted.
func sealed(_, value []byte) bool {
	var s secrets
	return json.Unmarshal(value, &s) == nil && len(s.Current) > 0
}
