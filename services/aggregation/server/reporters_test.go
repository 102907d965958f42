package server_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/desk"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// tableOf is where the desk keeps such records.
func tableOf[T interface {
	proto.Message
	GetName() string
}](bucket string) store.Table[T] {
	return store.Table[T]{Bucket: bucket, Key: T.GetName, Indexes: desk.Indexes[bucket]}
}

// sending stores that so many schools beneath a unit sent a report each month, and names the
// last.
func (s *scene) sending(parent string, schools, months int) (last string) {
	s.T.Helper()
	kept := tableOf[*aggregationv1.Report]("duban.aggregation.v1.Report")
	sources := tableOf[*aggregationv1.ReportSource]("duban.aggregation.v1.ReportSource")
	first := suitetest.Start.AddDate(0, -months, 0)
	for n := range schools {
		last = s.Unit(fmt.Sprintf("%s-%03d", strings.TrimPrefix(parent, "units/"), n), parent, organizationv1.Unit_KIND_SCHOOL)
		err := s.Stores()["aggregation"].Update(s.T.Context(), func(tx store.Tx) error {
			var r *aggregationv1.Report
			for i := range months {
				month := first.AddDate(0, i, 0)
				r = &aggregationv1.Report{
					Form: "reportForms/ledger-monthly", Unit: last, Period: month.Format("2006-01"), Source: "eis", Sequence: int64(i + 1),
					State: aggregationv1.Report_STATE_ACCEPTED, CreateTime: timestamppb.New(month.AddDate(0, 1, 0)),
				}
				r.Name, r.Duty = reports.Name(r), reports.Duty(r.GetUnit(), r.GetForm(), r.GetPeriod())
				if err := kept.Put(tx, r); err != nil {
					return err
				}
			}
			return sources.Put(tx, &aggregationv1.ReportSource{
				Name: reports.SourceName(last, "eis"), Unit: last, Source: "eis", LastSequence: int64(months),
				CreateTime: timestamppb.New(first.AddDate(0, 1, 0)), ReportTime: r.GetCreateTime(),
				ReportedUntil: r.GetCreateTime().AsTime().AddDate(0, 0, -r.GetCreateTime().AsTime().Day()).Format(time.DateOnly),
			})
		})
		if err != nil {
			s.T.Fatal(err)
		}
	}
	return last
}

// Of more sources than a status names it names the first by unit, says how many there
// are, and says the same now as of this moment later.
func TestAStatusNamesTheFirstSources(t *testing.T) {
	s := newScene(t)
	school := s.sending(s.district, 202, 2)
	s.sending(s.Root, 1, 2)
	s.CatchUp()
	for unit, want := range map[string][2]int{s.Root: {200, 203}, s.district: {200, 202}, school: {1, 1}, s.other: {0, 0}} {
		now := s.status(s.reviewer.Key, unit, nil)
		list := now.GetReportSources()
		if got := [2]int{len(list), int(now.GetReportSourcesTotal())}; got != want {
			t.Errorf("%s has %d sources of %d, want %v", unit, got[0], got[1], want)
		}
		if !slices.IsSortedFunc(list, func(a, b *aggregationv1.ReportingSource) int { return strings.Compare(a.GetUnit(), b.GetUnit()) }) {
			t.Errorf("the sources of %s are in no order", unit)
		}
		if len(list) > 0 && list[0].GetReportedUntil() != "2026-01-31" {
			t.Errorf("the first of %s is %v", unit, list[0])
		}
		s.SetTime(now.GetAsOf().AsTime().Add(time.Minute))
		then := s.status(s.reviewer.Key, unit, &aggregationv1.Cut{AsOf: now.GetAsOf()})
		if diff := cmp.Diff(list, then.GetReportSources(), protocmp.Transform()); diff != "" || then.GetReportSourcesTotal() != now.GetReportSourcesTotal() {
			t.Errorf("%s (-now +then, of %d) %s", unit, then.GetReportSourcesTotal(), diff)
		}
	}
}

// BenchmarkReporters reads the status of the root and of a school, of 300 sources that
// reported for three years.
func BenchmarkReporters(b *testing.B) {
	s := newScene(b)
	school := s.sending(s.district, 300, 36)
	s.SetTime(suitetest.Start.AddDate(0, 0, 1))
	s.CatchUp()
	for name, unit := range map[string]string{"root": s.Root, "school": school} {
		for when, cut := range map[string]*aggregationv1.Cut{"now": nil, "past": {AsOf: timestamppb.New(suitetest.Start.Add(time.Hour))}} {
			b.Run(name+"/"+when, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.status(s.reviewer.Key, unit, cut)
				}
			})
		}
	}
	if n := len(s.status(s.reviewer.Key, school, nil).GetReportSources()); n != 1 {
		b.Errorf("%d sources", n)
	}
}

// sources is a random history of what two systems of a school report, from the oldest
// report on.
type sources struct {
	*rapid.T
	s      *scene
	unit   string
	now    *time.Time              // of the suite, which goes on from history to history
	page   *atomic.Pointer[string] // which cannot be judged
	sent   []*aggregationv1.Report
	failed bool // whether one could not be judged, or none is to
}

// next is a report that may be taken, perhaps in the place of another of its source.
func (h *sources) next(t *rapid.T) *aggregationv1.Report {
	r := h.s.report(int64(len(h.sent)+1), row(h.unit, "found", 1))
	r.Unit, r.Source = h.unit, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source")
	r.Period = rapid.SampledFrom([]string{"2025-11", "2025-12", "2026-01"}).Draw(t, "period")
	if len(h.sent) > 0 && rapid.Bool().Draw(t, "corrects") {
		before := rapid.SampledFrom(h.sent).Draw(t, "before")
		r.Supersedes, r.Source, r.Period = before.GetName(), before.GetSource(), before.GetPeriod()
	}
	return r
}

// came notes that a report came, if it could, and says so.
func (h *sources) came(t *rapid.T, r *aggregationv1.Report, err error) bool {
	if err != nil && !errors.Is(err, reports.ErrSupersedes) {
		t.Fatal(err)
	}
	if err == nil {
		h.sent = append(h.sent, r)
	}
	return err == nil
}

func (h *sources) send(t *rapid.T) {
	r, err := h.s.send(h.next(t))
	h.came(t, r, err)
}

// fail sends a report of which a page cannot be judged: once, as it is long, and in few
// histories.
func (h *sources) fail(t *rapid.T) {
	if h.failed {
		t.Skip()
	}
	r := h.next(t)
	r.Rows = nil
	bad := reports.PageName(reports.Name(r), 1)
	h.page.Store(&bad)
	r, err := h.s.Aggregation(h.s.machine.Key).UploadReport(h.s.T.Context(), &aggregationv1.UploadReportRequest{
		Report: r, Content: []byte(lines(210, h.unit)), Format: aggregationv1.UploadReportRequest_FORMAT_CSV,
	})
	if h.failed = h.came(t, r, err); h.failed && h.s.finished(r.GetName()).GetState() != aggregationv1.Report_STATE_RETURNED {
		t.Fatalf("what cannot be judged is %v", r)
	}
}

func (h *sources) review(t *rapid.T, as func(name string) error) {
	if len(h.sent) == 0 {
		return
	}
	if err := as(rapid.SampledFrom(h.sent).Draw(t, "report").GetName()); err != nil && !errors.Is(err, reports.ErrIllegalMove) {
		t.Fatal(err)
	}
}

func (h *sources) accept(t *rapid.T) {
	h.review(t, func(name string) error {
		_, err := h.s.Aggregation(h.s.reviewer.Key).AcceptReport(h.s.T.Context(), &aggregationv1.AcceptReportRequest{Name: name})
		return err
	})
}

// giveBack returns a report, later than any came.
func (h *sources) giveBack(t *rapid.T) {
	*h.now = h.now.Add(time.Minute)
	h.s.SetTime(*h.now)
	h.review(t, func(name string) error {
		_, err := h.s.Aggregation(h.s.reviewer.Key).ReturnReport(h.s.T.Context(), &aggregationv1.ReturnReportRequest{Name: name, Reason: "退回"})
		return err
	})
}

// look holds what a status says of the sources against what their reports say.
func (h *sources) look(t *rapid.T) {
	var want []*aggregationv1.ReportingSource
	err := h.s.Stores()["aggregation"].View(h.s.T.Context(), func(tx store.Tx) error {
		var sent []*aggregationv1.Report
		for r, err := range tableOf[*aggregationv1.Report]("duban.aggregation.v1.Report").Lookup(tx, "unit", h.unit, "") {
			if err != nil {
				return err
			}
			sent = append(sent, r)
		}
		for _, source := range []string{"a", "b"} {
			at := &aggregationv1.ReportSource{Name: reports.SourceName(h.unit, source), Unit: h.unit, Source: source}
			if is := reports.Reporting(at, reports.Then(sent, *h.now)); is.ReportTime != nil {
				want = append(want, is)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	status := h.s.status(h.s.reviewer.Key, h.unit, nil)
	diff := cmp.Diff(want, status.GetReportSources(), protocmp.Transform(), protocmp.IgnoreFields(&aggregationv1.ReportingSource{}, "reports_missing"))
	if diff != "" || status.GetReportSourcesTotal() != int64(len(want)) {
		t.Fatalf("of %d sources (-reports +kept)\n%s", status.GetReportSourcesTotal(), diff)
	}
}

// What is kept of a source is what its reports say, after any order of reports,
// corrections, acceptances, returns, and reports that cannot be judged.
func TestWhatIsKeptOfASourceIsWhatItsReportsSay(t *testing.T) {
	s, page := newPoisoned(t, "reports.spool")
	n, now := 0, suitetest.Start
	rapid.Check(t, func(r *rapid.T) {
		n++
		h := &sources{T: r, s: s, unit: s.Unit(fmt.Sprint("o", n), s.district, organizationv1.Unit_KIND_SCHOOL), now: &now, page: page, failed: rapid.IntRange(0, 3).Draw(r, "lasts") > 0}
		s.machine = s.Machine(h.unit, accessv1.Role_ROLE_REPORTER)
		r.Repeat(map[string]func(*rapid.T){"send": h.send, "correct": h.send, "accept": h.accept, "return": h.giveBack, "fail": h.fail, "": h.look})
	})
	s.recounted()
	s.checked()
}
