package server_test

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// noted are the notes of a file: in CSV what stands behind the empty line, in a
// workbook the sheet of that name.
func noted(t *testing.T, file []byte) map[string]string {
	t.Helper()
	var rows [][]string
	if text, ok := bytes.CutPrefix(file, []byte("\xef\xbb\xbf")); ok {
		_, behind, _ := strings.Cut(string(text), "\r\n\r\n")
		var err error
		if rows, err = csv.NewReader(strings.NewReader(behind)).ReadAll(); err != nil {
			t.Fatal(err)
		}
	} else {
		book, err := excelize.OpenReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		if rows, err = book.GetRows("说明"); err != nil {
			t.Fatal(err)
		}
	}
	notes := map[string]string{}
	for _, row := range append(rows, []string{""}) {
		notes[row[0]] = strings.Join(row[1:min(2, len(row))], "")
	}
	return notes
}

// Every table, as every kind of file, says of which figures it is, how fresh they
// are and what is missing in them, as the status itself does.
func TestAFileSaysWhatItsFiguresRestOn(t *testing.T) {
	s := newScene(t)
	campaign := s.published("known", s.Root, "A")
	s.SetTime(time.Date(2027, 1, 4, 1, 0, 0, 0, time.UTC))
	s.settled()
	cut := &aggregationv1.Cut{Campaign: campaign, Category: "A", Source: "SOURCE_SELF_CHECK", StartDate: "2026-01-01", EndDate: "2026-12-31", TreeAsOf: aggregationv1.Tree_TREE_NOW}
	status := s.status(s.eye.Key, s.district, cut)
	want := map[string]string{
		"单位 (unit)": s.district, "起始日期 (start_date)": "2026-01-01", "截止日期 (end_date)": "2026-12-31",
		"截至时刻 (as_of)": "2027-01-04T01:00:00Z", "逾期数所属日期 (overdue_date)": "2027-01-04", "单位树口径 (tree_as_of)": "TREE_NOW", "活动 (campaign)": campaign,
		"类别 (category)": "A", "问题来源 (source)": "SELF_CHECK",
		"含下级未经认可的数据 (unaccepted_included)": "否", "含本单位未经认可的数据 (own_unaccepted_included)": "是",
		"逾期未办事项数 (missing.total)": strconv.FormatInt(status.GetMissing().GetTotal(), 10),
	}
	for _, item := range status.GetMissing().GetItems() {
		want["逾期未办 (missing) "+item.GetUnit()] = item.GetSubject() + "，时限 (due_date) " + item.GetDueDate()
	}
	if len(status.GetMissing().GetItems()) != 3 || len(status.GetFreshness()) < 4 {
		t.Fatalf("missing is %v, of the feeds %v", status.GetMissing(), status.GetFreshness())
	}
	for table := range aggregationv1.ExportStatusRequest_Table_name {
		for format := range aggregationv1.ExportStatusRequest_Format_name {
			got := s.exported(&aggregationv1.ExportStatusRequest{
				Name: s.district, Cut: cut, Metric: "metrics/problems_found",
				Table: aggregationv1.ExportStatusRequest_Table(table), Format: aggregationv1.ExportStatusRequest_Format(format),
			})
			for word, what := range want {
				if got[word] != what {
					t.Errorf("table %d as %d: %s is %q, want %q", table, format, word, got[word], what)
				}
			}
			for _, f := range status.GetFreshness() {
				if line := got["数据新鲜度 (freshness) "+f.GetService()]; !strings.Contains(line, "(cursor) "+strconv.FormatUint(f.GetCursor(), 10)+"/") {
					t.Errorf("table %d as %d: of %s it says %q", table, format, f.GetService(), line)
				}
			}
		}
	}
	cut.AsOf = timestamppb.New(time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC))
	got := s.exported(&aggregationv1.ExportStatusRequest{Name: s.district, Cut: cut})
	if got["截至时刻 (as_of)"] != "2026-12-31T16:00:00Z" {
		t.Errorf("a past status is as of %q", got["截至时刻 (as_of)"])
	}
}

// exported are the notes of an export.
func (s *scene) exported(req *aggregationv1.ExportStatusRequest) map[string]string {
	s.T.Helper()
	file, err := s.Aggregation(s.eye.Key).ExportStatus(s.T.Context(), req)
	if err != nil {
		s.T.Fatal(err)
	}
	return noted(s.T.(*testing.T), file.GetData())
}
