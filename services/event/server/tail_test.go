package server_test

import (
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// A webhook of which a tail brought the record alone says so, and works again once its owner has
// said where it sends and has rotated its secret; nothing is kept of one that the tail deletes.
func TestAWebhookOfATailWorksAgain(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	ended := s.hooked(s.eye.Key, s.district, r.URL).GetWebhook()
	old, start := suitetest.OK[[]byte](t)(os.ReadFile(s.Store("event"))), s.Tail("event", 0).GetSize()
	lost := s.hooked(s.eye.Key, s.district, r.URL).GetWebhook()
	_, err := s.Event(s.eye.Key).DeleteWebhook(t.Context(), &eventv1.DeleteWebhookRequest{Name: ended.GetName()})
	s.must(err)
	tail := s.Tail("event", start)
	on := *s
	on.Suite = s.Behind("event", old)
	on.Regain(tail)

	owner, name := on.Event(s.eye.Key), lost.GetName()
	get := func() *eventv1.Webhook {
		return suitetest.OK[*eventv1.Webhook](t)(owner.GetWebhook(t.Context(), &eventv1.GetWebhookRequest{Name: name}))
	}
	eventually(t, func() bool { return get().GetTrouble() == eventv1.Webhook_TROUBLE_SECRETS })
	ping := func() error {
		_, err := owner.PingWebhook(t.Context(), &eventv1.PingWebhookRequest{Name: name})
		return err
	}
	s.must(ping())
	for _, move := range []func() (*eventv1.Webhook, error){
		func() (*eventv1.Webhook, error) {
			return owner.DisableWebhook(t.Context(), &eventv1.DisableWebhookRequest{Name: name})
		},
		func() (*eventv1.Webhook, error) {
			return owner.EnableWebhook(t.Context(), &eventv1.EnableWebhookRequest{Name: name})
		},
		func() (*eventv1.Webhook, error) {
			return owner.UpdateWebhook(t.Context(), &eventv1.UpdateWebhookRequest{
				Webhook: &eventv1.Webhook{Name: name, Url: r.URL}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}},
			})
		},
	} {
		_, err := move()
		s.must(err)
	}
	issued := suitetest.OK[*eventv1.IssuedWebhook](t)(owner.RotateWebhookSecret(t.Context(), &eventv1.RotateWebhookSecretRequest{Name: name}))
	p := on.problem()
	r.until(t, func(got []hook) bool {
		for _, h := range got {
			if !h.verified(issued.GetSecret()) {
				t.Fatalf("not signed with the new secret: %+v", h)
			}
			if h.data.Data.Subject == p.GetName() {
				return true
			}
		}
		return false
	})
	eventually(t, func() bool { return get().GetTrouble() == eventv1.Webhook_TROUBLE_UNSPECIFIED })
	on.Stop()
	wrong(t, &on)
}

// eventually asks until it is so: nothing tells what a lane came to.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	over, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatal("it does not come to that")
		}
	}
}
