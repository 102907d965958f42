package server_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// told is what a status said at a moment.
type told struct {
	at     time.Time
	unit   string
	status *aggregationv1.Status
}

// year is a story of ledgers and reports that are late, come, are returned and come
// again, of units that move and end; it returns what statuses said on the way.
func (s *scene) year() (all []told) {
	s.T.Helper()
	ctx, reviewer := s.T.Context(), s.Aggregation(s.reviewer.Key)
	s.forms(s.district, true)
	s.forms(s.school, true)
	s.published("known", s.Root)
	s.running(s.Campaign(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key), "2026-12-10")
	tell := func(month time.Month, day, year int, then func()) {
		s.T.Helper()
		s.SetTime(time.Date(year, month, day, 1, 0, 0, 0, time.UTC))
		then()
		s.CatchUp()
		s.settled()
		for _, unit := range []string{s.Root, s.district, s.school} {
			all = append(all, told{time.Date(year, month, day, 1, 0, 0, 0, time.UTC), unit, s.status(s.reviewer.Key, unit, nil)})
		}
	}
	nothing := func() {}
	var came *aggregationv1.Report
	send := func(sequence int64, supersedes string) func() {
		return func() {
			r := s.report(sequence, row(s.school, "found", sequence))
			r.Period, r.Supersedes = "2026-02", supersedes
			came = s.sent(r)
		}
	}
	returned := func() {
		if _, err := reviewer.ReturnReport(ctx, &aggregationv1.ReturnReportRequest{Name: came.GetName(), Reason: "请核对"}); err != nil {
			s.T.Fatal(err)
		}
	}
	org := s.Organization(s.SystemAdmin)
	tell(3, 10, 2026, nothing)
	tell(3, 12, 2026, send(1, ""))
	tell(3, 20, 2026, returned)
	tell(4, 2, 2026, func() { send(2, came.GetName())() })
	tell(4, 3, 2026, func() { send(3, came.GetName())() }) // before anybody looked at the second
	tell(4, 14, 2026, returned)
	tell(5, 2, 2026, func() { send(4, came.GetName())() })
	tell(5, 20, 2026, func() { s.accepted(came.GetName()) })
	tell(11, 2, 2026, nothing)
	tell(12, 20, 2026, nothing)
	tell(12, 22, 2026, func() {
		if _, err := org.MoveUnit(ctx, &organizationv1.MoveUnitRequest{Name: s.school, Parent: s.Root}); err != nil {
			s.T.Fatal(err)
		}
	})
	tell(1, 4, 2027, func() {
		if _, err := org.ArchiveUnit(ctx, &organizationv1.ArchiveUnitRequest{Name: s.other}); err != nil {
			s.T.Fatal(err)
		}
	})
	tell(3, 10, 2027, nothing)
	return all
}

// Whatever came, was returned and moved since: a status as of a past moment says of what
// was missing, of whom, and of how fresh those were who report, what the status then said.
func TestWhatWasMissingThenIsToldAsItWasThen(t *testing.T) {
	s := newScene(t)
	all := s.year()
	var units, reports, sources int
	for _, then := range all {
		got := s.status(s.reviewer.Key, then.unit, &aggregationv1.Cut{AsOf: timestamppb.New(then.at)})
		was, is := then.status.GetMissing(), got.GetMissing()
		if is.GetTotal() != was.GetTotal() || len(is.GetItems()) > 0 {
			t.Errorf("%s as of %v: %d of %d are missing", then.unit, then.at, is.GetTotal(), was.GetTotal())
		}
		if diff := cmp.Diff(owing(was.GetItems()), named(is.GetUnits())); diff != "" {
			t.Errorf("%s as of %v: who owes (-then +now) %s", then.unit, then.at, diff)
		}
		if diff := cmp.Diff(was.GetReports(), is.GetReports(), protocmp.Transform()); diff != "" || is.ReportsTotal == nil || is.GetReportsTotal() != was.GetReportsTotal() {
			t.Errorf("%s as of %v: %d reports of %d, (-then +now) %s", then.unit, then.at, is.GetReportsTotal(), was.GetReportsTotal(), diff)
		}
		if diff := cmp.Diff(then.status.GetReportSources(), got.GetReportSources(), protocmp.Transform()); diff != "" || got.GetReportSourcesTotal() != then.status.GetReportSourcesTotal() {
			t.Errorf("%s as of %v: who reports (-then +now) %s", then.unit, then.at, diff)
		}
		units, reports, sources = units+len(is.GetUnits()), reports+len(is.GetReports()), sources+len(got.GetReportSources())
	}
	if units == 0 || reports == 0 || sources == 0 {
		t.Errorf("the story has %d units that owe, %d reports that are missing and %d sources", units, reports, sources)
	}
}

// owing is how many ledgers and assignments each unit owes of those named.
func owing(items []*aggregationv1.Missing_Item) map[string]string {
	counts, all := map[string][2]int{}, map[string]string{}
	for _, item := range items {
		of := counts[item.GetUnit()]
		if strings.Contains(item.GetSubject(), "ledger") {
			of[0]++
		} else {
			of[1]++
		}
		counts[item.GetUnit()] = of
	}
	for unit, of := range counts {
		all[unit] = fmt.Sprintf("%d ledgers, %d tasks", of[0], of[1])
	}
	return all
}

func named(units []*aggregationv1.Missing_Owing) map[string]string {
	all := map[string]string{}
	for _, o := range units {
		all[o.GetUnit()] = fmt.Sprintf("%d ledgers, %d tasks", o.GetLedgers(), o.GetTasks())
	}
	return all
}

// Of a past moment nothing is told that was not so then, and a file has what the status
// does.
func TestAFileOfAPastMomentSaysWhatWasThen(t *testing.T) {
	s := newScene(t)
	s.year()
	at := time.Date(2026, 12, 20, 1, 0, 0, 0, time.UTC)
	cut := &aggregationv1.Cut{AsOf: timestamppb.New(at)}
	status := s.status(s.reviewer.Key, s.Root, cut)
	if m := status.GetMissing(); len(m.GetUnits()) < 3 || len(m.GetReports()) == 0 || len(status.GetReportSources()) != 1 {
		t.Fatalf("missing is %v, of %v", m, status.GetReportSources())
	}
	file, err := s.Aggregation(s.reviewer.Key).ExportStatus(t.Context(), &aggregationv1.ExportStatusRequest{Name: s.Root, Cut: cut})
	if err != nil {
		t.Fatal(err)
	}
	text, notes := string(file.GetData()), noted(t, file.GetData())
	for _, f := range status.GetFreshness() {
		if f.GetCursor() != 0 || f.GetSize() != 0 || f.GetNewestAt() != nil || f.GetHeardAgo() != nil || f.GetNewestEffective().AsTime().After(at) {
			t.Errorf("as of %v: %v", at, f)
		}
		if line := notes["数据新鲜度 (freshness) "+f.GetService()]; !strings.Contains(line, "(not_kept)") || strings.Contains(line, "2027") {
			t.Errorf("the file says of %s %q", f.GetService(), line)
		}
	}
	for _, o := range status.GetMissing().GetUnits() {
		if want := fmt.Sprintf("未报备台账 (ledgers) %d，未上报任务 (tasks) %d", o.GetLedgers(), o.GetTasks()); notes["逾期未办单位 (missing.units) "+o.GetUnit()] != want {
			t.Errorf("the file does not say of %s %s", o.GetUnit(), want)
		}
	}
	for _, r := range status.GetMissing().GetReports() {
		if !strings.Contains(text, "欠报报表 (missing.reports) "+r.GetUnit()+","+r.GetSubject()+" "+r.GetPeriod()) {
			t.Errorf("the file does not say of %v", r)
		}
	}
	if got := notes["欠报报表数 (missing.reports_total)"]; got != strconv.FormatInt(status.GetMissing().GetReportsTotal(), 10) {
		t.Errorf("reports_total is %q", got)
	}
	if line := notes["报送来源 (report_sources) "+s.district+" eis"]; !strings.Contains(line, "(report_time) 2026-05-02") || !strings.Contains(line, "(reported_until) 2026-02-28") {
		t.Errorf("the source is %q", line)
	}
}

// Who owes what and who reports is for those alone who may know it: portals have totals,
// siblings nothing of each other, and where something is not told it is not 0.
func TestWhoOwedAndReportsIsNotForAll(t *testing.T) {
	s := newScene(t)
	s.year()
	for _, at := range []*timestamppb.Timestamp{nil, timestamppb.New(time.Date(2026, 12, 20, 1, 0, 0, 0, time.UTC))} {
		for _, key := range s.portals() {
			got := s.status(key, s.district, &aggregationv1.Cut{AsOf: at})
			m := got.GetMissing()
			if m.GetTotal() == 0 || len(m.GetUnits())+len(m.GetItems())+len(m.GetReports())+len(got.GetReportSources()) > 0 || m.ReportsTotal != nil || got.ReportSourcesTotal != nil {
				t.Errorf("a portal reads that %v is missing, of %v", m, got.GetReportSources())
			}
			if file, err := s.Aggregation(key).ExportStatus(t.Context(), &aggregationv1.ExportStatusRequest{Name: s.district, Cut: &aggregationv1.Cut{AsOf: at}}); err != nil ||
				strings.Contains(string(file.GetData()), "(missing.units") || strings.Contains(string(file.GetData()), "(missing.reports") || strings.Contains(string(file.GetData()), "(report_sources") {
				t.Errorf("a portal's file is %s, %v", file.GetData(), err)
			}
		}
		own := s.status(s.head.Key, s.school, &aggregationv1.Cut{AsOf: at})
		if len(own.GetReportSources()) > 0 || own.ReportSourcesTotal == nil || own.GetReportSourcesTotal() != 0 {
			t.Errorf("a school hears of %v", own.GetReportSources())
		}
		for _, o := range own.GetMissing().GetUnits() {
			if o.GetUnit() != s.school {
				t.Errorf("a school hears that %v", o)
			}
		}
		if m := s.status(s.eye.Key, s.district, &aggregationv1.Cut{AsOf: at, Campaign: "campaigns/known"}).GetMissing(); m.ReportsTotal != nil || m.GetTotal() == 0 {
			t.Errorf("in a campaign %v is missing", m)
		}
	}
}

// Each point of a series of what is overdue is what the status as of its end has, the last
// that of now; so is that of a series as of a past moment, and so are files.
func TestSeriesOfWhatIsOverdueAreAsKnownThen(t *testing.T) {
	s := newScene(t)
	s.year()
	now := time.Date(2027, 3, 10, 1, 0, 0, 0, time.UTC)
	for unit, asOf := range map[string]*timestamppb.Timestamp{s.Root: nil, s.district: timestamppb.New(time.Date(2027, 1, 2, 5, 0, 0, 0, time.UTC))} {
		start, bucket := "2026-11-01", aggregationv1.GetStatusSeriesRequest_BUCKET_MONTH
		if asOf != nil {
			start, bucket = "2026-12-05", aggregationv1.GetStatusSeriesRequest_BUCKET_DAY // in which a school moves away
		}
		for _, id := range []string{"items_missing", "ledgers_overdue", "tasks_overdue", "problems_overdue", "complaints_overdue", "ledgers_unacknowledged"} {
			series := suitetest.OK[*aggregationv1.StatusSeries](t)(s.Aggregation(s.reviewer.Key).GetStatusSeries(t.Context(), &aggregationv1.GetStatusSeriesRequest{
				Name: unit, Metric: "metrics/" + id, Bucket: bucket, Cut: &aggregationv1.Cut{StartDate: start, AsOf: asOf},
			}))
			var got, want []int64
			for _, p := range series.GetPoints() {
				got = append(got, p.GetFigure().GetValue())
				at := end(t, p.GetEndDate())
				if latest := last(asOf, now); at.After(latest) {
					at = latest
				}
				want = append(want, figure(s.status(s.reviewer.Key, unit, &aggregationv1.Cut{AsOf: timestamppb.New(at)}).GetFigures(), id).GetValue())
			}
			if !series.GetAsKnownThen() || !slices.Equal(got, want) || asOf == nil && len(got) != 5 {
				t.Errorf("%s as of %v is %v, want %v", id, asOf, got, want)
			}
			if id == "items_missing" && slices.Max(got) == got[0] {
				t.Errorf("nothing fell due: %v", got)
			}
		}
	}
	file := suitetest.OK[*httpbody.HttpBody](t)(s.Aggregation(s.reviewer.Key).ExportStatus(t.Context(), &aggregationv1.ExportStatusRequest{
		Name: s.Root, Metric: "metrics/items_missing", Table: aggregationv1.ExportStatusRequest_TABLE_SERIES, Cut: &aggregationv1.Cut{StartDate: "2026-11-01"},
	}))
	if rows := cellsOf(t, file.GetData()); len(rows) != 6 || rows[1][2] == rows[2][2] || noted(t, file.GetData())["按当时所知 (as_known_then)"] != "是" {
		t.Errorf("the file has %v", rows)
	}
	known := suitetest.OK[*aggregationv1.StatusSeries](t)(s.Aggregation(s.portals()[0]).GetStatusSeries(t.Context(), &aggregationv1.GetStatusSeriesRequest{
		Name: s.Root, Metric: "metrics/problems_found", Cut: &aggregationv1.Cut{StartDate: "2026-11-01", IncludeUnaccepted: true},
	}))
	if known.GetAsKnownThen() {
		t.Error("what came by day is said to be as known then")
	}
}

func last(asOf *timestamppb.Timestamp, now time.Time) time.Time {
	if asOf != nil {
		return asOf.AsTime()
	}
	return now
}

// end is the last moment of a day.
func end(t *testing.T, day string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700", day+" 23:59:59.999999999 +0800")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// A portal has no point that a superior has not accepted.
func TestPortalsSeriesAreOfWhatWasAccepted(t *testing.T) {
	s := newScene(t)
	s.problems(s.Person(s.school, accessv1.Role_ROLE_CLERK)) // of which one is not filed
	s.SetTime(time.Date(2027, 1, 4, 1, 0, 0, 0, time.UTC))
	s.settled()
	cut := &aggregationv1.Cut{StartDate: "2026-12-01", IncludeUnaccepted: true}
	points := func(key string) (values []int64) {
		for _, p := range suitetest.OK[*aggregationv1.StatusSeries](t)(s.Aggregation(key).GetStatusSeries(t.Context(), &aggregationv1.GetStatusSeriesRequest{
			Name: s.district, Metric: "metrics/problems_overdue", Cut: cut,
		})).GetPoints() {
			values = append(values, p.GetFigure().GetValue())
		}
		return values
	}
	whole := points(s.eye.Key)
	for _, key := range s.portals() {
		for i, value := range points(key) {
			if value >= whole[i] {
				t.Errorf("a portal reads %d of %d", value, whole[i])
			}
		}
	}
}

// A status names 200 systems that report and 100 units that owed at most, and says that
// there are more; a file has them all.
func TestWhatIsNamedIsBounded(t *testing.T) {
	s := newScene(t)
	for i := range 201 {
		r := s.report(1, row(s.school, "found", 1))
		r.Source = fmt.Sprintf("sys%03d", i)
		s.sent(r)
	}
	for i := range 101 {
		s.Unit(fmt.Sprintf("x%03d", i), s.district, organizationv1.Unit_KIND_SCHOOL)
	}
	s.published("known", s.Root)
	s.SetTime(time.Date(2026, 12, 20, 1, 0, 0, 0, time.UTC))
	s.settled()
	for _, tree := range []aggregationv1.Tree{aggregationv1.Tree_TREE_THEN, aggregationv1.Tree_TREE_NOW} {
		cut := &aggregationv1.Cut{AsOf: timestamppb.New(time.Date(2026, 12, 10, 1, 0, 0, 0, time.UTC)), TreeAsOf: tree}
		got := s.status(s.reviewer.Key, s.Root, cut)
		m := got.GetMissing()
		if len(got.GetReportSources()) != 200 || got.GetReportSourcesTotal() != 201 || len(m.GetUnits()) != 100 || !m.GetUnitsTruncated() || m.GetTotal() != 105 {
			t.Errorf("%v: %d of %d sources, %d units (more: %v) of %d things", tree, len(got.GetReportSources()), got.GetReportSourcesTotal(), len(m.GetUnits()), m.GetUnitsTruncated(), m.GetTotal())
		}
		file := suitetest.OK[*httpbody.HttpBody](t)(s.Aggregation(s.reviewer.Key).ExportStatus(t.Context(), &aggregationv1.ExportStatusRequest{Name: s.Root, Cut: cut}))
		text := string(file.GetData())
		if n, units := strings.Count(text, "(report_sources) "), strings.Count(text, "(missing.units) "); n != 201 || units != 105 || strings.Contains(text, "units_truncated") {
			t.Errorf("%v: the file has %d sources and %d units", tree, n, units)
		}
	}
}
