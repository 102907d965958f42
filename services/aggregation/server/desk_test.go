package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// finished returns the report once no work on it is left. The test's own time
// bounds it.
func (s *scene) finished(name string) *aggregationv1.Report {
	s.T.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		r, err := s.Aggregation(s.reviewer.Key).GetReport(s.T.Context(), &aggregationv1.GetReportRequest{Name: name})
		if err != nil {
			s.T.Fatal(err)
		}
		if p := r.GetProgress(); p == nil {
			return r
		} else if p.GetDone() > p.GetTotal() {
			s.T.Fatalf("progress = %v", p)
		}
	}
}

func (s *scene) uploaded(r *aggregationv1.Report, csv string) *aggregationv1.Report {
	s.T.Helper()
	r, err := s.Aggregation(s.machine.Key).UploadReport(s.T.Context(), &aggregationv1.UploadReportRequest{
		Report: r, Content: []byte(csv), Format: aggregationv1.UploadReportRequest_FORMAT_CSV,
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return r
}

// rows reads all rows of a report that a filter lets pass.
func (s *scene) rows(name, filter string) (all []*aggregationv1.Report_Row) {
	s.T.Helper()
	req := &aggregationv1.ListReportRowsRequest{Parent: name, Filter: filter, PageSize: 777}
	for {
		page, err := s.Aggregation(s.reviewer.Key).ListReportRows(s.T.Context(), req)
		if err != nil {
			s.T.Fatal(err)
		}
		all = append(all, page.GetRows()...)
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}

// recounted holds the figures against a recount from the feeds, once there is no work.
func (s *scene) recounted() {
	s.T.Helper()
	s.work(func(list []string) bool { return len(list) == 0 })
	s.settled()
	if err := upkeep.RecountStores(s.T.Context(), s.Stores()); err != nil {
		s.T.Error(err)
	}
}

const xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

func TestAFileHasVerdictsWithTheirPlaces(t *testing.T) {
	s := newScene(t)
	s.coded(s.school, "school", "4205020001")
	r := s.uploaded(s.report(1), "学校标识码,发现问题数,closed\n4205020001,8,6\n9999999999,1,\n4205020001,x,\n")
	if tt := r.GetTotals(); tt.GetRows() != 4 || tt.GetCreated() != 2 || tt.GetQuarantined() != 1 || tt.GetRejected() != 1 {
		t.Errorf("totals = %v", tt)
	}
	bad := s.rows(r.GetName(), "verdict = REJECTED")
	if len(bad) != 1 || bad[0].GetLine() != 4 || bad[0].GetColumn() != "发现问题数" || bad[0].GetReason() != reports.ErrValueUnreadable.Reason {
		t.Errorf("rejected = %v", bad)
	}
	file, err := s.Aggregation(s.machine.Key).ExportReportRows(t.Context(), &aggregationv1.ExportReportRowsRequest{
		Parent: r.GetName(), Format: aggregationv1.UploadReportRequest_FORMAT_CSV, Filter: "verdict = QUARANTINED",
	})
	if err != nil || !strings.Contains(string(file.GetContent()), "\n3,,school,9999999999,") || file.GetTruncated() {
		t.Errorf("file = %s, %v", file.GetContent(), err)
	}
	for format, media := range map[aggregationv1.UploadReportRequest_Format]string{
		aggregationv1.UploadReportRequest_FORMAT_CSV: "text/csv; charset=utf-8", aggregationv1.UploadReportRequest_FORMAT_XLSX: xlsx,
	} {
		body, err := s.Aggregation(s.machine.Key).DownloadReportRows(t.Context(), &aggregationv1.DownloadReportRowsRequest{
			Parent: r.GetName(), Format: format, Filter: "verdict = QUARANTINED",
		})
		if err != nil || body.GetContentType() != media {
			t.Fatalf("as %v it is %v, %v", format, body.GetContentType(), err)
		}
		got := noted(t, body.GetData())
		if got["报表 (report)"] != r.GetName() || got["期间 (period)"] != "2026-01" || got["状态 (state)"] != "SUBMITTED" || got["未列全 (truncated)"] != "否" {
			t.Errorf("the file says it is of %v", got)
		}
	}
}

// A character that nobody sees refuses the row that has it, in JSON as in a file.
func TestWhatNobodySeesRefusesItsRow(t *testing.T) {
	s := newScene(t)
	const zero = "\u200b"
	rows := []string{
		`{"unit":"` + s.school + `","field":"found","value":"5` + zero + `"}`,
		`{"unit":"` + s.school + `","field":"found` + zero + `","value":5}`,
		`{"unit":"` + s.school + zero + `","field":"found","value":5}`,
		`{"scheme":"school","code":"7` + zero + `","field":"found","value":5}`,
		`{"scheme":"school","code":"7\u0000\u0001","field":"found","value":5}`,
		`{"unit":"` + s.school + `","field":"found","value":"\u0001\u0000\u202e\ufeff"}`,
		`{"unit":"` + s.school + `","campaign":"campaigns/x\u202e","field":"found","value":5}`,
		`{"unit":"` + s.other + `","field":"found","value":"8"}`,
	}
	const malformed, illegible = " REJECTED REPORT_VALUE_MALFORMED value", " REJECTED REPORT_CELL_INVALID "
	want := []string{
		"1" + malformed, "2" + illegible + "field", "3" + illegible + "unit", "4" + illegible + "code", "5" + illegible + "code",
		"6" + malformed, "7" + illegible + "campaign", "8 CREATED  ",
	}
	var r aggregationv1.Report
	body := fmt.Sprintf(`{"form":"reportForms/ledger-monthly","unit":%q,"period":"2026-01","source":"eis","sequence":"1","rows":[%s]}`,
		s.district, strings.Join(rows, ","))
	s.posted("/v1/reports", body, &r)
	wantVerdicts(t, r.GetRows(), want)
}

// What one row lacks refuses no other: in JSON as in a file.
func TestRowsAreJudgedOneByOne(t *testing.T) {
	s := newScene(t)
	long := strings.Repeat("7", 65)
	rows := []string{
		`{"unit":"` + s.school + `","field":"found","value":"8"}`,
		`{"unit":"` + s.school + `","field":"closed"}`,
		`{"unit":"` + s.school + `","field":"closed","value":null}`,
		`{"unit":"` + s.other + `","field":"found","value":"many"}`,
		`{"unit":"` + s.other + `","field":"closed","value":1.5}`,
		`{"scheme":"school","code":"` + long + `","field":"found","value":1}`,
		`{"unit":"` + s.other + `","field":"rectifying","value":0,"line":77,"verdict":"VERDICT_REJECTED","unreadable":"x"}`,
	}
	want := []string{
		"1 CREATED  ", "2 REJECTED REPORT_VALUE_MISSING value", "3 REJECTED REPORT_VALUE_MISSING value",
		"4 REJECTED REPORT_VALUE_MALFORMED value", "5 REJECTED REPORT_VALUE_MALFORMED value", "6 REJECTED REPORT_CELL_TOO_LARGE code",
		"7 CREATED  ",
	}
	var r aggregationv1.Report
	body := fmt.Sprintf(`{"form":"reportForms/ledger-monthly","unit":%q,"period":"2026-01","source":"eis","sequence":"1","rows":[%s]}`,
		s.district, strings.Join(rows, ","))
	s.posted("/v1/reports", body, &r)
	wantVerdicts(t, r.GetRows(), want)
	file := "unit,scheme,code,field,value\n" + s.school + ",,,found,8\n" + s.school + ",,,closed,\n" + s.school + ",,,closed, \n" +
		s.other + ",,,found,many\n" + s.other + ",,,closed,1.5\n,school," + long + ",found,1\n" + s.other + ",,,rectifying,0\n" +
		s.other + ",,,overdue,1,000\n"
	u := s.report(1)
	u.Source = "file"
	taken := s.uploaded(u, file)
	for i := range want {
		want[i] = strings.Replace(want[i], fmt.Sprint(i+1), fmt.Sprint(i+2), 1) // the header is the first line
	}
	wantVerdicts(t, taken.GetRows(), append(want, "9 REJECTED REPORT_LINE_INVALID F"))
	if tt := taken.GetTotals(); tt.GetRows() != 8 || tt.GetRejected() != 6 || tt.GetCreated() != 2 {
		t.Errorf("totals = %v", tt)
	}
	s.accepted(r.GetName())
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 8)
}

func wantVerdicts(t *testing.T, rows []*aggregationv1.Report_Row, want []string) {
	t.Helper()
	var got []string
	for _, row := range rows {
		got = append(got, fmt.Sprint(row.GetLine(), " ", strings.TrimPrefix(row.GetVerdict().String(), "VERDICT_"), " ", row.GetReason(), " ", row.GetColumn()))
		if row.GetReason() != "" && (row.GetMessageZh() == "" || row.GetMessageEn() == "") {
			t.Errorf("no words: %v", row)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

// posted posts a body as the machine, and reads the answer into out.
func (s *scene) posted(path, body string, out proto.Message) {
	s.T.Helper()
	s.answered(s.machine.Key, http.MethodPost, path, body, out)
}

// answered asks over REST, and reads the answer into out.
func (s *scene) answered(key, method, path, body string, out proto.Message) {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.T.Context(), method, s.HTTP+path, strings.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.T.Fatalf("%s: %s, %v", answer.Status, text, err)
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, out); err != nil {
		s.T.Fatal(err)
	}
}

// What waits for its unit is kept, and counts as soon as the unit is known: by the
// source's own table, by a code of the unit, or as the unit is entered.
func TestQuarantinedRowsAreJudgedAgain(t *testing.T) {
	s := newScene(t)
	var names []string // a report for each, because one row's coming has all of its report's judged again
	for i, row := range []*aggregationv1.Report_Row{
		{Code: "own-7", Field: "found", Value: 1},
		{Scheme: "school", Code: "4205020001", Field: "found", Value: 10},
		{Unit: "units/late", Field: "found", Value: 100},
	} {
		r := s.accepted(s.sent(s.report(int64(i+1), row)).GetName())
		if r.GetTotals().GetQuarantined() != 1 {
			t.Fatalf("= %v", r)
		}
		names = append(names, r.GetName())
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 0)
	source := reports.SourceName(s.district, "eis")
	set := func(unit string) error {
		_, err := s.Aggregation(s.machine.Key).SetReportCodes(t.Context(), &aggregationv1.SetReportCodesRequest{
			Parent: source, Codes: []*aggregationv1.ReportCode{{Code: "own-7", Unit: unit}},
		})
		return err
	}
	if err := set(s.Root); !errors.Is(err, reports.ErrCodeInvalid) {
		t.Errorf("a code for a unit above = %v", err)
	}
	if err := set(s.other); err != nil {
		t.Fatal(err)
	}
	s.coded(s.school, "school", "4205020001")
	s.Unit("late", s.district, organizationv1.Unit_KIND_SCHOOL)
	for _, name := range names {
		s.counts(name, 1)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 111)
	codes, err := s.Aggregation(s.machine.Key).ListReportCodes(t.Context(), &aggregationv1.ListReportCodesRequest{Parent: source})
	if err != nil || len(codes.GetReportCodes()) != 1 || codes.GetReportCodes()[0].GetUnit() != s.other {
		t.Errorf("codes = %v, %v", codes, err)
	}
	s.recounted()
}

// counts waits until so many rows of a report count.
func (s *scene) counts(name string, n int32) {
	s.T.Helper()
	s.until(name, func(t *aggregationv1.Report_Totals) bool { return t.GetCounted() == n })
}

// until waits until the totals of a report are as they should be.
func (s *scene) until(name string, are func(*aggregationv1.Report_Totals) bool) {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(s.T.Context(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		t := s.finished(name).GetTotals()
		if are(t) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.T.Fatalf("%s still has %v", name, t)
		}
	}
}

func TestAReportIsCorrectedByAnother(t *testing.T) {
	s := newScene(t)
	first := s.accepted(s.sent(s.report(1, row(s.school, "found", 5), row(s.other, "found", 7), row(s.other, "rectifying", 3))).GetName())
	next := func(sequence int64, before string, rows ...*aggregationv1.Report_Row) (*aggregationv1.Report, error) {
		r := s.report(sequence, rows...)
		r.Supersedes = before
		return s.send(r)
	}
	second, err := next(2, first.GetName(), row(s.school, "found", 6))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next(3, first.GetName(), row(s.school, "found", 9)); !errors.Is(err, reports.ErrSupersedes) {
		t.Errorf("a second correction meanwhile = %v", err)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 12)
	back := &aggregationv1.ReturnReportRequest{Name: second.GetName(), Reason: "漏报"}
	if _, err := s.Aggregation(s.reviewer.Key).ReturnReport(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	third, err := next(4, second.GetName(), row(s.school, "found", 6))
	if err != nil {
		t.Fatal(err)
	}
	s.accepted(third.GetName())
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 6)
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_rectifying", 0)
	old := s.finished(first.GetName())
	if old.GetState() != aggregationv1.Report_STATE_SUPERSEDED || len(old.GetRows()) != 3 || old.GetTotals().GetCounted() != 0 {
		t.Errorf("the first = %v", old)
	}
	if _, err := next(5, first.GetName(), row(s.school, "found", 1)); !errors.Is(err, reports.ErrSupersedes) {
		t.Errorf("correcting what is corrected = %v", err)
	}
	s.recounted()
}

func TestReportsHaveTheirTime(t *testing.T) {
	s := newScene(t)
	of := func(form, period string, sequence int64) (*aggregationv1.Report, error) {
		r := s.report(sequence)
		r.Form, r.Period, r.NilReport = form, period, true
		return s.send(r)
	}
	const ledger, quarter = "reportForms/ledger-monthly", "reportForms/supervision-quarterly"
	if r, err := of(ledger, "2026-01", 1); err != nil || r.GetDueDate() != "2026-02-05" || r.GetLate() {
		t.Errorf("after the due day of what the unit did not owe = %v, %v", r, err)
	}
	for name, c := range map[string]struct {
		form, period string
		want         error
	}{
		"not the rhythm": {ledger, "2026-Q1", reports.ErrPeriodInvalid},
		"not over":       {quarter, "2026-Q1", reports.ErrPeriodOpen},
		"without leave":  {ledger, "2025-06", reports.ErrLeaveMissing},
		"never":          {quarter, "2025-Q2", reports.ErrWindowClosed},
	} {
		if _, err := of(c.form, c.period, 2); !errors.Is(err, c.want) {
			t.Errorf("%s = %v, want %v", name, err, c.want)
		}
	}
	leave := &aggregationv1.CreateReportLeaveRequest{ReportLeave: &aggregationv1.ReportLeave{
		Unit: s.district, Form: ledger, Period: "2025-06", UntilDate: "2026-02-09", Reason: "系统故障",
	}}
	if _, err := s.Aggregation(s.reviewer.Key).CreateReportLeave(t.Context(), leave); err != nil {
		t.Fatal(err)
	}
	if r, err := of(ledger, "2025-06", 2); err != nil {
		t.Errorf("with leave = %v, %v", r, err)
	}
	if list, err := s.Aggregation(s.machine.Key).ListReportLeaves(t.Context(), &aggregationv1.ListReportLeavesRequest{Unit: s.district}); err != nil || len(list.GetReportLeaves()) != 1 {
		t.Errorf("leaves = %v, %v", list, err)
	}
}

func TestWhatIsOwedAndHowGoodItIs(t *testing.T) {
	s := newScene(t)
	owes := &organizationv1.Unit{Name: s.district, DisplayName: "区", Kind: organizationv1.Unit_KIND_DISTRICT, Labels: map[string]string{"reports": "forms"}}
	if _, err := s.Organization(s.SystemAdmin).UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: owes}); err != nil {
		t.Fatal(err)
	}
	s.CatchUp()
	s.SetTime(time.Date(2026, 3, 10, 1, 0, 0, 0, time.UTC))
	due := func() *aggregationv1.ReportDue {
		t.Helper()
		list, err := s.Aggregation(s.reviewer.Key).ListReportDues(t.Context(), &aggregationv1.ListReportDuesRequest{
			Parent: "reportForms/ledger-monthly", Unit: s.Root, Period: "2026-02",
		})
		if err != nil || len(list.GetReportDues()) != 1 {
			t.Fatalf("dues = %v, %v", list, err)
		}
		return list.GetReportDues()[0]
	}
	if d := due(); d.GetName() != s.district || d.GetState() != aggregationv1.ReportDue_STATE_OVERDUE || d.GetDueDate() != "2026-03-05" {
		t.Errorf("before = %v", d)
	}
	r := s.report(2, row(s.school, "found", 1), row(s.school, "lost", 1))
	r.Period = "2026-02"
	r = s.sent(r)
	if d := due(); d.GetState() != aggregationv1.ReportDue_STATE_SUBMITTED || !d.GetLate() || d.GetReport() != r.GetName() {
		t.Errorf("after = %v", d)
	}
	// complete 1/1, timely 0/1, valid 1/2, consistent 2/2, stable 1/2: 30 + 0 + 10 + 20 + 5.
	s.wantQuality("2026-02", 65_000)
	s.SetTime(time.Date(2026, 5, 8, 1, 0, 0, 0, time.UTC))
	r = s.report(5, row(s.school, "found", 1))
	r.Period = "2026-04"
	s.sent(r)
	s.wantQuality("2026-02", 65_000) // the gap since is no matter of it
	s.wantQuality("2026-03", 0)      // what was owed has not come
	// complete 1/1, timely 0/1, valid 1/1, consistent 1/1, stable 1/3: 30 + 0 + 20 + 20 + 3.33.
	s.wantQuality("2026-04", 73_333)
}

// Of a unit with two sources, what one sent the other did not fail to send, and neither
// failed to send what was due before it was there, or is not yet.
func TestASourceIsJudgedByWhatIsItsOwn(t *testing.T) {
	s := newScene(t)
	owes := &organizationv1.Unit{Name: s.district, DisplayName: "区", Kind: organizationv1.Unit_KIND_DISTRICT, Labels: map[string]string{"reports": "forms"}}
	suitetest.OK[*organizationv1.Unit](t)(s.Organization(s.SystemAdmin).UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: owes}))
	s.CatchUp()
	judged := func(in time.Month, of, month string, want bool) {
		t.Helper()
		if q := s.quality(of, month); (q.ScoreMilli != nil) != want {
			t.Errorf("in %s %s of %s = %v, want it judged: %t", in, of, month, q, want)
		}
	}
	report := func(source, period string) {
		t.Helper()
		r := s.report(1)
		r.Source, r.Period, r.NilReport = source, period, true
		s.sent(r)
	}
	s.SetTime(time.Date(2026, 3, 3, 1, 0, 0, 0, time.UTC))
	report("eis", "2026-02")
	s.SetTime(time.Date(2026, 4, 3, 1, 0, 0, 0, time.UTC))
	judged(time.April, "eis", "2026-03", false) // not due yet
	report("new", "2026-03")
	s.SetTime(time.Date(2026, 4, 10, 1, 0, 0, 0, time.UTC))
	judged(time.April, "eis", "2026-02", true)
	judged(time.April, "eis", "2026-03", false) // the other sent it
	judged(time.April, "new", "2026-03", true)
	s.SetTime(time.Date(2026, 5, 8, 1, 0, 0, 0, time.UTC))
	judged(time.May, "eis", "2026-04", true) // nobody sent it
	judged(time.May, "new", "2026-04", true)
	s.SetTime(time.Date(2026, 6, 3, 1, 0, 0, 0, time.UTC))
	report("newer", "2026-05")
	judged(time.June, "newer", "2026-04", false) // nor was it there yet
	judged(time.June, "newer", "2026-05", true)
}

func (s *scene) quality(source, month string) *aggregationv1.ReportQuality {
	s.T.Helper()
	return suitetest.OK[*aggregationv1.ReportQuality](s.T)(s.Aggregation(s.machine.Key).GetReportQuality(s.T.Context(), &aggregationv1.GetReportQualityRequest{
		Name: reports.SourceName(s.district, source), Month: month,
	}))
}

func (s *scene) wantQuality(month string, want int64) {
	s.T.Helper()
	if q := s.quality("eis", month); q.ScoreMilli == nil || q.GetScoreMilli() != want || len(q.GetParts()) != 5 || q.GetFormulaSourceZh() == "" {
		s.T.Errorf("quality of %s = %v, want %d", month, q, want)
	}
}

// lines is a file of n lines of four values, each for a unit that is there or is
// not.
func lines(n int, units ...string) string {
	var b strings.Builder
	b.WriteString("unit,category,campaign,found,closed\n")
	for i := range n {
		fmt.Fprintf(&b, "%s,c%d,campaigns/x,2,1\n", units[i%len(units)], i/len(units))
	}
	return b.String()
}

// A long report goes on wherever the process ends: no row is lost or counted
// twice.
func TestALongReportSurvivesItsProcess(t *testing.T) {
	folder := t.TempDir()
	s := newSceneIn(t, folder)
	s.published("x", s.Root)
	const n = 3000
	file := lines(n, s.school, s.other, "units/none")
	r := s.uploaded(s.report(1), file)
	if r.GetState() != aggregationv1.Report_STATE_PROCESSING || r.GetProgress() == nil || len(r.GetRows()) != 0 {
		t.Errorf("a long report = %v", r)
	}
	s = s.again(folder)
	if tt := s.finished(r.GetName()).GetTotals(); tt.GetRows() != 2*n || tt.GetCreated() != 4*n/3 || tt.GetQuarantined() != 2*n/3 {
		t.Errorf("judged = %v", tt)
	}
	s.accepted(r.GetName())
	s = s.again(folder)
	if got := s.finished(r.GetName()); got.GetState() != aggregationv1.Report_STATE_ACCEPTED || got.GetTotals().GetCounted() != 4*n/3 {
		t.Errorf("entered = %v", got)
	}
	if again := s.uploaded(s.report(1), file); again.GetName() != r.GetName() || again.GetState() != aggregationv1.Report_STATE_ACCEPTED {
		t.Errorf("sent again = %v", again)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 2*2*n/3)
	if rows := s.rows(r.GetName(), ""); len(rows) != 2*n {
		t.Errorf("%d rows", len(rows))
	}
	better := s.report(2)
	better.Supersedes = r.GetName()
	s.accepted(s.finished(s.uploaded(better, lines(900, s.school)).GetName()).GetName())
	s.finished(reports.Name(better))
	if old := s.finished(r.GetName()); old.GetState() != aggregationv1.Report_STATE_SUPERSEDED {
		t.Errorf("the old one = %v", old)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 1800)
	s.recounted()
}

// again is the scene after its process was started anew.
func (s *scene) again(folder string) *scene {
	s.T.Helper()
	s.Stop()
	next := *s
	next.Suite = suitetest.RunIn(s.T, folder)
	next.SystemAdmin, next.SecurityAdmin, next.Auditor, next.Root = s.SystemAdmin, s.SecurityAdmin, s.Auditor, s.Root
	return &next
}

// A long report that is only checked says what would become of it.
func TestALongReportIsChecked(t *testing.T) {
	s := newScene(t)
	s.published("x", s.Root)
	req := &aggregationv1.UploadReportRequest{
		Report: s.report(1), Content: []byte(lines(1200, s.school, "units/none")), Format: aggregationv1.UploadReportRequest_FORMAT_CSV, ValidateOnly: true,
	}
	r, err := s.Aggregation(s.machine.Key).UploadReport(t.Context(), req)
	if tt := r.GetTotals(); err != nil || tt.GetCreated() != 1200 || tt.GetQuarantined() != 1200 {
		t.Errorf("= %v, %v", r.GetTotals(), err)
	}
	line := int32(0)
	for _, row := range r.GetRows() {
		if row.GetVerdict() != aggregationv1.Report_VERDICT_QUARANTINED || row.GetReason() != reports.ErrRowUnitUnknown.Reason || row.GetMessageZh() == "" || row.GetLine() < line {
			t.Fatalf("behind line %d: %v", line, row)
		}
		line = row.GetLine()
	}
	if n := len(r.GetRows()); n < 100 || n > reports.PageRows {
		t.Errorf("%d rows are told", n)
	}
	if _, err := s.Aggregation(s.machine.Key).GetReport(t.Context(), &aggregationv1.GetReportRequest{Name: reports.Name(s.report(1))}); err == nil {
		t.Error("it was kept")
	}
}

// A body may be larger than other messages, and is taken as a long report: with all
// the rows that there may be if DUBAN_TORTURE is set, else with few of the same
// number of bytes.
func TestALargeBodyIsTaken(t *testing.T) {
	n, category := 12_000, strings.Repeat("c", 300)
	if os.Getenv("DUBAN_TORTURE") != "" {
		n, category = 100_000, "c"
	}
	s := newScene(t)
	s.published("x", s.Root)
	var b strings.Builder
	fmt.Fprintf(&b, `{"form":"reportForms/ledger-monthly","unit":%q,"period":"2026-01","source":"eis","sequence":"1","rows":[`, s.district)
	for i := range n {
		fmt.Fprintf(&b, `{"unit":%q,"campaign":"campaigns/x","category":"%s%d","field":"lost","value":"1"},`, s.school, category, i)
	}
	body := strings.TrimSuffix(b.String(), ",") + "]}"
	if len(body) <= serve.DefaultLimits.Message {
		t.Fatalf("%d bytes are no more than any message may have", len(body))
	}
	var r aggregationv1.Report
	if s.posted("/v1/reports", body, &r); r.GetState() != aggregationv1.Report_STATE_PROCESSING {
		t.Errorf("%d bytes: %v", len(body), r.GetState())
	}
	if tt := s.finished(reports.Name(s.report(1))).GetTotals(); tt.GetRejected() != int32(n) {
		t.Errorf("totals = %v", tt)
	}
}

// published publishes a campaign of a unit, with these categories, and waits until that is
// counted.
func (s *scene) published(id, owner string, categories ...string) string {
	s.T.Helper()
	name := s.publish(id, owner, categories...)
	s.settled()
	return name
}

func (s *scene) publish(id, owner string, categories ...string) string {
	s.T.Helper()
	c := &campaignv1.Campaign{
		Owner: owner, DisplayName: "演示活动",
		Phases: []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-01-01", EndDate: "2026-12-31"}},
		Tasks:  []*campaignv1.Task{{Code: "T1", Title: "任务", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: "2026-12-01"}},
	}
	for _, code := range categories {
		c.Categories = append(c.Categories, &campaignv1.Category{Code: code, Name: code})
	}
	leader := s.Campaign(s.Person(owner, accessv1.Role_ROLE_LEADER).Key)
	c, err := leader.CreateCampaign(s.T.Context(), &campaignv1.CreateCampaignRequest{CampaignId: id, Campaign: c})
	if err == nil {
		_, err = leader.PublishCampaign(s.T.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()})
	}
	if err != nil {
		s.T.Fatal(err)
	}
	return c.GetName()
}

// Rows about campaigns that the unit does not take part in, and about categories
// that the campaign does not have, are not counted; they wait as rows without a
// unit do.
func TestRowsOfUnknownCampaignsWait(t *testing.T) {
	s := newScene(t)
	known := s.published("known", s.Root, "A")
	s.published("foreign", s.other)
	row := func(campaign, category string) *aggregationv1.Report_Row {
		return &aggregationv1.Report_Row{Unit: s.school, Field: "found", Campaign: campaign, Category: category, Value: 1}
	}
	r := s.accepted(s.sent(s.report(1, row(known, "A"), row(known, "Z"), row("campaigns/zzz", ""), row("campaigns/foreign", ""))).GetName())
	var got []string
	for _, row := range s.rows(r.GetName(), "verdict = QUARANTINED") {
		got = append(got, row.GetCampaign()+" "+row.GetColumn()+" "+row.GetReason())
	}
	want := []string{
		known + " category " + reports.ErrCategoryUnknown.Reason,
		"campaigns/zzz campaign " + reports.ErrCampaignUnknown.Reason,
		"campaigns/foreign campaign " + reports.ErrCampaignUnknown.Reason,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("quarantined (-want +got):\n%s", diff)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 1)
	s.published("zzz", s.Root)
	s.counts(r.GetName(), 2)
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 2)
	s.recounted()
}

// What corrects a correction that never counted takes the place of what counts;
// when it is returned, what counts may be corrected once more.
func TestACorrectionIsCorrectedBeforeItCounts(t *testing.T) {
	s := newScene(t)
	next := func(sequence int64, before *aggregationv1.Report, found int64) *aggregationv1.Report {
		t.Helper()
		r := s.report(sequence, row(s.school, "found", found))
		r.Supersedes = before.GetName()
		return s.sent(r)
	}
	first := s.accepted(next(1, nil, 10).GetName())
	third := next(3, next(2, first, 11), 12)
	if v := third.GetRows()[0].GetVerdict(); v != aggregationv1.Report_VERDICT_UPDATED {
		t.Errorf("the third is %v when it comes", v)
	}
	if old := s.finished(first.GetName()); old.GetSupersededBy() != third.GetName() || old.GetState() != aggregationv1.Report_STATE_ACCEPTED {
		t.Errorf("the first meanwhile = %v", old)
	}
	s.returned(third.GetName())
	fifth := s.accepted(next(5, next(4, first, 13), 14).GetName())
	if old := s.finished(first.GetName()); old.GetState() != aggregationv1.Report_STATE_SUPERSEDED || old.GetSupersededBy() != fifth.GetName() {
		t.Errorf("the first = %v", old)
	}
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 14)
	s.accepted(next(6, fifth, 15).GetName())
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_found", 15)
	s.recounted()
}

func (s *scene) returned(name string) {
	s.T.Helper()
	back := &aggregationv1.ReturnReportRequest{Name: name, Reason: "请核对"}
	if _, err := s.Aggregation(s.reviewer.Key).ReturnReport(s.T.Context(), back); err != nil {
		s.T.Fatal(err)
	}
}

// Who may not see a unit learns nothing from lists of its records.
func TestListsOfAUnitAreForThoseWhoMaySeeIt(t *testing.T) {
	s := newScene(t)
	client := s.Aggregation(s.head.Key)
	for what, list := range map[string]func(unit string) error{
		"reports": func(unit string) error {
			_, err := client.ListReports(t.Context(), &aggregationv1.ListReportsRequest{Unit: unit})
			return err
		},
		"sources": func(unit string) error {
			_, err := client.ListReportSources(t.Context(), &aggregationv1.ListReportSourcesRequest{Unit: unit})
			return err
		},
		"leaves": func(unit string) error {
			_, err := client.ListReportLeaves(t.Context(), &aggregationv1.ListReportLeavesRequest{Unit: unit})
			return err
		},
		"targets": func(unit string) error {
			_, err := client.ListTargets(t.Context(), &aggregationv1.ListTargetsRequest{Unit: unit})
			return err
		},
	} {
		if err := list(s.school); err != nil {
			t.Errorf("%s of the own unit: %v", what, err)
		}
		if err := list(s.other); !errors.Is(err, authz.ErrNotFound) {
			t.Errorf("%s of another unit: %v, want ErrNotFound", what, err)
		}
	}
}

// A total beside what it is made of counts with it, as all rows do: its parts say so.
func TestATotalBesideItsPartsIsTold(t *testing.T) {
	s := newScene(t)
	campaign := s.published("known", s.Root, "A", "B")
	row := func(unit, campaign, category string, value int64) *aggregationv1.Report_Row {
		return &aggregationv1.Report_Row{Unit: unit, Field: "found", Campaign: campaign, Category: category, Value: value}
	}
	sent := s.sent(s.report(1, row(s.school, "", "", 10), row(s.school, campaign, "", 10), row(s.school, campaign, "A", 6), row(s.school, campaign, "B", 4),
		row(s.other, campaign, "A", 1), row(s.other, campaign, "B", 1)))
	var got [][]string
	for _, row := range s.rows(sent.GetName(), "") {
		got = append(got, row.GetWarnings())
	}
	told := []string{reports.BesideTotal}
	if diff := cmp.Diff([][]string{nil, told, told, told, nil, nil}, got); diff != "" || sent.GetTotals().GetInconsistent() != 3 {
		t.Errorf("warnings of %v (-want +got):\n%s", sent.GetTotals(), diff)
	}
}

// A nil return leaves what its source has told of units beneath as it stood, and says so.
func TestANilReturnBesideStocksIsTold(t *testing.T) {
	s := newScene(t)
	campaign := s.published("known", s.Root)
	s.SetTime(time.Date(2026, 5, 6, 1, 0, 0, 0, time.UTC))
	report := func(sequence int64, period, source, supersedes string, rows ...*aggregationv1.Report_Row) *aggregationv1.Report {
		r := s.report(sequence, rows...)
		r.Period, r.Source, r.Supersedes, r.NilReport = period, source, supersedes, len(rows) == 0
		return r
	}
	warned := func(r *aggregationv1.Report) (fields []string) {
		for _, row := range r.GetRows() {
			if slices.Equal(row.GetWarnings(), []string{reports.NilBesideStock}) {
				fields = append(fields, row.GetField())
			}
		}
		return fields
	}
	wants := func(what string, r *aggregationv1.Report, want ...string) *aggregationv1.Report {
		t.Helper()
		sent := s.sent(r)
		if diff := cmp.Diff(want, warned(sent)); diff != "" || sent.GetTotals().GetWarned() != int32(len(want)) {
			t.Errorf("%s: warned %v (-want +got):\n%s", what, sent.GetTotals(), diff)
		}
		return sent
	}
	told := s.accepted(s.sent(report(1, "2026-02", "eis", "", row(s.school, "found", 5), row(s.school, "closed", 2), row(s.school, "rectifying", 3),
		row(s.other, "rectifying", 0))).GetName())
	wants("of another source", report(1, "2026-03", "other", ""))
	wants("of the month before", report(2, "2026-01", "eis", ""))
	wants("in place of what told it", report(3, "2026-02", "eis", told.GetName()))
	s.accepted(wants("a school's", report(4, "2026-03", "eis", ""), "rectifying").GetName())
	wantFigure(t, s.status(s.reviewer.Key, s.district, nil).GetFigures(), "problems_rectifying", 3)
	s.SetTime(time.Date(2026, 6, 3, 1, 0, 0, 0, time.UTC))
	own := &aggregationv1.Report_Row{Unit: s.district, Field: "overdue", Campaign: campaign, Value: 2}
	s.accepted(s.sent(report(5, "2026-04", "eis", "", row(s.school, "rectifying", 0), own)).GetName())
	wants("a campaign's", report(6, "2026-05", "eis", ""), "overdue")
}
