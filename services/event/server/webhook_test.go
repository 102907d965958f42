package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/authz"
)

// hook is one request that a receiver got.
type hook struct {
	id, timestamp, signature string
	body                     []byte
	data                     struct {
		Type string
		Data struct{ Subject, Revision, Unit string }
	}
}

// receiver takes deliveries and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []hook
	answer func(n int, h hook) int
	more   chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{more: make(chan struct{}, 1), answer: func(int, hook) int { return http.StatusNoContent }}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	h := hook{req.Header.Get("Webhook-Id"), req.Header.Get("Webhook-Timestamp"), req.Header.Get("Webhook-Signature"), body, hook{}.data}
	if err := json.Unmarshal(body, &h.data); err != nil {
		h.id = "no JSON"
	}
	r.mu.Lock()
	r.got = append(r.got, h)
	n := len(r.got)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
	w.WriteHeader(r.answer(n, h))
}

// until waits for what the receiver has got to be enough.
func (r *receiver) until(t *testing.T, enough func([]hook) bool) []hook {
	t.Helper()
	over := time.After(time.Minute)
	for {
		r.mu.Lock()
		got := append([]hook(nil), r.got...)
		r.mu.Unlock()
		if enough(got) {
			return got
		}
		select {
		case <-r.more:
		case <-over:
			t.Fatalf("the receiver got %d: %+v", len(got), got)
		}
	}
}

// verified checks a delivery by the words of Standard Webhooks, on its own.
func (h hook) verified(secret string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) != 32 {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.id + "." + h.timestamp + "."))
	mac.Write(h.body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	at, err := strconv.ParseInt(h.timestamp, 10, 64)
	return err == nil && time.Since(time.Unix(at, 0)).Abs() < 5*time.Minute && strings.Contains(" "+h.signature+" ", " "+want+" ")
}

func (s *scene) hooked(key, unit, url string) *eventv1.IssuedWebhook {
	s.T.Helper()
	w, err := s.Event(key).CreateWebhook(s.T.Context(), &eventv1.CreateWebhookRequest{
		Webhook: &eventv1.Webhook{Unit: unit, Url: url, Types: []string{"rectification.problem.*"}},
	})
	s.must(err)
	return w
}

func TestEventsAreDeliveredSigned(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	w := s.hooked(s.eye.Key, s.district, r.URL+"/hook")
	p := s.edit(s.problem(), 5)
	got := r.until(t, func(got []hook) bool { return len(got) == 6 })
	for i, h := range got {
		if !h.verified(w.GetSecret()) || h.data.Data.Subject != p.GetName() || h.data.Data.Revision != strconv.Itoa(i+1) || h.data.Data.Unit != s.school {
			t.Errorf("delivery %d: %+v %s", i, h, h.body)
		}
		if strings.Contains(string(h.body), s.clerk.Name) || len(h.body) > event.Largest {
			t.Errorf("delivery %d: %s", i, h.body)
		}
	}
	rotate := func(overlap *durationpb.Duration) *eventv1.IssuedWebhook {
		rotated, err := s.Event(s.eye.Key).RotateWebhookSecret(t.Context(), &eventv1.RotateWebhookSecretRequest{Name: w.GetWebhook().GetName(), Overlap: overlap})
		s.must(err)
		return rotated
	}
	lost := rotate(durationpb.New(48 * time.Hour)) // the answer, as it were
	rotated := rotate(nil)
	if !rotated.GetWebhook().GetOverlapEndTime().AsTime().Equal(lost.GetWebhook().GetOverlapEndTime().AsTime()) {
		t.Errorf("the overlap ends at %v, and was to end at %v", rotated.GetWebhook().GetOverlapEndTime(), lost.GetWebhook().GetOverlapEndTime())
	}
	_, err := s.Event(s.eye.Key).PingWebhook(t.Context(), &eventv1.PingWebhookRequest{Name: w.GetWebhook().GetName()})
	s.must(err)
	ping := r.until(t, func(got []hook) bool { return len(got) == 7 })[6]
	if !ping.verified(w.GetSecret()) || !ping.verified(lost.GetSecret()) || !ping.verified(rotated.GetSecret()) || rotated.GetSecret() == w.GetSecret() || ping.data.Type != event.Ping {
		t.Errorf("during the overlap: %+v", ping)
	}
	last := rotate(durationpb.New(0))
	_, err = s.Event(s.eye.Key).PingWebhook(t.Context(), &eventv1.PingWebhookRequest{Name: w.GetWebhook().GetName()})
	s.must(err)
	ping = r.until(t, func(got []hook) bool { return len(got) == 8 })[7]
	if ping.verified(w.GetSecret()) || ping.verified(rotated.GetSecret()) || !ping.verified(last.GetSecret()) {
		t.Errorf("without an overlap: %+v", ping)
	}
}

func TestAWebhookIsItsOwners(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	w := s.hooked(s.eye.Key, s.district, r.URL).GetWebhook()
	other := s.Person(s.district, accessv1.Role_ROLE_VIEWER)
	if _, err := s.Event(other.Key).GetWebhook(t.Context(), &eventv1.GetWebhookRequest{Name: w.GetName()}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("another reader of the unit reads it: %v", err)
	}
	if _, err := s.Event(s.SystemAdmin).GetWebhook(t.Context(), &eventv1.GetWebhookRequest{Name: w.GetName()}); err != nil {
		t.Errorf("the administrator reads it: %v", err)
	}
	update := &eventv1.UpdateWebhookRequest{Webhook: &eventv1.Webhook{Name: w.GetName(), Unit: w.GetUnit(), Url: r.URL + "/mine"}}
	if _, err := s.Event(s.SystemAdmin).UpdateWebhook(t.Context(), update); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("the administrator turns it aside: %v", err)
	}
	for _, url := range []string{"http://example.com/", "https://10.0.0.1/", "https://169.254.169.254/latest", s.HTTP} {
		_, err := s.Event(s.eye.Key).CreateWebhook(t.Context(), &eventv1.CreateWebhookRequest{Webhook: &eventv1.Webhook{Unit: s.district, Url: url}})
		if url != s.HTTP && !errors.Is(err, event.ErrURL) {
			t.Errorf("%s = %v", url, err)
		}
	}
	for range 2 { // the answer to a repeat is the first one
		if _, err := s.Event(s.SystemAdmin).DeleteWebhook(t.Context(), &eventv1.DeleteWebhookRequest{Name: w.GetName(), RequestId: "delete"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Event(s.eye.Key).GetWebhook(t.Context(), &eventv1.GetWebhookRequest{Name: w.GetName()}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("what was deleted is there: %v", err)
	}
}

// A key that is narrowed to some roles does nothing with what another key of the same
// principal made by more of them: not even where it is sent does it read. The whole key
// looks after what the narrowed one made.
func TestANarrowedKeyTakesOverNothingWider(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	const portal, viewer = accessv1.Role_ROLE_PORTAL, accessv1.Role_ROLE_VIEWER
	vendor := s.Machine(s.district, portal, viewer)
	narrowed := func(roles ...accessv1.Role) string {
		k, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
			ApiKey: &organizationv1.ApiKey{Principal: vendor.Name, Roles: roles, Unit: s.district},
		})
		s.must(err)
		return k.GetSecret()
	}
	asPortal, asViewer, asBoth := narrowed(portal), narrowed(viewer), narrowed(viewer, portal)
	made := map[string]string{}
	for name, key := range map[string]string{"all": vendor.Key, "portal": asPortal, "viewer": asViewer, "both": asBoth} {
		made[name] = s.hooked(key, s.district, r.URL).GetWebhook().GetName()
	}
	for _, c := range []struct{ key, maker, wants string }{
		{vendor.Key, "all", "yes"}, {vendor.Key, "portal", "yes"}, {vendor.Key, "both", "yes"},
		{asPortal, "portal", "yes"}, {asPortal, "all", "no"}, {asPortal, "viewer", "no"}, {asPortal, "both", "no"},
		{asBoth, "portal", "yes"}, {asBoth, "both", "yes"}, {asBoth, "all", "no"},
	} {
		for what, err := range s.handled(c.key, made[c.maker], r.URL) {
			if got := err == nil; got != (c.wants == "yes") || err != nil && !errors.Is(err, authz.ErrNotFound) {
				t.Errorf("%s of a webhook made by %s: %v, wanted: %s", what, c.maker, err, c.wants)
			}
		}
	}
	list, err := s.Event(asPortal).ListWebhooks(t.Context(), &eventv1.ListWebhooksRequest{})
	if err != nil || len(list.GetWebhooks()) != 1 || list.GetWebhooks()[0].GetName() != made["portal"] {
		t.Errorf("by a portal's key there are %v, %v", list, err)
	}
}

// One principal cannot take all webhooks that there may be: others still register theirs,
// and what it deletes makes room.
func TestOneOwnerTakesNotAllWebhooks(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	last := ""
	for range event.OwnWebhooks {
		last = s.hooked(s.eye.Key, s.district, r.URL).GetWebhook().GetName()
	}
	more := &eventv1.CreateWebhookRequest{Webhook: &eventv1.Webhook{Unit: s.district, Url: r.URL}}
	_, err := s.Event(s.eye.Key).CreateWebhook(t.Context(), more)
	if !errors.Is(err, event.ErrTooMany) || !strings.Contains(err.Error(), strconv.Itoa(event.OwnWebhooks)) {
		t.Errorf("one more = %v", err)
	}
	s.hooked(s.Machine(s.district, accessv1.Role_ROLE_PORTAL).Key, s.district, r.URL)
	_, err = s.Event(s.eye.Key).DeleteWebhook(t.Context(), &eventv1.DeleteWebhookRequest{Name: last})
	s.must(err)
	_, err = s.Event(s.eye.Key).CreateWebhook(t.Context(), more)
	s.must(err)
}

// handled is what comes of all that only an owner does with a webhook.
func (s *scene) handled(key, name, url string) map[string]error {
	ctx, e, done := s.T.Context(), s.Event(key), map[string]error{}
	_, done["get"] = e.GetWebhook(ctx, &eventv1.GetWebhookRequest{Name: name})
	_, done["update"] = e.UpdateWebhook(ctx, &eventv1.UpdateWebhookRequest{
		Webhook: &eventv1.Webhook{Name: name, Url: url + "/mine"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}},
	})
	_, done["rotation"] = e.RotateWebhookSecret(ctx, &eventv1.RotateWebhookSecretRequest{Name: name, Overlap: durationpb.New(0)})
	_, done["replay"] = e.ReplayWebhook(ctx, &eventv1.ReplayWebhookRequest{Name: name})
	_, done["list of deliveries"] = e.ListDeliveries(ctx, &eventv1.ListDeliveriesRequest{Parent: name})
	_, done["replay of deliveries"] = e.ReplayDeliveries(ctx, &eventv1.ReplayDeliveriesRequest{Parent: name})
	return done
}

// What a receiver would not have is sent again together, by its owner alone, or dropped,
// also by who looks after it.
func TestDeadLettersTogether(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	gone := atomic.Bool{}
	gone.Store(true)
	r.answer = func(int, hook) int {
		if gone.Load() {
			return http.StatusGone
		}
		return http.StatusNoContent
	}
	name := s.hooked(s.eye.Key, s.district, r.URL).GetWebhook().GetName()
	replay := &eventv1.ReplayDeliveriesRequest{Parent: name}
	discard := &eventv1.DiscardDeliveriesRequest{Parent: name}
	die := func() {
		t.Helper()
		s.problem()
		s.eventually(func() bool {
			w, err := s.Event(s.eye.Key).GetWebhook(t.Context(), &eventv1.GetWebhookRequest{Name: name})
			s.must(err)
			return w.GetState() == eventv1.Webhook_STATE_SUSPENDED && s.count(name, "state = DEAD") > 0
		})
	}
	die()
	if _, err := s.Event(s.SystemAdmin).ReplayDeliveries(t.Context(), replay); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("the administrator sends again: %v", err)
	}
	gone.Store(false)
	done, err := s.Event(s.eye.Key).ReplayDeliveries(t.Context(), replay)
	if err != nil || done.GetReplayed() != 1 || done.GetRemaining() != 0 || s.count(name, "state = PENDING") != 1 {
		t.Errorf("sending again: %v, %v", done, err)
	}
	gone.Store(true)
	_, err = s.Event(s.eye.Key).EnableWebhook(t.Context(), &eventv1.EnableWebhookRequest{Name: name})
	s.must(err)
	die()
	other := s.Person(s.district, accessv1.Role_ROLE_VIEWER)
	if _, err := s.Event(other.Key).DiscardDeliveries(t.Context(), discard); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("another reader drops them: %v", err)
	}
	dropped, err := s.Event(s.SystemAdmin).DiscardDeliveries(t.Context(), discard)
	if err != nil || dropped.GetDiscarded() == 0 || s.count(name, "state = DEAD") != 0 {
		t.Errorf("the administrator drops them: %v, %v", dropped, err)
	}
}

// eventually waits for what comes of deliveries.
func (s *scene) eventually(holds func() bool) {
	s.T.Helper()
	over, tick := time.After(time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-over:
			s.T.Fatal("it does not come")
		}
	}
}

// count is how many deliveries a filter lets pass.
func (s *scene) count(webhook, filter string) int {
	s.T.Helper()
	list, err := s.Event(s.eye.Key).ListDeliveries(s.T.Context(), &eventv1.ListDeliveriesRequest{Parent: webhook, Filter: filter})
	s.must(err)
	return len(list.GetDeliveries())
}

// Who loses the grant gets nothing more, not even what was queued.
func TestDeliveriesEndWithTheRight(t *testing.T) {
	s, r := newScene(t), newReceiver(t)
	down := atomic.Bool{}
	down.Store(true)
	r.answer = func(int, hook) int {
		if down.Load() {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	}
	owner := s.Person(s.other)
	grant := s.Grant(owner.Name, s.district, accessv1.Role_ROLE_VIEWER)
	w := s.hooked(owner.Key, s.district, r.URL).GetWebhook()
	s.problem()
	r.until(t, func(got []hook) bool { return len(got) > 0 })
	_, err := s.Organization(s.SecurityAdmin).DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: grant})
	s.must(err)
	s.CatchUp()
	down.Store(false)
	before := r.until(t, func([]hook) bool { return true }) // once, unless the machine is slow
	s.problem()
	left := func() int {
		list, err := s.Event(s.SystemAdmin).ListDeliveries(t.Context(), &eventv1.ListDeliveriesRequest{Parent: w.GetName()})
		s.must(err)
		return len(list.GetDeliveries())
	}
	s.eventually(func() bool { return left() == 0 })
	if got := r.until(t, func([]hook) bool { return true }); len(got) != len(before) {
		t.Errorf("the receiver got %d, and %d before the right ended", len(got), len(before))
	}
}
