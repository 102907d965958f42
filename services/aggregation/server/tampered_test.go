package server_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
	"github.com/duban-project/duban/services/aggregation/joins"
	"github.com/duban-project/duban/services/aggregation/lower"
	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
)

// full is a short history that leaves something in every bucket: two months, a unit
// that moves, a clock that is set back, a report, what ended it, and an installation below.
// Nothing of it is random.
func full(t *testing.T) (*joined, []recount.Source) {
	j := newJoined(t, nil)
	p := &rectificationv1.Problem{
		Name: "ledgers/l/problems/1", Unit: "units/b1", Campaign: "campaigns/x", Category: "c1", CreateTime: j.stamp(),
		State: rectificationv1.Problem_STATE_SUBMITTED, Source: rectificationv1.Problem_SOURCE_SUPERIOR, Deadline: "2026-02-01",
	}
	j.append("rectification", p.GetName(), p)
	j.append("rectification", "ledgers/l", &rectificationv1.Ledger{Name: "ledgers/l", Unit: "units/b1", Campaign: "campaigns/x", FilingDueDate: "2026-01-05"})
	j.append("campaign", "campaigns/x", &campaignv1.Campaign{Name: "campaigns/x", Owner: "units/root", State: campaignv1.Campaign_STATE_PUBLISHED})
	j.append("evaluation", "rounds/1/results/b", &evaluationv1.Result{
		Name: "rounds/1/results/b", Unit: "units/b", PublishTime: j.stamp(), Rank: 1, CompositeMilli: proto.Int64(9),
	})
	j.now = j.now.AddDate(0, 1, 0)
	j.lie("b1", "root")
	j.append("organization", "units/gone", &organizationv1.Unit{Name: "units/gone", Parent: "units/b1", State: organizationv1.Unit_STATE_MERGED})
	theirs := &rectificationv1.Problem{Name: "ledgers/m/problems/1", Unit: "units/a1", CreateTime: j.stamp(), State: rectificationv1.Problem_STATE_PLANNED}
	j.append(belowFeed, theirs.GetName(), theirs)
	j.feeds[belowFeed][0].Sealed = []*feedv1.Commitment{{Label: "text"}}
	j.append(belowPlan, "campaigns/y", &campaignv1.Campaign{
		Name: "campaigns/y", State: campaignv1.Campaign_STATE_PUBLISHED, Parent: "installations/510000/campaigns/x",
	})
	j.append("federation", belowName+"/refusedUnits/b", &federationv1.RefusedUnit{Name: belowName + "/refusedUnits/b", Unit: "units/b"})
	j.now = j.now.Add(-50 * 24 * time.Hour) // a clock that was set back stood still
	p.Accepted = true
	j.append("rectification", p.GetName(), p)
	j.now = j.now.Add(60 * 24 * time.Hour)
	j.reportOf("units/a2")
	j.proposalOf("units/a1x")
	first := &rectificationv1.Problem{Name: "ledgers/n/problems/1", Unit: "units/a2", CreateTime: j.stamp(), State: rectificationv1.Problem_STATE_PLANNED, Accepted: true}
	j.append(belowFeed, first.GetName(), first) // ends what the report said
	j.append(belowReports, "reports/9", &aggregationv1.Report{Name: "reports/9", Unit: "units/a1", Source: "s", Form: "reportForms/ledger-monthly", Period: "2026-01"})
	j.append(belowReports, "reports/9/pages/000000", &aggregationv1.ReportPage{Name: "reports/9/pages/000000", Report: "reports/9", Rows: []*aggregationv1.Report_Row{
		{ResolvedUnit: "units/a1", Field: "found", Value: 7, Proposed: true}, // what awaits below is not seen above
	}})
	return j, j.settleBelow()
}

// reportOf accepts a report that says two things of a unit.
func (h *history) reportOf(unit string) {
	h.count("organization", len(h.feeds["organization"]))
	r := &aggregationv1.Report{
		Name: "reports/1", Form: "reportForms/ledger-monthly", Unit: "units/root", State: aggregationv1.Report_STATE_ACCEPTED,
		Period: "2025-12", Source: "s", Sequence: 1,
	}
	page := &aggregationv1.ReportPage{Name: r.GetName() + "/pages/000000", Report: r.GetName(), Rows: []*aggregationv1.Report_Row{
		{ResolvedUnit: unit, Field: "found", Value: 3}, {ResolvedUnit: unit, Field: "rectifying", Value: 2},
	}}
	p := &filed{Report: r, page: page}
	h.keep(p)
	h.fold(p, p, func(fold *figures.Fold, row *aggregationv1.Report_Row, said reported.Figure) (err error) {
		_, row.Counted, err = fold.Enter(said)
		return err
	})
}

// proposalOf submits a report that says two things of a unit.
func (h *history) proposalOf(unit string) {
	r := &aggregationv1.Report{
		Name: "reports/2", Form: "reportForms/ledger-monthly", Unit: "units/root", State: aggregationv1.Report_STATE_SUBMITTED,
		Period: "2025-12", Source: "s", Sequence: 2, CreateTime: h.stamp(),
	}
	page := &aggregationv1.ReportPage{Name: r.GetName() + "/pages/000000", Report: r.GetName(), Rows: []*aggregationv1.Report_Row{
		{ResolvedUnit: unit, Field: "found", Value: 5, Proposed: true}, {ResolvedUnit: unit, Field: "rectifying", Value: 4, Proposed: true},
	}}
	p := &filed{Report: r, page: page}
	h.keep(p)
	h.fold(p, p, func(fold *figures.Fold, _ *aggregationv1.Report_Row, said reported.Figure) error {
		return fold.Propose(said)
	})
}

// tampered is a store in one bucket of which there are other rows.
type tampered struct {
	store.Engine
	bucket string
	rows   []store.Entry
}

type tamperedTx struct {
	store.Tx
	*tampered
}

func (e *tampered) View(ctx context.Context, read func(store.Tx) error) error {
	return e.Engine.View(ctx, func(tx store.Tx) error { return read(tamperedTx{tx, e}) })
}

func (x tamperedTx) Scan(bucket string, from, to []byte) iter.Seq2[store.Entry, error] {
	if bucket != x.bucket {
		return x.Tx.Scan(bucket, from, to)
	}
	return func(yield func(store.Entry, error) bool) {
		for _, e := range x.rows {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (x tamperedTx) Get(bucket string, key []byte) ([]byte, error) {
	if bucket != x.bucket {
		return x.Tx.Get(bucket, key)
	}
	for _, e := range x.rows {
		if bytes.Equal(e.Key, key) {
			return e.Value, nil
		}
	}
	return nil, store.ErrNotFound
}

// TestARecountFindsWhateverIsNotAsTheFeedsSay: an emptied bucket, a row too many and
// every flipped byte of every bucket that is kept of feeds is a difference, and none
// makes it panic.
func TestARecountFindsWhateverIsNotAsTheFeedsSay(t *testing.T) {
	j, sources := full(t)
	defer j.close()
	if err := recount.Check(t.Context(), j.stores["aggregation"], sources); err != nil {
		t.Fatalf("what is as the feeds say: %v", err)
	}
	check := func(what, bucket string, rows []store.Entry) {
		err := recount.Check(t.Context(), &tampered{j.stores["aggregation"], bucket, rows}, sources)
		if !errors.Is(err, recount.ErrDifferent) {
			t.Errorf("%s in %s: %v", what, bucket, err)
		}
	}
	for _, bucket := range slices.Concat(figures.Buckets, joins.Buckets, lower.Buckets, worklist.Buckets, []string{"reports.campaigns"}) {
		tamper(t, j, bucket, check)
	}
}

func tamper(t *testing.T, j *joined, bucket string, check func(what, bucket string, rows []store.Entry)) {
	var rows []store.Entry
	err := j.stores["aggregation"].View(t.Context(), func(tx store.Tx) error {
		for e, err := range tx.Scan(bucket, nil, nil) {
			if err != nil {
				return err
			}
			rows = append(rows, e)
		}
		return nil
	})
	if err != nil || len(rows) == 0 {
		t.Fatalf("%s has nothing: %v", bucket, err)
	}
	check("no rows", bucket, nil)
	for _, junk := range []string{"", "x", "78", strings.Repeat("\xff", 20), "a\x00b\x00" + strings.Repeat("\x80", 11)} {
		check("junk", bucket, append(slices.Clone(rows), store.Entry{Key: []byte("x" + junk), Value: []byte(junk)}))
	}
	for _, i := range []int{0, len(rows) / 2, len(rows) - 1} {
		other := slices.Clone(rows)
		for at := range rows[i].Value {
			other[i].Value = bytes.Clone(rows[i].Value)
			other[i].Value[at] ^= 1
			check("a flipped byte", bucket, other)
		}
		other[i].Value = rows[i].Value[:max(0, len(rows[i].Value)-1)]
		if len(rows[i].Value) > 0 {
			check("a row cut short", bucket, other)
		}
	}
}
