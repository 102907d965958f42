package server_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// What was not delivered when the process ended is delivered after the next start,
// once and in order; cursors lead on; and the store is what the feed says.
func TestARestartLosesNothing(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	up := make(chan struct{})
	r.answer = func(n int, _ hook) int {
		if n > 1 { // a second try, on a slow machine, would put off the next for minutes
			<-up
		}
		select {
		case <-up:
			return http.StatusOK
		default:
			return http.StatusBadRequest
		}
	}
	w := s.hooked(s.eye.Key, s.district, r.URL)
	p := s.edit(s.problem(), 3)
	before, next := s.until(s.eye.Key, &eventv1.ListEventsRequest{}, at(p.GetName(), p.GetEtag()))
	r.until(t, func(got []hook) bool { return len(got) >= 1 })
	s.Stop()
	wrong(t, s)

	r.mu.Lock()
	r.got = nil
	r.mu.Unlock()
	close(up)
	again := suitetest.RunIn(t, s.Folder)
	got := r.until(t, func(got []hook) bool { return len(got) == 4 })
	for i, h := range got {
		if !h.verified(w.GetSecret()) || h.data.Data.Revision != strconv.Itoa(i+1) {
			t.Errorf("delivery %d: %+v", i, h)
		}
	}
	res, err := again.Event(s.eye.Key).ListEvents(t.Context(), &eventv1.ListEventsRequest{After: next})
	read := func(e *eventv1.Event) bool {
		return slices.ContainsFunc(before, func(old *eventv1.Event) bool { return old.GetId() == e.GetId() })
	}
	if err != nil || slices.ContainsFunc(res.GetEvents(), read) || !res.GetCurrent() {
		t.Errorf("behind the cursor of before = %v, %v", res, err)
	}
	list, err := again.Event(s.eye.Key).ListDeliveries(t.Context(), &eventv1.ListDeliveriesRequest{Parent: w.GetWebhook().GetName()})
	if err != nil || len(list.GetDeliveries()) != 4 || list.GetDeliveries()[0].GetState() != eventv1.Delivery_STATE_DELIVERED {
		t.Errorf("deliveries = %v, %v", list, err)
	}
	if _, err := again.Event(s.eye.Key).DeleteWebhook(t.Context(), &eventv1.DeleteWebhookRequest{Name: w.GetWebhook().GetName()}); err != nil {
		t.Error(err)
	}
	again.Stop()
	wrong(t, s)
}

// wrong reports what is wrong with the stores of a suite that has stopped.
func wrong(t *testing.T, s *scene) {
	t.Helper()
	c := suite.Default()
	c.Data = s.Folder
	_, err := upkeep.Fsck(t.Context(), c, func(role string, report fsck.Report) {
		if report.Wrong > 0 {
			t.Errorf("%s: %+v", role, report.First)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := upkeep.Events(t.Context(), c); err != nil {
		t.Error(err)
	}
}
