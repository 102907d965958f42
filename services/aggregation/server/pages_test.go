package server_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// longest is a row with texts as long as the contract lets pass.
func longest(unit string) *aggregationv1.Report_Row {
	text := strings.Repeat("\U00020000", 1024)
	return &aggregationv1.Report_Row{Unit: unit, Scheme: text, Code: text, Field: text, Campaign: text, Category: text, Value: 1}
}

// A report whose rows are as long as they may be is judged wholly, and what can be
// counted of it is.
func TestTheLongestRowsAreJudged(t *testing.T) {
	s := newScene(t)
	r := s.report(1, row(s.school, "found", 3))
	for range 60 {
		r.Rows = append(r.Rows, longest(s.other))
	}
	text := strings.Repeat("\U00020000", 1024)
	waits := row("", "found", 1)
	waits.Scheme, waits.Code = strings.Repeat("s", 32), text[:4*64]
	r.Rows = append(r.Rows, row(s.other, "found", 5), waits)
	name := s.sent(r).GetName()
	if got := s.finished(name); got.GetPages() < 5 || got.GetTotals().GetRejected() != 60 || got.GetTotals().GetCreated() != 2 || got.GetTotals().GetQuarantined() != 1 {
		t.Errorf("%d pages, %v", got.GetPages(), got.GetTotals())
	}
	s.accepted(name)
	if got := s.finished(name); got.GetState() != aggregationv1.Report_STATE_ACCEPTED || got.GetTotals().GetCounted() != 2 {
		t.Errorf("entered = %v", got)
	}
	if got := s.rows(name, ""); len(got) != 63 {
		t.Errorf("%d rows", len(got))
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 8)
	s.recounted()
}

// poisoned is a store in which a text of a row on one page is larger than any entry
// may be, wherever it is read to be changed.
type poisoned struct {
	store.Engine
	bucket string
	page   *atomic.Pointer[string]
}

func (p poisoned) Update(ctx context.Context, fn func(store.Tx) error) error {
	return p.Engine.Update(ctx, func(tx store.Tx) error { return fn(poisonedTx{tx, p}) })
}

type poisonedTx struct {
	store.Tx
	of poisoned
}

func (tx poisonedTx) Get(bucket string, key []byte) ([]byte, error) {
	b, err := tx.Tx.Get(bucket, key)
	if page := tx.of.page.Load(); err != nil || page == nil || bucket != tx.of.bucket || string(key) != *page {
		return b, err
	}
	page := &aggregationv1.ReportPage{}
	if err := proto.Unmarshal(b, page); err != nil {
		return nil, err
	}
	page.Rows[0].MessageEn, page.Rows[1].Field = strings.Repeat("x", feed.MaxEntry), strings.Repeat("x", feed.MaxEntry)
	return proto.Marshal(page)
}

// newPoisoned is a scene over such a store, and what says which page it is.
func newPoisoned(t *testing.T, bucket string) (*scene, *atomic.Pointer[string]) {
	page := &atomic.Pointer[string]{}
	s := newSceneOn(suitetest.RunOver(t, func(role string, e store.Engine) store.Engine {
		if role != "aggregation" {
			return e
		}
		return poisoned{e, bucket, page}
	}))
	s.published("x", s.Root)
	return s, page
}

// A report with a page that cannot be judged comes to an end that its sender sees,
// keeps the pages before it, keeps no other report waiting, and can be sent again.
func TestAPageThatCannotBeJudgedEndsItsReport(t *testing.T) {
	s, page := newPoisoned(t, "reports.spool")
	name := reports.Name(s.report(1))
	bad := reports.PageName(name, 2)
	page.Store(&bad)
	s.uploaded(s.report(1), lines(800, s.school))
	r := s.finished(name)
	if r.GetState() != aggregationv1.Report_STATE_RETURNED || r.GetFailure() != "REPORT_ROWS_FAILED" || r.GetReturnReason() == "" || r.GetReviewer() != "" {
		t.Errorf("= %v", r)
	}
	if rows := s.rows(name, ""); r.GetPages() != 2 || len(rows) != 800 || r.GetTotals().GetRows() != 800 {
		t.Errorf("%d pages, %d rows, %v", r.GetPages(), len(rows), r.GetTotals())
	}
	again := s.report(2)
	again.Supersedes = name
	s.accepted(s.finished(s.uploaded(again, lines(800, s.school)).GetName()).GetName())
	if r := s.finished(reports.Name(again)); r.GetState() != aggregationv1.Report_STATE_ACCEPTED || r.GetFailure() != "" {
		t.Errorf("sent again = %v", r)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 1600)
}

// A page that cannot be counted is passed over: the others are, and the report says
// that some are not.
func TestAPageThatCannotBeCountedIsPassedOver(t *testing.T) {
	s, page := newPoisoned(t, "duban.aggregation.v1.ReportPage")
	name := s.uploaded(s.report(1), lines(800, s.school)).GetName()
	s.finished(name)
	bad := reports.PageName(name, 2)
	page.Store(&bad)
	s.accepted(name)
	r := s.finished(name)
	if r.GetState() != aggregationv1.Report_STATE_ACCEPTED || r.GetFailure() != "REPORT_ROWS_FAILED" || r.GetTotals().GetCounted() != 1200 {
		t.Errorf("= %v", r)
	}
	page.Store(nil)
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 1200)
	s.recounted()
}

// A page that cannot be judged again is passed over: the others are, and the round in
// which that happened does not say that nothing was.
func TestAPageThatCannotBeJudgedAgainIsPassedOver(t *testing.T) {
	s, page := newPoisoned(t, "duban.aggregation.v1.ReportPage")
	name := s.uploaded(s.report(1), strings.ReplaceAll(lines(800, s.school), "campaigns/x", "campaigns/y")).GetName()
	if r := s.finished(name); r.GetTotals().GetQuarantined() != 1600 {
		t.Fatalf("before the campaign is published = %v", r)
	}
	bad := reports.PageName(name, 2)
	page.Store(&bad)
	s.published("y", s.Root)
	s.until(name, func(totals *aggregationv1.Report_Totals) bool {
		return totals.GetCreated() == 1200 && totals.GetQuarantined() == 400
	})
	if r := s.finished(name); r.GetState() != aggregationv1.Report_STATE_SUBMITTED || r.GetFailure() != "REPORT_ROWS_FAILED" {
		t.Errorf("= %v", r)
	}
}

// Answers with rows as long as they may be are cut by bytes: lists go on where they
// were cut, and a file says that it is not whole.
func TestAnswersOfTheLongestRowsAreCutByBytes(t *testing.T) {
	const rows, size = 680, 777
	s := newScene(t)
	r := s.report(1)
	for range rows {
		r.Rows = append(r.Rows, longest(s.other))
	}
	name := s.sent(r).GetName()
	s.finished(name)
	seen, req := 0, &aggregationv1.ListReportRowsRequest{Parent: name, PageSize: size}
	for more := true; more; more = req.PageToken != "" {
		page, err := s.Aggregation(s.reviewer.Key).ListReportRows(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if n := proto.Size(page); n > 2<<20+size<<10+64<<10 {
			t.Errorf("a page of %d rows has %d bytes", len(page.GetRows()), n)
		}
		seen += len(page.GetRows())
		req.PageToken = page.GetNextPageToken()
	}
	if seen != rows {
		t.Errorf("%d rows in all pages, want %d", seen, rows)
	}
	file, err := s.Aggregation(s.reviewer.Key).ExportReportRows(t.Context(), &aggregationv1.ExportReportRowsRequest{Parent: name, Format: aggregationv1.UploadReportRequest_FORMAT_CSV})
	if err != nil || !file.GetTruncated() || len(file.GetContent()) == 0 {
		t.Errorf("a file of %d bytes, truncated %t, %v", len(file.GetContent()), file.GetTruncated(), err)
	}
}
