package services_test

import (
	"os"
	"path/filepath"
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// TestEventsThatWereLostComeBack: where event.db is gone, the installation above gives back what
// its own log had, which goes on, also after another start, and the rest is made anew of the other
// feeds. Where a webhook sends and by which secret stays below, and is lost.
func TestEventsThatWereLostComeBack(t *testing.T) {
	province := open(t, "510000", organizationv1.Unit_KIND_PROVINCE, nil)
	city := open(t, "510100", organizationv1.Unit_KIND_CITY, province)
	city.file(city.Unit("510100-s1", city.Root, organizationv1.Unit_KIND_SCHOOL), complaintv1.Complaint_TYPE_COMPLAINT, 3)
	hook := must(city.Event(city.viewer.Key).CreateWebhook(t.Context(), &eventv1.CreateWebhookRequest{Webhook: hooking(city.Root)})).GetWebhook()
	size := city.size("event")
	eventually(t, "it is not known above", func() bool { return province.size("510100.event") >= size })
	city.Stop()
	if err := os.Remove(filepath.Join(city.Folder, "event.db")); err != nil {
		t.Fatal(err)
	}
	city.restart()
	eventually(t, "the webhook has not come back", func() bool {
		w, err := city.Event(city.viewer.Key).GetWebhook(t.Context(), &eventv1.GetWebhookRequest{Name: hook.GetName()})
		return err == nil && w.GetUrl() == ""
	})
	city.restart()
	second := must(city.Event(city.viewer.Key).CreateWebhook(t.Context(), &eventv1.CreateWebhookRequest{Webhook: hooking(city.Root)})).GetWebhook()
	size = city.size("event")
	eventually(t, "what it writes is not known above", func() bool { return province.size("510100.event") >= size })
	if second.GetName() == hook.GetName() {
		t.Errorf("another webhook is called %s too", hook.GetName())
	}
	for _, m := range must(federationv1.NewFederationServiceClient(province.As(province.Auditor)).
		ListMirrors(t.Context(), &federationv1.ListMirrorsRequest{Parent: "installations/510100"})).GetMirrors() {
		if m.GetState() != federationv1.Mirror_STATE_ACTIVE {
			t.Errorf("it is mirrored as %v", m)
		}
	}
	last := city.Unit("510100-s2", city.Root, organizationv1.Unit_KIND_SCHOOL)
	eventually(t, "what came before a new unit is no event yet", func() bool {
		list, err := city.Event(city.viewer.Key).ListEvents(t.Context(), &eventv1.ListEventsRequest{Unit: last})
		return err == nil && len(list.GetEvents()) > 0
	})
	city.Stop()
	if waiting, err := upkeep.Events(t.Context(), city.config()); err != nil || waiting > 0 {
		t.Errorf("of its events %d wait, %v", waiting, err)
	}
}
