package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// long is a body beyond what is read of strangers.
func long() string { return `{"displayName":"` + strings.Repeat("a", 2*aside) + `"}` }

func TestWhoSendsMuchIsAskedFirst(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{})
	if w := ask(h, "POST", "/v1/units", long(), "Authorization: Bearer nonsense"); w.Code != http.StatusUnauthorized || f.last != nil {
		t.Errorf("a stranger: %d, %v", w.Code, f.last)
	}
	if w := ask(h, "POST", "/v1/units", `{"displayName":"a"}`, "Authorization: Bearer nonsense"); w.Code != http.StatusOK {
		t.Errorf("a short body is for the service to refuse: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "/v1/units", long(), "Authorization: Bearer k"); w.Code != http.StatusOK || f.last == nil {
		t.Errorf("whoever is known: %d %s", w.Code, w.Body)
	}
}

// stalled are requests whose bodies do not end.
type stalled struct {
	t    *testing.T
	h    http.Handler
	all  sync.WaitGroup
	ends []io.Closer
}

// send sends so many bytes of a body of 4 MiB, and no more. All but the last are counted when it returns.
func (s *stalled) send(path, address, key string, n int) {
	s.t.Helper()
	r, w := io.Pipe()
	s.ends = append(s.ends, w)
	req := request(s.t, path, address, key, r)
	req.ContentLength = 4 << 20
	s.all.Go(func() { s.h.ServeHTTP(httptest.NewRecorder(), req) })
	for _, part := range []string{strings.Repeat(" ", n-1), "{"} {
		if _, err := io.WriteString(w, part); err != nil { // returns once it is read
			s.t.Fatal(err)
		}
	}
}

func (s *stalled) end() {
	for _, e := range s.ends {
		if err := e.Close(); err != nil {
			s.t.Error(err)
		}
	}
	s.all.Wait()
	s.ends = nil
}

func request(t *testing.T, path, address, key string, body io.Reader) *http.Request {
	req := httptest.NewRequestWithContext(t.Context(), "POST", path, body)
	req.RemoteAddr = address + ":1"
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	return req
}

// answered is what one gets who sends all.
func answered(t *testing.T, h http.Handler, path, address, key, body string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(t, path, address, key, strings.NewReader(body)))
	if w.Code == http.StatusTooManyRequests && (!strings.Contains(w.Body.String(), "SERVER_OVERLOADED") || w.Header().Get("Retry-After") == "") {
		t.Errorf("%s: %s", path, w.Body)
	}
	return w.Code
}

// Bodies that do not end make the gateway hold no more than it may, whoever sends them, keep
// nobody else out, and what was held is free once they are over.
func TestBodiesAreHeldUpToABound(t *testing.T) {
	const submit, units, stranger, citizen = "/v1/complaints:submit", "/v1/units", "203.0.113.66", "198.51.100.5"
	h, _ := start(t, &fake{}, Options{Network: netip.Addr.String, MaxBodies: 32 << 20}) // 8 MiB of strangers, 1 MiB of each
	s := &stalled{t: t, h: h}
	short := `{"displayName":"a"}`
	for range 100 {
		s.send(submit, stranger, "", 10)
	}
	if got := answered(t, h, submit, stranger, "", "{}"); got == http.StatusTooManyRequests {
		t.Errorf("what is announced is held: %d", got)
	}
	for range 15 {
		s.send(submit, stranger, "", aside)
	}
	long := strings.Repeat(" ", aside) + "{}"
	for name, c := range map[string]struct {
		path, address, key, body string
		want                     int
	}{
		"a stranger beyond the part":         {submit, stranger, "", long, http.StatusTooManyRequests},
		"the public":                         {submit, citizen, "", long, http.StatusNotImplemented},
		"who is known, of the same network":  {units, stranger, "k", long, http.StatusOK},
		"who is not known, of that network":  {units, stranger, "nonsense", long, http.StatusUnauthorized},
		"a short body of that network's key": {units, stranger, "k", short, http.StatusOK},
	} {
		if got := answered(t, h, c.path, c.address, c.key, c.body); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	s.end()
	for range 4 {
		s.send(units, stranger, "vendor", 1<<20) // as many as one whole body, and so all there is for one
	}
	for key, want := range map[string]int{"vendor": http.StatusTooManyRequests, "administrator": http.StatusOK} {
		if got := answered(t, h, units, stranger, key, long); got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
	s.end()
	b := h.(*front).api.bodies
	for name, r := range map[string]struct {
		room *room
		want int64
	}{"known": {b.known, 32 << 20}, "strangers": {b.strangers, 8 << 20}} {
		if r.room.free != r.want || len(r.room.held) != 0 {
			t.Errorf("%s: %d bytes are free, of %d; %v", name, r.room.free, r.want, r.room.held)
		}
	}
}

// However many hold all they may, what all hold is bounded, and who comes late finds some room.
func TestWhoComesLateFindsRoom(t *testing.T) {
	r := newRoom(8 << 20)
	for i := range 20 {
		for r.take(strconv.Itoa(i), 1<<10, 0) {
		}
	}
	if r.held["0"] != 1<<20 || !r.take("late", 50<<10, 0) {
		t.Errorf("the first holds %d, %d are free", r.held["0"], r.free)
	}
	if r.take("late", r.free+1, 1<<30) || !r.take("late", r.free, 1<<30) {
		t.Errorf("%d are free", r.free)
	}
}

// line carries a body as fast as it may, and ends it at the deadline, as a server does.
type line struct {
	http.ResponseWriter
	now, deadline time.Time
	left          int
	speed         func(sent int) int // bytes a second; 0: nothing comes any more
	sent          int
}

func (l *line) SetReadDeadline(at time.Time) error { l.deadline = at; return nil }

func (l *line) Read(b []byte) (int, error) {
	speed := l.speed(l.sent)
	n := min(len(b), l.left, 1<<10)
	after := l.deadline.Add(time.Second)
	if speed > 0 {
		after = l.now.Add(time.Duration(n) * time.Second / time.Duration(speed))
	}
	if l.now = after; after.After(l.deadline) {
		l.now = l.deadline
		return 0, os.ErrDeadlineExceeded
	}
	if l.left -= n; n == 0 {
		return 0, io.EOF
	}
	l.sent += n
	return n, nil
}

// Who sends as fast as a thin line carries gets a report of 16 MiB through; who stops or
// trickles is cut, and holds nothing any more.
func TestWhoKeepsThePaceIsWaitedFor(t *testing.T) {
	const most = 16 << 20
	submit := complaintv1.File_duban_complaint_v1_complaint_proto.Services().Get(0).Methods().ByName("SubmitComplaint")
	for name, c := range map[string]struct {
		speed func(sent int) int
		until time.Duration // 0: all of it comes
	}{
		"a thin line":   {func(int) int { return 64_000 }, 0},
		"a fast line":   {func(int) int { return 100 << 20 }, 0},
		"stops at once": {func(int) int { return 0 }, grace},
		"stops late, after much": {func(sent int) int {
			if sent < most-1 {
				return 100 << 20
			}
			return 0
		}, time.Second + grace},
		"trickles": {func(int) int { return pace / 2 }, 2 * grace},
	} {
		start := time.Now()
		l := &line{ResponseWriter: httptest.NewRecorder(), now: start, left: most, speed: c.speed}
		b := newBodies(Options{}.withDefaults(), nil, Backends{})
		b.now = func() time.Time { return l.now }
		h := b.of("", most, submit)
		h.asked, h.room = true, b.known
		from := b.paced(l, l)
		body, err := h.read(t.Context(), nil, from)
		if took := l.now.Sub(start); (err == nil) != (c.until == 0) || err == nil && len(body) != most || err != nil && took > c.until {
			t.Errorf("%s: %d bytes, %v after %v", name, len(body), err, took)
		}
		if err == nil {
			if from.all(); !l.deadline.IsZero() {
				t.Errorf("%s: the deadline of the body ends the answer", name)
			}
			continue
		}
		before := l.now
		if from.refuse(most); l.now != before {
			t.Errorf("%s: who was cut is waited for again", name)
		}
	}
}

// What bodies become is bounded too, however short they are: who is known waits for a turn,
// a stranger is asked first, and what was held is free once it is answered.
func TestValuesAreDecodedUpToABound(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	b := h.(*front).api.bodies
	many := `{"units":[` + strings.Repeat("{},", slight) + `{}]}`
	known, stranger := "Authorization: Bearer k", "Authorization: Bearer nonsense"
	code := func(path, body, who string) int { return ask(h, "POST", path, body, who).Code }
	if got := code("/v1/units", many, known); got != http.StatusBadRequest {
		t.Errorf("whoever is known: %d", got)
	}
	if got := code("/v1/units", many, stranger); got != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", got)
	}
	if !b.values.TryAcquire(dense) {
		t.Fatal("what was held is not free")
	}
	b.turn = time.Millisecond
	if w := ask(h, "POST", "/v1/units", many, known); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("beyond the bound: %d %s", w.Code, w.Body)
	}
	if got := code("/v1/units", `{"displayName":"a"}`, known); got != http.StatusOK {
		t.Errorf("a short one waits for nothing: %d", got)
	}
	if got := code("/v1/complaints:submit", many, ""); got != http.StatusTooManyRequests {
		t.Errorf("the public: %d", got)
	}
}

// Who may not make the call by roles and scopes is refused before the body is decoded, and
// takes no turn of those who may.
func TestWhoMayNotCallTakesNoTurn(t *testing.T) {
	f := &fake{}
	h, _ := start(t, f, Options{})
	b := h.(*front).api.bodies
	if !b.values.TryAcquire(dense) {
		t.Fatal("something is held")
	}
	b.turn = time.Millisecond
	many := `{"units":[` + strings.Repeat("{},", slight) + `{}]}`
	for key, reason := range map[string]string{"viewer": `"PERMISSION_DENIED"`, "retired": `"PRINCIPAL_POSTS_OVER"`, "narrowed": `"KEY_SCOPE_DENIED"`} {
		for name, body := range map[string]string{"a long body": long(), "a dense body": many} {
			w := ask(h, "POST", "/v1/units", body, "Authorization: Bearer "+key)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), reason) || f.last != nil {
				t.Errorf("%s, %s: %d %s", key, name, w.Code, w.Body)
			}
		}
		if w := ask(h, "POST", "/v1/units", `{"displayName":"a"}`, "Authorization: Bearer "+key); w.Code != http.StatusOK {
			t.Errorf("%s: a short body is for the service to refuse: %d %s", key, w.Code, w.Body)
		}
		f.reset(nil)
	}
}
