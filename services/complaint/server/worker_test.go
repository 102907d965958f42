package server

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/complaint/envelope"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/store/storetest"
)

// ledgers answers each delivery by the next of its errors, and notes under which
// request ids it was asked.
type ledgers struct {
	errs  []error
	asked []string
}

func (l *ledgers) Enter(_ context.Context, id string, _ *rectificationv1.Problem) (string, error) {
	l.asked = append(l.asked, id)
	if len(l.errs) == 0 {
		return "ledgers/l/problems/0001", nil
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return "", err
}

func (l *ledgers) Try(context.Context, *rectificationv1.Problem) error { return nil }

// self takes what was settled, after failing so often.
type self struct {
	complaintv1.ComplaintServiceClient
	failing int
	settled []*complaintv1.SettleRectificationRequest
}

func (c *self) SettleRectification(_ context.Context, req *complaintv1.SettleRectificationRequest, _ ...grpc.CallOption) (*complaintv1.SettleRectificationResponse, error) {
	if c.failing--; c.failing >= 0 {
		return nil, errors.New("the process ended here")
	}
	c.settled = append(c.settled, req)
	return &complaintv1.SettleRectificationResponse{}, nil
}

// clock is real time to the service.
var clock = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)

// ordering is a service with one order in its store.
func ordering(t *testing.T, l *ledgers, c *self) *Service {
	t.Helper()
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "complaint.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	book := &change.Book{Store: storetest.Declared(t, engine, Schema), Clock: func() time.Time { return clock }, Pseudonym: func(name string) []byte { return []byte("keyed " + name) }}
	s := New(book, Parts{
		Desks:   envelope.Desks{Secret: func(desk string) []byte { return append(make([]byte, 32), desk...) }},
		Ledgers: l, Self: c,
	})
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		return s.keepOrder(tx, "complaints/1", &rectificationv1.Problem{Unit: "units/s"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatCannotBeDeliveredIsDeliveredAgain(t *testing.T) {
	down, refused := fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED), fault.Of(faultv1.Reason_REASON_NOT_FOUND)
	for _, x := range []struct {
		name             string
		errs             []error
		failing, asked   int
		problem, refusal string
	}{
		{"at once", nil, 0, 1, "ledgers/l/problems/0001", ""},
		{"the ledgers are down", []error{down, errors.New("no connection")}, 0, 3, "ledgers/l/problems/0001", ""},
		{"the ledgers' log is held", []error{change.ErrLogIncomplete, change.ErrLogIncomplete}, 0, 3, "ledgers/l/problems/0001", ""},
		{"it is refused", []error{refused}, 0, 1, "", "NOT_FOUND"},
		{"the outcome is lost", nil, 1, 1, "ledgers/l/problems/0001", ""},
	} {
		l, c := &ledgers{errs: x.errs}, &self{failing: x.failing}
		if err := ordering(t, l, c).delivered(t.Context(), "complaints/1"); err != nil {
			t.Fatal(err)
		}
		if len(l.asked) != x.asked || len(slices.Compact(l.asked)) != 1 {
			t.Errorf("%s: asked as %q, want %d times under one id", x.name, l.asked, x.asked)
		}
		if len(c.settled) != 1 || c.settled[0].GetProblem() != x.problem || c.settled[0].GetRefusal() != x.refusal {
			t.Errorf("%s: settled %v", x.name, c.settled)
		}
	}
}

func TestWhatIsNotOnOrderIsNotDelivered(t *testing.T) {
	l, c := &ledgers{}, &self{}
	if err := ordering(t, l, c).delivered(t.Context(), "complaints/2"); err != nil || len(l.asked)+len(c.settled) != 0 {
		t.Errorf("asked %q, settled %v, %v", l.asked, c.settled, err)
	}
}

func TestTheWorkerEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := &ledgers{errs: []error{errors.New("down")}}
	s := ordering(t, l, &self{})
	cancel()
	if err := s.delivered(ctx, "complaints/1"); !errors.Is(err, context.Canceled) {
		t.Errorf("delivered = %v, want the end of the context", err)
	}
}

func TestTheCursorIsKept(t *testing.T) {
	s := ordering(t, &ledgers{}, &self{})
	for _, want := range []uint64{0, 7, 1 << 40} {
		if want > 0 {
			if err := s.advance(t.Context(), feed.Place{Next: want}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.cursor(t.Context()); err != nil || got.Next != want {
			t.Errorf("the cursor is %d, %v; want %d", got.Next, err, want)
		}
	}
}

// poisoned are three orders, of which the one in the middle is overwritten.
func poisoned(t *testing.T, l *ledgers, c *self) (*Service, []*feedv1.Entry) {
	t.Helper()
	s := ordering(t, l, c)
	run := []*feedv1.Entry{{Kind: ordered, Subject: "complaints/1"}, {Kind: ordered, Subject: "complaints/2", Seq: 1}, {Kind: ordered, Subject: "complaints/3", Seq: 2}}
	err := s.book.Store.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			s.keepOrder(tx, "complaints/3", &rectificationv1.Problem{Unit: "units/s"}),
			tx.Put(ordersBucket, []byte("complaints/2"), []byte("garbage")),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, run
}

func (c *self) outcomes() (told []string) {
	for _, r := range c.settled {
		told = append(told, r.GetName()+" "+r.GetProblem()+r.GetRefusal()+r.GetHindrance())
	}
	return told
}

func waiting(t *testing.T, s *Service, want uint64) {
	t.Helper()
	if n, err := s.SetAside(t.Context()); err != nil || n != want {
		t.Errorf("%d orders are set aside, %v; want %d", n, err, want)
	}
}

func TestAPoisonedOrderDoesNotHoldUpTheOthers(t *testing.T) {
	l, c := &ledgers{}, &self{}
	s, run := poisoned(t, l, c)
	if err := s.carryOut(t.Context(), run, 3, 3); err != nil {
		t.Fatal(err)
	}
	want := []string{"complaints/1 ledgers/l/problems/0001", "complaints/2 ORDER_UNREADABLE", "complaints/3 ledgers/l/problems/0001"}
	if got := c.outcomes(); !slices.Equal(got, want) {
		t.Errorf("settled %q, want %q", got, want)
	}
	waiting(t, s, 1)
	if read, err := s.cursor(t.Context()); err != nil || read.Next != 3 {
		t.Errorf("the cursor is %d, %v", read.Next, err)
	}
	due := func(after time.Duration) int {
		t.Helper()
		names, err := s.due(t.Context(), clock.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if due(firstRest-time.Second) != 0 || due(firstRest) != 1 {
		t.Error("it is not due a minute later")
	}
	if err := s.retryDue(t.Context(), clock.Add(firstRest)); err != nil { // in vain
		t.Fatal(err)
	}
	if due(2*firstRest-time.Second) != 0 || due(2*firstRest) != 1 {
		t.Error("the second rest is not twice as long")
	}
	err := s.book.Store.Update(t.Context(), func(tx store.Tx) error { // repaired
		return s.keepOrder(tx, "complaints/2", &rectificationv1.Problem{Unit: "units/s"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.retryDue(t.Context(), clock.Add(lastRest)); err != nil {
		t.Fatal(err)
	}
	if got := c.outcomes(); got[len(got)-1] != "complaints/2 ledgers/l/problems/0001" || len(l.asked) != 3 {
		t.Errorf("settled %q after asking %q", got, l.asked)
	}
}

// TestWhatWasEnteredIsNotEnteredAgain: the outcome cannot be noted, for longer
// than the ledger remembers the request id.
func TestWhatWasEnteredIsNotEnteredAgain(t *testing.T) {
	l, c := &ledgers{}, &self{failing: patience + 2}
	s := ordering(t, l, c)
	if err := s.delivered(t.Context(), "complaints/1"); err != nil {
		t.Fatal(err)
	}
	waiting(t, s, 1)
	for range 2 {
		if err := s.retryDue(t.Context(), clock.Add(lastRest)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.asked) != 1 || c.outcomes()[len(c.settled)-1] != "complaints/1 ledgers/l/problems/0001" {
		t.Errorf("asked %q, settled %q", l.asked, c.outcomes())
	}
}

func TestAnOutageSetsNothingAside(t *testing.T) {
	down := fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED)
	l, c := &ledgers{errs: []error{down, down, down, down, down, down}}, &self{}
	s := ordering(t, l, c)
	if err := s.delivered(t.Context(), "complaints/1"); err != nil || len(l.asked) != 7 {
		t.Errorf("asked %d times, %v", len(l.asked), err)
	}
	waiting(t, s, 0)
}

func TestRestsGrowUpToAnHour(t *testing.T) {
	row, at := aside{}, clock
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		row = readAside(row.after(at).encode())
		if got := row.next.Sub(at); got != want*time.Minute || row.tries != uint32(i+1) {
			t.Errorf("rest %d is %v, want %v minutes", i, got, want)
		}
	}
}
