package server_test

import (
	"context"
	"slices"
	"testing"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// missing is a store that has lost a report, wherever it is read to be changed.
type missing struct {
	store.Engine
	report string
}

func (m missing) Update(ctx context.Context, fn func(store.Tx) error) error {
	return m.Engine.Update(ctx, func(tx store.Tx) error { return fn(missingTx{tx, m.report}) })
}

type missingTx struct {
	store.Tx
	report string
}

func (tx missingTx) Get(bucket string, key []byte) ([]byte, error) {
	if bucket == "duban.aggregation.v1.Report" && string(key) == tx.report {
		return nil, store.ErrNotFound
	}
	return tx.Tx.Get(bucket, key)
}

// The work on a report that is lost is dropped: it is not tried for ever, and no other
// report waits for it.
func TestTheWorkOnALostReportIsDropped(t *testing.T) {
	lost := reports.Name(&aggregationv1.Report{Unit: "units/d", Source: "eis", Sequence: 1})
	s := newSceneOn(suitetest.RunOver(t, func(role string, e store.Engine) store.Engine {
		if role != "aggregation" {
			return e
		}
		return missing{e, lost}
	}))
	s.published("x", s.Root)
	if name := s.uploaded(s.report(1), lines(800, s.school)).GetName(); name != lost {
		t.Fatalf("%s is lost, and %s was sent", lost, name)
	}
	next := s.report(2)
	next.Period = "2025-12"
	if r := s.finished(s.uploaded(next, lines(800, s.school)).GetName()); r.GetState() != aggregationv1.Report_STATE_SUBMITTED || r.GetTotals().GetCreated() != 1600 {
		t.Errorf("the next = %v", r)
	}
	s.idle(lost)
}

// idle returns when there is no work on a report.
func (s *scene) idle(report string) {
	s.T.Helper()
	s.work(func(list []string) bool { return !slices.Contains(list, report) })
}

// work returns when the list of reports on which there is work is done. It gives up after
// half a minute.
func (s *scene) work(done func([]string) bool) {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(s.T.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := jobs.Reports(ctx, s.Stores()["aggregation"])
		if err != nil {
			s.T.Fatal(err)
		}
		if done(list) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.T.Fatalf("the work on %v has no end", list)
		}
	}
}
