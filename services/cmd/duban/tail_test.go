package main

import (
	"path/filepath"
	"strings"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/feed"
)

// TestWhatGotItsTailBackIsRestoredAgain: a backup of an installation that was restored itself,
// and got entries back of which sealed parts never went up. What else is taken away is wrong.
func TestWhatGotItsTailBackIsRestoredAgain(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.lower.stop()
	p.below.Webhooks.AllowLoopback = true
	p.bootLower()
	on := p.lower.as(p.keys)
	on.grant(t, on.name, accessv1.Role_ROLE_VIEWER, "units/root")
	on.grant(t, on.name, accessv1.Role_ROLE_COMPLAINT_OFFICER, "units/root")
	key, first, second := filepath.Join(p.below.Data, "installation.key"), filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	_, err := on.org().CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{
		UnitId: "district", Unit: &organizationv1.Unit{DisplayName: "某县教育局", Kind: organizationv1.Unit_KIND_DISTRICT, Parent: "units/root"},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.hears("in the backup")
	runs(t, nil, "backup", "-config", file(t, p.below), first)
	p.hears("lost with the tail")
	_, err = complaintv1.NewComplaintServiceClient(keyed{on.conn, on.clerk}).SubmitComplaint(t.Context(), &complaintv1.SubmitComplaintRequest{
		Complaint:   &complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_COMPLAINT, Unit: "units/district", Text: "校门口的灯坏了"},
		Complainant: &complaintv1.Complainant{Contact: "13800000000"},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.agree("event")
	p.agree("complaint")

	p.restored(key, first)
	p.hears("after the tail came back")
	p.lower.stop()
	p.lostThree()
	p.bootLower()
	runs(t, nil, "backup", "-config", file(t, p.below), second)
	p.restored(key, second)
	p.hears("after the second")
	p.lower.stop()
	p.lostThree()

	lose(t, filepath.Join(p.below.Data, "event.db"), feed.OpeningsBucket)
	if told := fsckSays(t, errWrong, p.below.Data); !strings.Contains(told, "MISSING: nothing opens its commitment") {
		t.Errorf("without what opens another entry, fsck says\n%s", told)
	}
}

// lostThree says by fsck that of a webhook one sealed part and of a complaint two were lost with
// a tail, and nothing is wrong.
func (p *pair) lostThree() {
	p.t.Helper()
	if told := fsckSays(p.t, nil, p.below.Data); strings.Count(told, "lost with a tail") != 2 || !strings.Contains(told, "tail: 1 sealed") || !strings.Contains(told, "tail: 2 sealed") ||
		strings.Count(told, "\n    complaints/") != 1 || strings.Count(told, "\n    webhooks/") != 1 {
		p.t.Errorf("fsck says\n%s", told)
	}
}

// restored puts a backup in the place of what the lower installation has.
func (p *pair) restored(key, backup string) {
	p.t.Helper()
	p.lower.stop()
	p.below.Data = filepath.Join(p.t.TempDir(), "data")
	runs(p.t, nil, "restore", "-key", key, backup, p.below.Data)
	p.bootLower()
}

// hears creates a webhook below, whose address is sealed and does not go up, once the log is
// not held.
func (p *pair) hears(id string) {
	p.t.Helper()
	var err error
	p.eventually("a webhook "+id, func() bool {
		_, err = p.lower.as(p.keys).events().CreateWebhook(p.t.Context(), &eventv1.CreateWebhookRequest{
			RequestId: id, Webhook: &eventv1.Webhook{Unit: "units/root", Url: "http://127.0.0.1:1/hook", Types: []string{"rectification.problem.*"}},
		})
		if reason(err) != "LOG_INCOMPLETE" && err != nil {
			p.t.Fatalf("creating a webhook %s: %v", id, err)
		}
		return err == nil
	})
}
