package server_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
)

// portals are one above the district and one of it, whose reports are sent and
// reviewed.
func (s *scene) portals() []string {
	return []string{s.Machine(s.Root, accessv1.Role_ROLE_PORTAL).Key, s.Machine(s.district, accessv1.Role_ROLE_PORTAL).Key}
}

// For a portal there are no figures that nobody accepted, whatever it asks for and
// whosever they are, and no names of who is late.
func TestPortalsReadWhatWasAccepted(t *testing.T) {
	s := newScene(t)
	s.published("known", s.Root)
	s.accepted(s.sent(s.report(1, row(s.other, "found", 8))).GetName())
	s.problems(s.Person(s.school, accessv1.Role_ROLE_CLERK)) // of which one is a superior's, and one is not filed
	s.SetTime(time.Date(2027, 1, 4, 1, 0, 0, 0, time.UTC))
	s.settled()
	all := &aggregationv1.Cut{IncludeUnaccepted: true}
	wantFigure(t, s.status(s.eye.Key, s.district, all).GetFigures(), "problems_found", 10)
	missing := s.status(s.eye.Key, s.district, nil).GetMissing()
	if missing.GetTotal() == 0 || len(missing.GetItems()) == 0 {
		t.Fatalf("nothing is missing: %v", missing)
	}
	for _, key := range s.portals() {
		for _, cut := range []*aggregationv1.Cut{nil, all} {
			status := s.status(key, s.district, cut)
			wantFigure(t, status.GetFigures(), "problems_found", 9)
			if status.GetUnacceptedIncluded() || status.GetOwnUnacceptedIncluded() || len(status.GetTargets()) > 0 {
				t.Errorf("a portal reads %v", status)
			}
			if got := status.GetMissing(); got.GetTotal() != missing.GetTotal() || len(got.GetItems()) > 0 {
				t.Errorf("a portal reads that %v is missing, want %d of nobody", got, missing.GetTotal())
			}
		}
		file, err := s.Aggregation(key).ExportStatus(t.Context(), &aggregationv1.ExportStatusRequest{Name: s.district, Cut: all})
		if err != nil || strings.Contains(string(file.GetData()), "逾期未办 (missing)") || strings.Contains(string(file.GetData()), ",10,") {
			t.Errorf("a portal's file is %s, %v", file.GetData(), err)
		}
	}
}

// For a portal there are no reports but those that were accepted, and nothing of
// who sends, owes and is to do what.
func TestPortalsKnowOfAcceptedReportsAlone(t *testing.T) {
	s := newScene(t)
	owes := &organizationv1.Unit{Name: s.district, DisplayName: "区", Kind: organizationv1.Unit_KIND_DISTRICT, Labels: map[string]string{"reports": "forms"}}
	if _, err := s.Organization(s.SystemAdmin).UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: owes}); err != nil {
		t.Fatal(err)
	}
	s.SetTime(time.Date(2026, 4, 14, 1, 0, 0, 0, time.UTC))
	r := s.report(1, row(s.school, "found", 8))
	r.Period = "2026-02"
	r = s.sent(r)
	s.settled()
	if items := s.worklist(s.eye.Key, &aggregationv1.ListWorkItemsRequest{Parent: s.district}); len(items) == 0 {
		t.Fatal("there is nothing to do that a portal could not know of")
	}
	for _, key := range s.portals() {
		s.wantNothing(key, r)
	}
	s.accepted(r.GetName())
	for _, key := range s.portals() {
		if got, err := s.Aggregation(key).GetReport(t.Context(), &aggregationv1.GetReportRequest{Name: r.GetName()}); err != nil || got.GetState() != aggregationv1.Report_STATE_ACCEPTED {
			t.Errorf("an accepted report = %v, %v", got, err)
		}
		if rows, err := s.Aggregation(key).ListReportRows(t.Context(), &aggregationv1.ListReportRowsRequest{Parent: r.GetName()}); err != nil || len(rows.GetRows()) != 1 {
			t.Errorf("its rows = %v, %v", rows, err)
		}
	}
}

// Of an accepted report a portal reads the rows that count, however it asks: what could not
// be placed or read may be anything that was typed.
func TestPortalsReadNoRowThatDoesNotCount(t *testing.T) {
	s := newScene(t)
	const typed = "无法识别的文字"
	r := s.sent(s.report(1, row(s.school, "found", 8), row("units/"+typed, "found", 9), &aggregationv1.Report_Row{Code: typed, Field: "found", Value: 1}))
	s.accepted(r.GetName())
	ctx, csv := t.Context(), aggregationv1.UploadReportRequest_FORMAT_CSV
	for key, want := range map[string]int{s.eye.Key: 3, s.portals()[0]: 1, s.portals()[1]: 1} {
		as := s.Aggregation(key)
		got, err := as.GetReport(ctx, &aggregationv1.GetReportRequest{Name: r.GetName()})
		if err != nil || len(got.GetRows()) != want || got.GetTotals().GetRows() != 3 {
			t.Errorf("the report is %v, %v, want %d rows", got, err, want)
		}
		rows, err := as.ListReportRows(ctx, &aggregationv1.ListReportRowsRequest{Parent: r.GetName()})
		if err != nil || len(rows.GetRows()) != want {
			t.Errorf("its rows are %v, %v, want %d", rows, err, want)
		}
		found, err := as.ListReportRows(ctx, &aggregationv1.ListReportRowsRequest{Parent: r.GetName(), Filter: `counted = false`})
		if err != nil || len(found.GetRows()) != want-1 {
			t.Errorf("its rows that do not count are %v, %v, want %d", found, err, want-1)
		}
		file, err := as.ExportReportRows(ctx, &aggregationv1.ExportReportRowsRequest{Parent: r.GetName(), Format: csv})
		if err != nil || strings.Contains(string(file.GetContent()), typed) != (want == 3) {
			t.Errorf("its file is %s, %v", file.GetContent(), err)
		}
		body, err := as.DownloadReportRows(ctx, &aggregationv1.DownloadReportRowsRequest{Parent: r.GetName(), Format: csv})
		if err != nil || strings.Contains(string(body.GetData()), typed) != (want == 3) {
			t.Errorf("its file is %s, %v", body.GetData(), err)
		}
	}
}

// wantNothing fails if a portal hears of a report that waits, or of who owes one.
func (s *scene) wantNothing(key string, r *aggregationv1.Report) {
	s.T.Helper()
	ctx, as := s.T.Context(), s.Aggregation(key)
	_, get := as.GetReport(ctx, &aggregationv1.GetReportRequest{Name: r.GetName()})
	_, rows := as.ListReportRows(ctx, &aggregationv1.ListReportRowsRequest{Parent: r.GetName()})
	_, file := as.ExportReportRows(ctx, &aggregationv1.ExportReportRowsRequest{Parent: r.GetName(), Format: aggregationv1.UploadReportRequest_FORMAT_CSV})
	_, body := as.DownloadReportRows(ctx, &aggregationv1.DownloadReportRowsRequest{Parent: r.GetName(), Format: aggregationv1.UploadReportRequest_FORMAT_CSV})
	for what, err := range map[string]error{"get": get, "rows": rows, "rows in a message": file, "rows as a file": body} {
		if !errors.Is(err, authz.ErrNotFound) {
			s.T.Errorf("a report that waits, %s = %v", what, err)
		}
	}
	list, err := as.ListReports(ctx, &aggregationv1.ListReportsRequest{Unit: s.district})
	s.wantEmpty(list, err)
	dues, err := as.ListReportDues(ctx, &aggregationv1.ListReportDuesRequest{Parent: "reportForms/ledger-monthly", Unit: s.district, Period: "2026-02"})
	s.wantEmpty(dues, err)
	sources, err := as.ListReportSources(ctx, &aggregationv1.ListReportSourcesRequest{Unit: s.district})
	s.wantEmpty(sources, err)
	for _, parent := range []string{s.district, "units/-"} {
		for _, beneath := range []bool{false, true} {
			items, err := as.ListWorkItems(ctx, &aggregationv1.ListWorkItemsRequest{Parent: parent, Beneath: beneath})
			s.wantEmpty(items, err)
			file, err := as.ExportWorkItems(ctx, &aggregationv1.ExportWorkItemsRequest{Parent: parent, Beneath: beneath})
			s.wantHeader(file, err)
		}
	}
	owed, err := as.ExportReportDues(ctx, &aggregationv1.ExportReportDuesRequest{Parent: "reportForms/ledger-monthly", Unit: s.district, Period: "2026-02"})
	s.wantHeader(owed, err)
	waiting, err := as.ExportReports(ctx, &aggregationv1.ExportReportsRequest{Unit: s.district})
	s.wantHeader(waiting, err)
	senders, err := as.ExportReportSources(ctx, &aggregationv1.ExportReportSourcesRequest{Unit: s.district})
	s.wantHeader(senders, err)
	goals, err := as.ExportTargets(ctx, &aggregationv1.ExportTargetsRequest{Unit: s.district})
	s.wantHeader(goals, err)
}

// wantHeader fails unless a file has no line but the header, and the notes.
func (s *scene) wantHeader(file *httpbody.HttpBody, err error) {
	s.T.Helper()
	if err != nil || len(cellsOf(s.T.(*testing.T), file.GetData())) != 1 {
		s.T.Errorf("a portal's file is %s, %v", file.GetData(), err)
	}
}

func (s *scene) wantEmpty(list proto.Message, err error) {
	s.T.Helper()
	if err != nil || proto.Size(list) > 0 {
		s.T.Errorf("a portal reads %v, %v", list, err)
	}
}
