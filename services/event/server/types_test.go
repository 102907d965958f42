package server_test

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/store"
)

// misspelt are types that the contract's pattern lets pass, and of which there is nothing.
var misspelt = []string{"aggregation.report.acepted.v1", "nonsense.*", "rectification.problm.*", "rectification.problem.closed.v2", "rectification.v1"}

// placed says whether err refuses a type, at that field.
func placed(err error, path string) bool {
	f := fault.As(err)
	return errors.Is(err, event.ErrType) && len(f.Fields) == 1 && f.Fields[0].Path == path
}

// A type that is misspelt is refused where it is said: it would be empty for ever.
func TestTypesThatAreNoneAreRefused(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	events, w := s.Event(s.eye.Key), s.hooked(s.eye.Key, s.district, r.URL).GetWebhook()
	for _, name := range misspelt {
		types := []string{"rectification.problem.closed.v1", name}
		if _, err := events.ListEvents(t.Context(), &eventv1.ListEventsRequest{Types: types}); !placed(err, "types[1]") {
			t.Errorf("ListEvents of %s = %v", name, err)
		}
		_, err := events.CreateWebhook(t.Context(), &eventv1.CreateWebhookRequest{Webhook: &eventv1.Webhook{Unit: s.district, Url: r.URL, Types: types}})
		if !placed(err, "webhook.types[1]") {
			t.Errorf("CreateWebhook for %s = %v", name, err)
		}
		_, err = events.UpdateWebhook(t.Context(), &eventv1.UpdateWebhookRequest{Webhook: &eventv1.Webhook{Name: w.GetName(), Types: types}})
		if !placed(err, "webhook.types[1]") {
			t.Errorf("UpdateWebhook to %s = %v", name, err)
		}
	}
	for _, known := range append(event.Types(), event.Type{Name: "rectification.*"}, event.Type{Name: "rectification.problem.*"}, event.Type{Name: "rectification.problem.closed.*"}) {
		if _, err := events.ListEvents(t.Context(), &eventv1.ListEventsRequest{Types: []string{known.Name}}); err != nil {
			t.Errorf("ListEvents of %s = %v", known.Name, err)
		}
	}
}

// TestATypeIsNamedOnce by a webhook.
func TestATypeIsNamedOnce(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	_, err := s.Event(s.eye.Key).CreateWebhook(t.Context(), &eventv1.CreateWebhookRequest{
		Webhook: &eventv1.Webhook{Unit: s.district, Url: r.URL, Types: []string{"aggregation.report.*", "aggregation.report.*"}},
	})
	if f := fault.As(err); f == nil || f.Reason != "FIELDS_INVALID" || len(f.Fields) != 1 || f.Fields[0].Path != "webhook.types" {
		t.Errorf("it is taken twice: %v", err)
	}
}

// A webhook that has such a type already sends what else it is for, and is changed as before,
// but for no other such type.
func TestAWebhookKeepsTheTypesThatItHas(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	events, w := s.Event(s.eye.Key), s.hooked(s.eye.Key, s.district, r.URL).GetWebhook()
	table := store.Table[*eventv1.Webhook]{Bucket: "duban.event.v1.Webhook", Key: (*eventv1.Webhook).GetName}
	kept := []string{misspelt[0], "rectification.problem.*"}
	s.must(s.Stores()["event"].Update(t.Context(), func(tx store.Tx) error {
		w.Types = kept
		return table.Put(tx, w)
	}))
	changed, err := events.UpdateWebhook(t.Context(), &eventv1.UpdateWebhookRequest{
		Webhook:    &eventv1.Webhook{Name: w.GetName(), DisplayName: "演示", Types: kept},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name", "types"}},
	})
	if err != nil || changed.GetDisplayName() != "演示" || !slices.Equal(changed.GetTypes(), kept) {
		t.Errorf("it is changed to %v, %v", changed, err)
	}
	_, err = events.UpdateWebhook(t.Context(), &eventv1.UpdateWebhookRequest{Webhook: &eventv1.Webhook{Name: w.GetName(), Types: append(kept, misspelt[1])}})
	if !placed(err, "webhook.types[2]") {
		t.Errorf("another = %v", err)
	}
	p := s.problem()
	if got := r.until(t, func(got []hook) bool { return len(got) == 1 })[0]; got.data.Data.Subject != p.GetName() {
		t.Errorf("it sends %+v", got)
	}
}
