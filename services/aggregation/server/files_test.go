package server_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	sheetv1 "github.com/duban-project/duban/proto/gen/go/duban/sheet/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
)

const (
	asCSV  = aggregationv1.ExportStatusRequest_FORMAT_CSV
	asXLSX = aggregationv1.ExportStatusRequest_FORMAT_XLSX
)

// export asks for one file in a format.
type export func(aggregationv1.ExportStatusRequest_Format) (*httpbody.HttpBody, error)

// What is to be done, what is owed and how good it is stand in files as they are
// answered, cell by cell, and each file says what it is.
func TestFilesHaveWhatIsAnswered(t *testing.T) {
	s := newScene(t)
	s.owing()
	ctx, as := t.Context(), s.Aggregation(s.reviewer.Key)
	r := s.report(2, row(s.school, "found", 1), row(s.school, "lost", 1))
	r.Period = "2026-02"
	s.sent(r)
	subject := "reportForms/ledger-monthly/dues/2026-03." + s.district[len("units/"):]
	if _, err := as.UrgeWorkItem(ctx, &aggregationv1.UrgeWorkItemRequest{Name: s.district, Subject: subject, Action: aggregationv1.WorkItem_ACTION_SUBMIT_REPORT}); err != nil {
		t.Fatal(err)
	}
	s.settled()

	items := s.worklist(s.reviewer.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.Root, Beneath: true})
	s.wantFile(items, "worklist-root-2026-04-14", "待办-演示省教育厅-2026-04-14", func(f aggregationv1.ExportStatusRequest_Format) (*httpbody.HttpBody, error) {
		return as.ExportWorkItems(ctx, &aggregationv1.ExportWorkItemsRequest{Parent: s.Root, Beneath: true, Format: f})
	})
	dues, err := as.ListReportDues(ctx, &aggregationv1.ListReportDuesRequest{Parent: "reportForms/ledger-monthly", Unit: s.Root, Period: "2026-02"})
	if err != nil || len(items) == 0 || len(dues.GetReportDues()) == 0 {
		t.Fatalf("dues = %v, %v, to be done %v", dues, err, items)
	}
	s.wantFile(dues.GetReportDues(), "dues-root-ledger-monthly-2026-02-2026-04-14", "应报情况-演示省教育厅-整改台账月报-2026-02-2026-04-14", func(f aggregationv1.ExportStatusRequest_Format) (*httpbody.HttpBody, error) {
		return as.ExportReportDues(ctx, &aggregationv1.ExportReportDuesRequest{Parent: "reportForms/ledger-monthly", Unit: s.Root, Period: "2026-02", Format: f})
	})
	source := reports.SourceName(s.district, "eis")
	q, err := as.GetReportQuality(ctx, &aggregationv1.GetReportQualityRequest{Name: source, Month: "2026-02"})
	if err != nil {
		t.Fatal(err)
	}
	s.wantFile(q.GetParts(), "quality-d-eis-2026-02-2026-04-14", "报送质量-区-eis-2026-02-2026-04-14", func(f aggregationv1.ExportStatusRequest_Format) (*httpbody.HttpBody, error) {
		return as.ExportReportQuality(ctx, &aggregationv1.ExportReportQualityRequest{Name: source, Month: "2026-02", Format: f})
	})
}

// So do lists of reports, of who sends them and of targets.
func TestListsOfRecordsAreFiles(t *testing.T) {
	s := newScene(t)
	ctx, as := t.Context(), s.Aggregation(s.reviewer.Key)
	returned := s.sent(s.report(1, row(s.school, "found", 1), row(s.school, "lost", 1)))
	if _, err := as.ReturnReport(ctx, &aggregationv1.ReturnReportRequest{Name: returned.GetName(), Reason: "请核对"}); err != nil {
		t.Fatal(err)
	}
	s.accepted(s.sent(s.report(3, row(s.school, "found", 2))).GetName())
	for _, of := range [][2]string{{s.district, "metrics/problems_found"}, {s.district, "metrics/problems_closing_rate"}, {s.Root, "metrics/problems_found"}} {
		target := &aggregationv1.Target{
			Unit: of[0], Metric: of[1], StartDate: "2026-01-01", EndDate: "2026-12-31", Goal: 900, Direction: aggregationv1.Target_DIRECTION_AT_LEAST,
		}
		if _, err := as.CreateTarget(ctx, &aggregationv1.CreateTargetRequest{Target: target}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := as.ListReports(ctx, &aggregationv1.ListReportsRequest{})
	if err != nil || len(all.GetReports()) != 2 {
		t.Fatalf("reports = %v, %v", all, err)
	}
	s.wantFile(all.GetReports(), "reports-all-2026-02-09", "报表-全部-2026-02-09", func(f aggregationv1.ExportStatusRequest_Format) (*httpbody.HttpBody, error) {
		return as.ExportReports(ctx, &aggregationv1.ExportReportsRequest{Format: f})
	})
	some, err := as.ListReports(ctx, &aggregationv1.ListReportsRequest{Unit: s.district, Filter: "state = RETURNED"})
	if err != nil || len(some.GetReports()) != 1 || some.GetReports()[0].GetReturnTime() == nil {
		t.Fatalf("returned = %v, %v", some, err)
	}
	s.wantFile(some.GetReports(), "reports-d-2026-02-09", "报表-演示单位 d-2026-02-09", func(f aggregationv1.ExportStatusRequest_Format) (*httpbody.HttpBody, error) {
		return as.ExportReports(ctx, &aggregationv1.ExportReportsRequest{Unit: s.district, Filter: "state = RETURNED", Format: f})
	})
	sources, err := as.ListReportSources(ctx, &aggregationv1.ListReportSourcesRequest{Unit: s.district})
	if err != nil || len(sources.GetReportSources()) != 1 {
		t.Fatalf("sources = %v, %v", sources, err)
	}
	s.wantFile(sources.GetReportSources(), "sources-d-2026-02-09", "报送来源-演示单位 d-2026-02-09", func(f aggregationv1.ExportStatusRequest_Format) (*httpbody.HttpBody, error) {
		return as.ExportReportSources(ctx, &aggregationv1.ExportReportSourcesRequest{Unit: s.district, Format: f})
	})
	targets, err := as.ListTargets(ctx, &aggregationv1.ListTargetsRequest{Unit: s.district})
	if err != nil || len(targets.GetTargets()) != 2 {
		t.Fatalf("targets = %v, %v", targets, err)
	}
	s.wantFile(targets.GetTargets(), "targets-d-2026-02-09", "目标-演示单位 d-2026-02-09", func(f aggregationv1.ExportStatusRequest_Format) (*httpbody.HttpBody, error) {
		return as.ExportTargets(ctx, &aggregationv1.ExportTargetsRequest{Unit: s.district, Format: f})
	})
}

// owing lets the district owe reports, of which two are late.
func (s *scene) owing() {
	s.T.Helper()
	owes := &organizationv1.Unit{Name: s.district, DisplayName: "区", Kind: organizationv1.Unit_KIND_DISTRICT, Labels: map[string]string{"reports": "forms"}}
	if _, err := s.Organization(s.SystemAdmin).UpdateUnit(s.T.Context(), &organizationv1.UpdateUnitRequest{Unit: owes}); err != nil {
		s.T.Fatal(err)
	}
	s.CatchUp()
	s.SetTime(time.Date(2026, 4, 14, 1, 0, 0, 0, time.UTC))
}

// TestFilesOfFiguresSayWhatTheyAre covers those whose cells others test.
func TestFilesOfFiguresSayWhatTheyAre(t *testing.T) {
	s := newScene(t)
	as := s.Aggregation(s.reviewer.Key)
	for table, want := range map[aggregationv1.ExportStatusRequest_Table]string{
		0: "status-d-2026-02-09 进展情况-演示单位 d-2026-02-09",
		aggregationv1.ExportStatusRequest_TABLE_COMPARISON: "comparison-d-problems_found-2026-02-09 排名-演示单位 d-发现问题数-2026-02-09",
		aggregationv1.ExportStatusRequest_TABLE_SERIES:     "series-d-problems_found-2026-02-09 趋势-演示单位 d-发现问题数-2026-02-09",
	} {
		file, err := as.ExportStatus(t.Context(), &aggregationv1.ExportStatusRequest{
			Name: s.district, Table: table, Metric: "metrics/problems_found", Cut: &aggregationv1.Cut{StartDate: "2026-01-01"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := called(t, file); got != want {
			t.Errorf("table %v is %q, want %q", table, got, want)
		}
	}
}

// TestNoneIsNotZeroInFiles: who is gone and who has nothing to be ranked by has no rank in a
// file, and says why, as JSON does.
func TestNoneIsNotZeroInFiles(t *testing.T) {
	s := newScene(t)
	third := s.Unit("s3", s.district, organizationv1.Unit_KIND_SCHOOL)
	s.accepted(s.sent(s.report(1, row(s.school, "found", 4), row(s.school, "closed", 1), row(s.other, "found", 4), row(s.other, "closed", 4))).GetName())
	if _, err := s.Organization(s.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: s.other}); err != nil {
		t.Fatal(err)
	}
	s.CatchUp()
	s.settled()
	as := s.Aggregation(s.reviewer.Key)
	file := func(table aggregationv1.ExportStatusRequest_Table, format aggregationv1.ExportStatusRequest_Format) [][]string {
		t.Helper()
		f, err := as.ExportStatus(t.Context(), &aggregationv1.ExportStatusRequest{
			Name: s.district, Table: table, Metric: "metrics/problems_closing_rate", Metrics: []string{"metrics/problems_closing_rate"}, Format: format,
		})
		if err != nil {
			t.Fatal(err)
		}
		return cellsOf(t, f.GetData())
	}
	for format, rate := range map[aggregationv1.ExportStatusRequest_Format]string{asCSV: "1.000", asXLSX: "1"} {
		want := map[string]string{s.school: "1,", s.other: "," + "已停用或撤并 (GONE)", third: ",无数据 (NONE)"}
		for _, r := range file(aggregationv1.ExportStatusRequest_TABLE_COMPARISON, format)[1:] {
			if got := r[3] + "," + r[5]; got != want[r[0]] {
				t.Errorf("%s: rank and why of %s are %q, want %q", format, r[0], got, want[r[0]])
			}
		}
		lines := map[string]string{}
		for _, r := range file(aggregationv1.ExportStatusRequest_TABLE_STATUS, format)[1:] {
			lines[r[0]] = r[2] + "," + r[3]
		}
		if lines[s.other] != rate+",是" || lines[third] != ",否" {
			t.Errorf("%s: the lines are %v", format, lines)
		}
	}
	answer, err := as.CompareStatus(t.Context(), &aggregationv1.CompareStatusRequest{Name: s.district, Metric: "metrics/problems_closing_rate"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range answer.GetPlaces() {
		got[p.GetUnit()] = p.GetUnranked().String()
	}
	if got[s.school] != "UNRANKED_UNSPECIFIED" || got[s.other] != "UNRANKED_GONE" || got[third] != "UNRANKED_NONE" {
		t.Errorf("JSON has %v", got)
	}
}

// called is the name of a file in both languages.
func called(t *testing.T, file *httpbody.HttpBody) string {
	t.Helper()
	named := &sheetv1.File{}
	if len(file.GetExtensions()) != 1 {
		t.Fatalf("the file is called %v", file.GetExtensions())
	}
	if err := file.GetExtensions()[0].UnmarshalTo(named); err != nil {
		t.Fatal(err)
	}
	return named.GetStem() + " " + named.GetStemZh()
}

// wantFile fails unless the file has a line for each message of an answer, in
// whichever format, with what JSON has in each field.
func (s *scene) wantFile(list any, stem, zh string, get export) {
	s.T.Helper()
	t := s.T.(*testing.T)
	for _, format := range []aggregationv1.ExportStatusRequest_Format{asCSV, asXLSX} {
		file, err := get(format)
		if err != nil {
			t.Fatal(err)
		}
		if got := called(t, file); got != stem+" "+zh {
			t.Errorf("the file is called %q, want %q", got, stem+" "+zh)
		}
		rows := cellsOf(t, file.GetData())
		if messages := messagesOf(list); len(rows) != len(messages)+1 {
			t.Fatalf("%d lines of %d", len(rows), len(messages))
		} else {
			for i, m := range messages {
				wantCells(t, rows[0], rows[i+1], m)
			}
		}
	}
}

func messagesOf(list any) (messages []proto.Message) {
	switch list := list.(type) {
	case []*aggregationv1.WorkItem:
		for _, m := range list {
			messages = append(messages, m)
		}
	case []*aggregationv1.ReportDue:
		for _, m := range list {
			messages = append(messages, m)
		}
	case []*aggregationv1.Report:
		for _, m := range list {
			messages = append(messages, m)
		}
	case []*aggregationv1.ReportSource:
		for _, m := range list {
			messages = append(messages, m)
		}
	case []*aggregationv1.Target:
		for _, m := range list {
			messages = append(messages, m)
		}
	case []*aggregationv1.ReportQuality_Part:
		for _, m := range list {
			messages = append(messages, m)
		}
	}
	return messages
}

// wantCells compares a line with the JSON of a message: each column names the field
// in its header.
func wantCells(t *testing.T, header, line []string, m proto.Message) {
	t.Helper()
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for i, head := range header {
		_, path, _ := strings.Cut(strings.TrimSuffix(head, ")"), " (")
		if path == "display_name" {
			continue
		}
		got := ""
		if i < len(line) {
			got = line[i]
		}
		var value any = fields
		for _, name := range strings.Split(path, ".") {
			within, _ := value.(map[string]any)
			value = within[name]
		}
		if judged, is := m.(*aggregationv1.ReportQuality_Part); is && path == "milli" && judged.GetNotJudged() {
			value = nil // 0 in JSON beside not_judged
		}
		if !says(got, value, path) {
			t.Errorf("%s is %q, and %v in JSON", head, got, value)
		}
	}
}

// says tells whether a cell says what a value of JSON does.
func says(cell string, value any, path string) bool {
	switch v := value.(type) {
	case nil:
		return cell == ""
	case bool:
		return cell == map[bool]string{true: "是", false: "否"}[v]
	case []any:
		parts := strings.Split(cell, "、")
		return len(parts) == len(v) && !slices.ContainsFunc(parts, func(part string) bool {
			return !slices.ContainsFunc(v, func(x any) bool { return says(part, x, path) })
		})
	case string:
		if _, name, found := strings.Cut(strings.TrimSuffix(cell, ")"), " ("); found {
			return strings.HasSuffix(v, "_"+name)
		}
		if path == "milli" {
			var n int64
			_, err := fmt.Sscan(v, &n)
			var f float64
			_, bad := fmt.Sscan(cell, &f)
			return err == nil && bad == nil && int64(f*1000+0.5) == n
		}
		return cell == v || strings.HasSuffix(v, "_UNSPECIFIED") && cell == ""
	default:
		return cell == fmt.Sprint(v)
	}
}

// cellsOf reads the lines of a file above its notes; workbooks without the library
// that wrote them.
func cellsOf(t *testing.T, file []byte) [][]string {
	t.Helper()
	text, ok := bytes.CutPrefix(file, []byte("\xef\xbb\xbf"))
	if !ok {
		return sheetOf(t, file)
	}
	table, _, _ := strings.Cut(string(text), "\r\n\r\n")
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func sheetOf(t *testing.T, file []byte) (rows [][]string) {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := archive.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sheet struct {
		Rows []struct {
			Cells []struct {
				Value string `xml:"v"`
				Text  string `xml:"is>t"`
			} `xml:"c"`
		} `xml:"sheetData>row"`
	}
	if err := xml.NewDecoder(f).Decode(&sheet); err != nil {
		t.Fatal(err)
	}
	for _, row := range sheet.Rows {
		var cells []string
		for _, c := range row.Cells {
			cells = append(cells, c.Value+c.Text)
		}
		rows = append(rows, cells)
	}
	return rows
}
