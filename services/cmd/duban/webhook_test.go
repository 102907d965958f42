package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
)

// revision is one change of one record.
type revision struct {
	subject string
	number  int
}

// consumer takes deliveries, as a system that somebody else has built. It refuses
// some when they come first, and verifies all.
type consumer struct {
	*httptest.Server
	key []byte

	mu      sync.Mutex
	dice    *rand.Rand
	ids     map[revision]string // under which each revision came
	tries   map[string]int      // by id
	refuse  bool                // the next that comes for the first time
	refused map[string]bool     // by id: not taken at the first try
	taken   map[revision]bool
	early   map[string]time.Time // by id: none may come before
	wrong   []string             // what should not have been
}

func newConsumer(t *testing.T, r *rand.Rand) *consumer {
	c := &consumer{
		dice: rand.New(rand.NewPCG(r.Uint64(), 0)), ids: map[revision]string{}, tries: map[string]int{},
		refused: map[string]bool{}, taken: map[revision]bool{}, early: map[string]time.Time{},
	}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

// delivery is what is read of a body.
type delivery struct {
	Type string
	Data struct {
		Subject  string
		Revision int `json:",string"`
	}
}

// ServeHTTP implements http.Handler.
func (c *consumer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender was killed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var d delivery
	if err := json.Unmarshal(body, &d); err != nil || !c.signed(req.Header, body) {
		c.wrong = append(c.wrong, fmt.Sprintf("not signed, or no event: %s", body))
	}
	w.WriteHeader(c.take(req.Header.Get("webhook-id"), revision{d.Data.Subject, d.Data.Revision}))
}

// signed verifies by the words of Standard Webhooks.
func (c *consumer) signed(h http.Header, body []byte) bool {
	mac := hmac.New(sha256.New, c.key)
	fmt.Fprintf(mac, "%s.%s.%s", h.Get("webhook-id"), h.Get("webhook-timestamp"), body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return strings.Contains(" "+h.Get("webhook-signature")+" ", " "+want+" ")
}

// take notes a try and answers with the status.
func (c *consumer) take(id string, r revision) int {
	if was := c.ids[r]; was != "" && was != id {
		c.wrong = append(c.wrong, fmt.Sprintf("%v came as %s and as %s", r, was, id))
	}
	if r.number > 1 && !c.taken[revision{r.subject, r.number - 1}] {
		c.wrong = append(c.wrong, fmt.Sprintf("%v came before the one before it was taken", r))
	}
	if at := c.early[id]; time.Now().Before(at) {
		c.wrong = append(c.wrong, fmt.Sprintf("%s came before %v, for when its next try was told", id, at))
	}
	c.ids[r] = id
	c.tries[id]++
	if c.tries[id] == 1 && (c.refuse || c.dice.IntN(8) == 0) {
		c.refuse, c.refused[id] = false, true
		return http.StatusInternalServerError
	}
	c.taken[r] = true
	return http.StatusNoContent
}

// lacks returns what was not taken of the revisions, and what went wrong.
func (c *consumer) lacks(want map[revision]bool) (missing []revision, wrong []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for r := range want {
		if !c.taken[r] {
			missing = append(missing, r)
		}
	}
	return missing, c.wrong
}

// expect notes when the next tries are, as the suite tells it: a restart must not
// forget. It says whether there are any.
func (c *consumer) expect(list []*eventv1.Delivery) (told bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range list {
		if d.GetAttempts() > 0 && d.GetNextTime() != nil {
			c.early[d.GetEvent()], told = d.GetNextTime().AsTime(), true
		}
	}
	return told
}

// refuseNext lets the consumer refuse what comes next for the first time.
func (c *consumer) refuseNext() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = true
}

// relented says whether what was refused has come again, and nothing is to be
// refused any more.
func (c *consumer) relented() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.refused {
		if c.tries[id] == 1 {
			return false
		}
	}
	return !c.refuse
}

// untilRefused waits until the suite tells when it tries again what was refused.
func (c caller) untilRefused(t *testing.T, to *consumer, hook string) {
	t.Helper()
	over := time.After(4 * patience)
	for !to.expect(c.deliveries(t, hook, "state = PENDING")) && !to.relented() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-over:
			t.Fatal("what was refused is not to be tried again")
		}
	}
}

// TestTortureWebhooks kills duban while deliveries are under way. Every change is
// delivered at least once, always under the same id and signed, those of one
// record in their order, and what waits for its next try waits on after the kill.
// DUBAN_TORTURE says how often.
func TestTortureWebhooks(t *testing.T) {
	t.Parallel()
	r, settings := dice(t), settings(t.TempDir())
	settings.Webhooks.AllowLoopback = true
	c := newConsumer(t, r)
	d := boot(t, settings)
	keys := initialize(t, d)
	hook := d.as(keys).subscribe(t, c)
	want, n := map[revision]bool{}, number(t, "DUBAN_TORTURE", 2)
	for round := range n {
		on := d.as(keys)
		l := newLoad(t, on, fmt.Sprintf("hook-%d", round))
		l.most = 3
		c.refuseNext()
		written := l.start(t.Context(), on, writers)
		if round%2 == 0 {
			on.untilRefused(t, c, hook)
		}
		<-time.After(moment(r, 0, 200*time.Millisecond))
		d.kill()
		<-written
		d = boot(t, settings)
		l.repeat(t, d.as(keys))
		l.changed(want)
		if _, wrong := c.lacks(want); len(wrong) > 0 || t.Failed() {
			t.Fatalf("in round %d: %q", round, wrong)
		}
	}
	on := d.as(keys)
	c.complete(t, want)
	on.settled(t, hook)
	d.stop()
	clean(t, settings)
	c.mu.Lock()
	defer c.mu.Unlock()
	tries := 0
	for _, n := range c.tries {
		tries += n
	}
	t.Logf("%d changes, %d deliveries, %d refused at first, %d next tries told before a kill", len(want), tries, len(c.refused), len(c.early))
}

// subscribe lets the consumer be told of all problems, and returns the webhook.
func (c caller) subscribe(t *testing.T, to *consumer) string {
	t.Helper()
	c.grant(t, c.name, accessv1.Role_ROLE_VIEWER, "units/root")
	issued, err := c.events().CreateWebhook(t.Context(), &eventv1.CreateWebhookRequest{
		Webhook: &eventv1.Webhook{Unit: "units/root", Url: to.URL + "/hook", Types: []string{"rectification.problem.*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if to.key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(issued.GetSecret(), "whsec_")); err != nil {
		t.Fatal(err)
	}
	return issued.GetWebhook().GetName()
}

func (c caller) events() eventv1.EventServiceClient {
	return eventv1.NewEventServiceClient(keyed{c.conn, c.clerk})
}

// deliveries lists those of a webhook that a filter lets pass.
func (c caller) deliveries(t *testing.T, hook, filter string) (all []*eventv1.Delivery) {
	t.Helper()
	req := &eventv1.ListDeliveriesRequest{Parent: hook, Filter: filter, PageSize: 1000}
	for {
		page, err := c.events().ListDeliveries(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.GetDeliveries()...)
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}

// changed adds the changes of a load's problems.
func (l *load) changed(to map[revision]bool) {
	for name, is := range l.acked {
		last, _ := strconv.Atoi(is.etag) // it is the record's, 1 or 2
		for n := 1; n <= last && strings.HasPrefix(name, l.ledger); n++ {
			to[revision{name, n}] = true
		}
	}
}

// complete waits until everything was taken.
func (c *consumer) complete(t *testing.T, want map[revision]bool) {
	t.Helper()
	over := time.After(4 * patience)
	for {
		missing, wrong := c.lacks(want)
		if len(wrong) > 0 {
			t.Fatalf("%q", wrong)
		}
		if len(missing) == 0 {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-over:
			t.Fatalf("%d of %d changes were not delivered, such as %v", len(missing), len(want), missing[0])
		}
	}
}

// settled waits until nothing is left to be sent, and checks that nothing was
// given up.
func (c caller) settled(t *testing.T, hook string) {
	t.Helper()
	over := time.After(4 * patience)
	for {
		waiting := c.deliveries(t, hook, "state = PENDING")
		if len(waiting) == 0 {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-over:
			t.Fatalf("%d wait for ever, such as %v", len(waiting), waiting[0])
		}
	}
	if dead := c.deliveries(t, hook, "state = DEAD"); len(dead) > 0 {
		t.Errorf("%d were given up, such as %v", len(dead), dead[0])
	}
}
