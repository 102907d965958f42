package server

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// TestWhatAWebhookHasBesideTheFeed is of the form that is written, also by builds from before.
func TestWhatAWebhookHasBesideTheFeed(t *testing.T) {
	n := string(store.Number(7))
	delivery := func(name string, state eventv1.Delivery_State) string {
		b, err := proto.Marshal(&eventv1.Delivery{Name: name, State: state})
		if err != nil {
			t.Fatal(err)
		}
		return n + string(b)
	}
	const own, pending = "webhooks/a/deliveries/7", eventv1.Delivery_STATE_PENDING
	for _, tt := range []struct {
		form       func(key, value []byte) bool
		key, value string
		want       bool
	}{
		{queued, "webhooks/a", n, true},
		{queued, "webhooks/a", strings.Repeat(n, 9), true},
		{queued, "webhooks/a", strings.Repeat(n, 10), false},
		{queued, "webhooks/a", n[1:], false},
		{queued, "webhooks/a", n + n + "\xff" + n[1:], false}, // fewer than none wait
		{delivered, "webhooks/a\x00" + n, delivery(own, pending), true},
		{delivered, "webhooks/a\x00" + n, delivery("webhooks/b/deliveries/7", pending), false},
		{delivered, "webhooks/a\x00" + n, delivery(own, 0), false},
		{delivered, "webhooks/a\x00" + n, delivery(own, pending) + "\xff", false},
		{delivered, "webhooks/a\x00" + n, n[1:], false},
		{delivered, "webhooks/a" + n[1:], delivery(own, pending), false},
		{delivered, "webhooks/a", delivery(own, pending), false},
		{sealed, "webhooks/a", `{"Current":"eA==","Former":null}`, true},
		{sealed, "webhooks/a", `{"Current":""}`, false},
		{sealed, "webhooks/a", `{`, false},
	} {
		if tt.form([]byte(tt.key), []byte(tt.value)) != tt.want {
			t.Errorf("%q = %q is not %v", tt.key, tt.value, tt.want)
		}
	}
}
