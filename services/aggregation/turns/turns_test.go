package turns

import (
	"context"
	"errors"
	"testing"
	"time"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/fault"
)

func TestLongReportsTakeTurns(t *testing.T) {
	r := New()
	keep, err := r.Take(t.Context(), reports.MaxRows) // a file
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Take(t.Context(), reports.PageRows); err != nil {
		t.Errorf("a page waits for nothing: %v", err)
	}
	r.turn = time.Millisecond
	_, err = r.Take(t.Context(), reports.PageRows+1)
	if f := fault.As(err); f == nil || f.Reason != fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED).Reason || f.Retry != later {
		t.Errorf("one row more: %v", err)
	}
	r.turn = turn
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Take(gone, most); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has gone: %v", err)
	}
	next := make(chan error)
	go func() {
		_, err := r.Take(t.Context(), most)
		next <- err
	}()
	keep(0)
	if err := <-next; err != nil {
		t.Errorf("the next: %v", err)
	}
}

// A file has room for as many rows as it may have until it is known how many there are.
func TestWhatAFileDoesNotNeedIsGivenBack(t *testing.T) {
	r := New()
	keep, err := r.Take(t.Context(), reports.MaxRows)
	if err != nil {
		t.Fatal(err)
	}
	keep(2 * reports.PageRows)
	rest, err := r.Take(t.Context(), most-2*reports.PageRows)
	if err != nil {
		t.Fatal(err)
	}
	r.turn = time.Millisecond
	if _, err := r.Take(t.Context(), reports.PageRows+1); err == nil {
		t.Error("more was given back than was not needed")
	}
	rest(0)
	keep(0)
	keep(0)
	if _, err := r.Take(t.Context(), reports.MaxRows); err != nil {
		t.Errorf("all: %v", err)
	}
}
