package server_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/sheet"
)

// numbers are what senders write where a value is to be, and what it is: a value, or the reason
// for which it is none.
var numbers = [][2]string{
	{"0", "0"}, {"12", "12"}, {"1e2", "100"}, {"1E2", "100"}, {"12e-1", "MALFORMED"}, {"120e-1", "12"}, {"1.0", "1"}, {"-0", "0"}, {"-0.0", "0"},
	{"+5", "5"}, {"1,000", "1000"}, {"1,000.0", "1000"}, {" 12 ", "12"}, {"0e9", "0"},
	{"1e+2", "MALFORMED"}, {"1.23E+03", "MALFORMED"}, {"0x10", "MALFORMED"}, {"١٢", "MALFORMED"}, {"１２", "MALFORMED"}, {"1.50", "MALFORMED"},
	{"NaN", "MALFORMED"}, {"Infinity", "MALFORMED"}, {"null", "MALFORMED"}, {"007", "MALFORMED"}, {"10,00", "MALFORMED"}, {"1_000", "MALFORMED"}, {"1/1", "MALFORMED"},
	{"", "MISSING"}, {" ", "MISSING"}, {"　", "MISSING"},
	{"-1", "INVALID"}, {"1000000001", "INVALID"}, {"1e16", "INVALID"}, {"1E300", "INVALID"}, {"9007199254740993", "INVALID"}, {"99999999999999999999", "INVALID"},
	{"-99999999999999999999", "INVALID"}, {"9,007,199,254,740,993", "INVALID"},
}

// TestANumberIsTheSameEverywhere: what is written as a number has one value, or one reason for
// which it is none, in JSON as a number and as a string, in CSV and in a workbook.
func TestANumberIsTheSameEverywhere(t *testing.T) {
	s := newScene(t)
	var asNumbers, asTexts []string
	table := &sheet.Table{Name: "表", Header: []string{"code", "found"}}
	for i, n := range numbers {
		text, err := json.Marshal(n[0])
		if err != nil {
			t.Fatal(err)
		}
		member := func(value string) string { return fmt.Sprintf(`{"code":"c%d","field":"found","value":%s}`, i, value) }
		asTexts = append(asTexts, member(string(text)))
		if literal := strings.TrimSpace(n[0]); json.Valid([]byte(literal)) && literal != "null" {
			text = []byte(literal)
		}
		asNumbers = append(asNumbers, member(string(text)))
		table.Rows = append(table.Rows, []any{fmt.Sprint("c", i), sheet.Plain(n[0])})
	}
	posted := func(source string, rows []string) *aggregationv1.Report {
		r := &aggregationv1.Report{}
		s.posted("/v1/reports", fmt.Sprintf(`{"form":"reportForms/ledger-monthly","unit":%q,"period":"2026-01","source":%q,"sequence":"1","rows":[%s]}`,
			s.district, source, strings.Join(rows, ",")), r)
		return r
	}
	uploaded := func(source string, format aggregationv1.UploadReportRequest_Format) *aggregationv1.Report {
		content, _, err := table.Write(format == aggregationv1.UploadReportRequest_FORMAT_XLSX)
		if err != nil {
			t.Fatal(err)
		}
		report := s.report(1)
		report.Source = source
		r, err := s.Aggregation(s.machine.Key).UploadReport(t.Context(), &aggregationv1.UploadReportRequest{Report: report, Content: content, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	answers := map[string]*aggregationv1.Report{
		"JSON": posted("numbers", asNumbers), "strings of JSON": posted("texts", asTexts),
		"CSV": uploaded("csv", aggregationv1.UploadReportRequest_FORMAT_CSV), "workbook": uploaded("xlsx", aggregationv1.UploadReportRequest_FORMAT_XLSX),
	}
	said := map[string]string{}
	for form, r := range answers {
		if len(r.GetRows()) != len(numbers) {
			t.Fatalf("%s has %d rows of %d", form, len(r.GetRows()), len(numbers))
		}
		for i, row := range r.GetRows() {
			got, text := strings.TrimPrefix(row.GetReason(), "REPORT_VALUE_"), numbers[i][0]
			if row.GetVerdict() == aggregationv1.Report_VERDICT_QUARANTINED { // nobody knows the code: it was read before
				got = strconv.FormatInt(row.GetValue(), 10)
			}
			if got != numbers[i][1] {
				t.Errorf("%s has %q as %s, want %s: %v", form, text, got, numbers[i][1], row)
			}
			if before, told := said[text]; told && before != row.GetMessageZh() {
				t.Errorf("%s says of %q %q, others %q", form, text, row.GetMessageZh(), before)
			}
			said[text] = row.GetMessageZh()
		}
	}
}
