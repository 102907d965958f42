package server

import (
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event/order"
	"github.com/duban-project/duban/services/internal/store"
)

// Again is what recovery.Log asks for of event: what is kept of webhooks beside their
// records does not come back with a tail. Their secrets are lost, and made anew by who
// rotates them.
type Again struct{}

// Entry takes in what an entry of the tail says: a webhook that came begins at the newest
// event that is here, and nothing is kept of one that was deleted.
func (Again) Entry(tx store.Tx, _ time.Time, row store.Row) error {
	if row.Table != webhookTable {
		return nil
	}
	w := &eventv1.Webhook{}
	if err := proto.Unmarshal(row.Value, w); err != nil {
		return err
	}
	if deleted(w) {
		return forget(tx, row.Key)
	}
	_, there, err := store.Seek(tx, queuesBucket, []byte(row.Key))
	if err != nil || there {
		return err
	}
	at, err := order.Head(tx)
	return errors.Join(err, (queue{Position: at, Next: 1}).put(tx, row.Key))
}

// Whole ends it.
func (Again) Whole(store.Tx) error { return nil }
