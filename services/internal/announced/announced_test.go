package announced_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/announced"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/storetest"
)

// counting counts what is committed.
type counting struct {
	store.Engine
	commits int
}

func (c *counting) Update(ctx context.Context, do func(store.Tx) error) error {
	err := c.Engine.Update(ctx, do)
	if err == nil {
		c.commits++
	}
	return err
}

// recounted takes the mark from a ledger that has it.
func recounted(l *rectificationv1.Ledger, today string, _ *calendar.Calendar) *rectificationv1.Ledger {
	if !l.GetFilingDueProvisional() {
		return nil
	}
	l = proto.CloneOf(l)
	l.FilingDueDate, l.FilingDueProvisional = today, false
	return l
}

// A held log stops nobody: the days are counted once it goes on. What stays what it was is
// not written, nor anything at a start with the same holidays.
func TestDaysAreCountedAnewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feedtest.Open(t)
		other, err := calendar.Parse([]byte("kind,from,to,name\nyear,2027-01-01,2027-12-31,测试\nholiday,2027-01-01,2027-01-01,元旦"))
		if err != nil {
			t.Fatal(err)
		}
		const n = 600
		schema := store.Schema{Indexes: map[string][]string{"duban.rectification.v1.Ledger": nil}, Buckets: []string{announced.Bucket("test")}}
		engine := &counting{Engine: storetest.Declared(t, f.Engine, schema)}
		book := &change.Book{Store: engine, Log: f.Log, Now: time.Now, Pseudonym: func(string) []byte { return nil }}
		kind := &change.Kind[*rectificationv1.Ledger]{Book: book}
		put := func() {
			t.Helper()
			err := book.Own(t.Context(), "test", func(tx *change.Tx) error {
				for i := range n {
					l := &rectificationv1.Ledger{Name: fmt.Sprintf("ledgers/%03d", i), FilingDueProvisional: i%2 == 0}
					if _, err := kind.PutAs(tx, "ledger.created", l); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		put()
		days := &announced.Days[*rectificationv1.Ledger]{
			Service: "test", Kind: kind, Event: "ledger.recounted", Calendar: calendar.Builtin(), Recount: recounted,
		}
		work := func() error {
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			return days.Work(ctx)
		}
		want := func(when string, err error, left, commits int) {
			t.Helper()
			err = errors.Join(err, book.Store.View(t.Context(), func(tx store.Tx) error {
				for l, err := range kind.Scan(&change.Tx{Tx: tx}, "", "") {
					if err != nil {
						return err
					}
					if l.GetFilingDueProvisional() {
						left--
					}
				}
				return nil
			}))
			if err != nil || left != 0 || engine.commits != commits {
				t.Errorf("%s: %v, %d provisional days fewer than there should be, %d commits, want %d", when, err, left, engine.commits, commits)
			}
		}
		errTree := errors.New("no tree")
		book.Prepared = func(context.Context) error { return errTree }
		if err := work(); !errors.Is(err, errTree) {
			t.Errorf("before the tree is known: %v", err)
		}
		want("before it was known", nil, n/2, 1)
		book.Prepared = func(context.Context) error { return nil }
		f.Log.Hold("a test")
		if err := work(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the log is held: %v", err)
		}
		want("while it was held", nil, n/2, 1)
		f.Log.Release()
		want("once it goes on", work(), 0, 1+2+1)
		put()
		want("at another start", work(), n/2, 5)
		days.Calendar = other
		want("with other holidays", work(), 0, 5+2+1)
	})
}
