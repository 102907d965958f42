package services_test

import (
	"maps"

	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// reportRecords are a report of the home and the system that sent it.
type reportRecords struct{ report, source string }

func noReports() reportRecords {
	return reportRecords{report: "reports/none", source: "reportSources/none"}
}

func (m *matrix) keepReports(home string) (r reportRecords) {
	if home == province {
		return noReports()
	}
	ctx, reporter := m.suite.T.Context(), m.suite.Aggregation(m.key(accessv1.Role_ROLE_REPORTER, home))
	r.report = done[*aggregationv1.Report](m)(reporter.CreateReport(ctx, &aggregationv1.CreateReportRequest{Report: reporting(home, 1)})).GetName()
	sources := done[*aggregationv1.ListReportSourcesResponse](m)(reporter.ListReportSources(ctx, &aggregationv1.ListReportSourcesRequest{Unit: home}))
	r.source = sources.GetReportSources()[0].GetName()
	return r
}

func (m *matrix) keepTarget(home string) string {
	leader := m.suite.Aggregation(m.key(accessv1.Role_ROLE_LEADER, home))
	return done[*aggregationv1.Target](m)(leader.CreateTarget(m.suite.T.Context(), &aggregationv1.CreateTargetRequest{Target: goal(home, "2026-06-30")})).GetName()
}

// goal is a target of the unit.
func goal(unit, end string) *aggregationv1.Target {
	return &aggregationv1.Target{
		Unit: unit, Metric: problemsFound, StartDate: "2026-01-01", EndDate: end, Goal: 9, Direction: aggregationv1.Target_DIRECTION_AT_MOST,
	}
}

// reporting is a nil report (零报告) of the unit.
func reporting(unit string, sequence int64) *aggregationv1.Report {
	return &aggregationv1.Report{
		Form: "reportForms/ledger-monthly", Unit: unit, Period: "2026-01", Source: "eis", Sequence: sequence, NilReport: true,
	}
}

// leaving is leave for the unit to report late.
func leaving(unit string) *aggregationv1.ReportLeave {
	return &aggregationv1.ReportLeave{Unit: unit, Form: "reportForms/ledger-monthly", Period: "2025-01", UntilDate: "2026-12-31", Reason: "系统故障"}
}

func aggregationFixtures() map[string][]fixture {
	all := figureFixtures()
	for _, more := range []map[string][]fixture{reportFixtures(), targetFixtures(), worklistFixtures()} {
		maps.Copy(all, more)
	}
	return all
}

// problemsFound is a metric that can be ranked and has a series.
const problemsFound = "metrics/problems_found"

func figureFixtures() map[string][]fixture {
	return map[string][]fixture{
		"GetMetric":   {{homes: nowhere, ask: func(records) protobuf.Message { return &aggregationv1.GetMetricRequest{Name: problemsFound} }}},
		"ListMetrics": {{homes: nowhere, ask: func(records) protobuf.Message { return &aggregationv1.ListMetricsRequest{} }}},
		"GetReportForm": {{homes: nowhere, ask: func(records) protobuf.Message {
			return &aggregationv1.GetReportFormRequest{Name: "reportForms/ledger-monthly"}
		}}},
		"ListReportForms": {{homes: nowhere, ask: func(records) protobuf.Message { return &aggregationv1.ListReportFormsRequest{} }}},
		"GetStatus":       {asks(func(r records) protobuf.Message { return &aggregationv1.GetStatusRequest{Name: r.unit} })},
		"ExportStatus":    {asks(func(r records) protobuf.Message { return &aggregationv1.ExportStatusRequest{Name: r.unit} })},
		"CompareStatus": {asks(func(r records) protobuf.Message {
			return &aggregationv1.CompareStatusRequest{Name: r.unit, Metric: problemsFound}
		})},
		"GetStatusSeries": {asks(func(r records) protobuf.Message {
			return &aggregationv1.GetStatusSeriesRequest{Name: r.unit, Metric: problemsFound, Cut: &aggregationv1.Cut{StartDate: "2026-01-01"}}
		})},
	}
}

func targetFixtures() map[string][]fixture {
	target := func(r records) string { return r.target }
	return map[string][]fixture{
		"CreateTarget": {asks(func(r records) protobuf.Message {
			return &aggregationv1.CreateTargetRequest{Target: goal(r.unit, "2026-12-31"), ValidateOnly: true}
		})},
		"GetTarget": {{except: draft(), ask: func(r records) protobuf.Message { return &aggregationv1.GetTargetRequest{Name: r.target} }}},
		"ListTargets": {
			{note: "all", sifts: true, except: draft(), shows: target, ask: func(records) protobuf.Message { return &aggregationv1.ListTargetsRequest{PageSize: 1000} }},
			{note: "of a unit", except: inward(), shows: target, ask: func(r records) protobuf.Message { return &aggregationv1.ListTargetsRequest{Unit: r.unit} }},
		},
		"ExportTargets": {
			{note: "all", sifts: true, ask: func(records) protobuf.Message { return &aggregationv1.ExportTargetsRequest{} }},
			{note: "of a unit", ask: func(r records) protobuf.Message { return &aggregationv1.ExportTargetsRequest{Unit: r.unit} }},
		},
		"UpdateTarget": {asks(func(r records) protobuf.Message {
			is := goal(r.unit, "2026-06-30")
			is.Name, is.Goal = r.target, 8
			return &aggregationv1.UpdateTargetRequest{Target: is, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"goal"}}, ValidateOnly: true}
		})},
	}
}

func worklistFixtures() map[string][]fixture {
	return map[string][]fixture{
		"ListWorkItems": {
			{note: "of a unit", ask: func(r records) protobuf.Message { return &aggregationv1.ListWorkItemsRequest{Parent: r.unit} }},
			{note: "beneath", ask: func(r records) protobuf.Message {
				return &aggregationv1.ListWorkItemsRequest{Parent: r.unit, Beneath: true}
			}},
			{note: "mine", sifts: true, ask: func(r records) protobuf.Message { return &aggregationv1.ListWorkItemsRequest{Parent: "units/-"} }},
		},
		"ExportWorkItems": {
			{note: "of a unit", ask: func(r records) protobuf.Message { return &aggregationv1.ExportWorkItemsRequest{Parent: r.unit} }},
			{note: "mine", sifts: true, ask: func(r records) protobuf.Message { return &aggregationv1.ExportWorkItemsRequest{Parent: "units/-"} }},
		},
		"UrgeWorkItem": {asks(func(r records) protobuf.Message {
			return &aggregationv1.UrgeWorkItemRequest{
				Name: r.unit, Subject: "ledgers/none", Action: aggregationv1.WorkItem_ACTION_FILE_LEDGER, ValidateOnly: true,
			}
		})},
	}
}

func reportFixtures() map[string][]fixture {
	report := func(r records) string { return r.reports.report }
	source := func(r records) string { return r.reports.source }
	return map[string][]fixture{
		"CreateReport": {asks(func(r records) protobuf.Message {
			return &aggregationv1.CreateReportRequest{Report: reporting(r.unit, 2), ValidateOnly: true}
		})},
		"UploadReport": {asks(func(r records) protobuf.Message {
			upload := reporting(r.unit, 2)
			upload.NilReport = false
			return &aggregationv1.UploadReportRequest{
				Report: upload, Content: []byte("单位,发现问题数\n" + r.unit + ",1\n"), Format: aggregationv1.UploadReportRequest_FORMAT_CSV, ValidateOnly: true,
			}
		})},
		"ListReportRows": {{except: draft(), ask: func(r records) protobuf.Message {
			return &aggregationv1.ListReportRowsRequest{Parent: r.reports.report}
		}}},
		"ExportReportRows": {{except: draft(), ask: func(r records) protobuf.Message {
			return &aggregationv1.ExportReportRowsRequest{Parent: r.reports.report, Format: aggregationv1.UploadReportRequest_FORMAT_CSV}
		}}},
		"DownloadReportRows": {{except: draft(), ask: func(r records) protobuf.Message {
			return &aggregationv1.DownloadReportRowsRequest{Parent: r.reports.report, Format: aggregationv1.UploadReportRequest_FORMAT_CSV}
		}}},
		"ListReportCodes": {{except: draft(), ask: func(r records) protobuf.Message {
			return &aggregationv1.ListReportCodesRequest{Parent: r.reports.source}
		}}},
		"SetReportCodes": {asks(func(r records) protobuf.Message {
			return &aggregationv1.SetReportCodesRequest{
				Parent: r.reports.source, Codes: []*aggregationv1.ReportCode{{Code: "x", Unit: r.unit}}, ValidateOnly: true,
			}
		})},
		"CreateReportLeave": {asks(func(r records) protobuf.Message {
			return &aggregationv1.CreateReportLeaveRequest{ReportLeave: leaving(r.unit), ValidateOnly: true}
		})},
		"ListReportLeaves": {
			{note: "all", sifts: true, ask: func(records) protobuf.Message { return &aggregationv1.ListReportLeavesRequest{PageSize: 1000} }},
			{note: "of a unit", ask: func(r records) protobuf.Message { return &aggregationv1.ListReportLeavesRequest{Unit: r.unit} }},
		},
		"ListReportDues": {asks(func(r records) protobuf.Message {
			return &aggregationv1.ListReportDuesRequest{Parent: "reportForms/ledger-monthly", Unit: r.unit, Period: "2026-01"}
		})},
		"GetReportQuality": {{except: draft(), ask: func(r records) protobuf.Message {
			return &aggregationv1.GetReportQualityRequest{Name: r.reports.source, Month: "2026-01"}
		}}},
		"ExportReportDues": {asks(func(r records) protobuf.Message {
			return &aggregationv1.ExportReportDuesRequest{Parent: "reportForms/ledger-monthly", Unit: r.unit, Period: "2026-01"}
		})},
		"ExportReportQuality": {{except: draft(), ask: func(r records) protobuf.Message {
			return &aggregationv1.ExportReportQualityRequest{Name: r.reports.source, Month: "2026-01"}
		}}},
		"GetReport": {{except: draft(), ask: func(r records) protobuf.Message { return &aggregationv1.GetReportRequest{Name: r.reports.report} }}},
		"ListReports": {
			{note: "all", sifts: true, except: draft(), shows: report, ask: func(records) protobuf.Message { return &aggregationv1.ListReportsRequest{PageSize: 1000} }},
			{note: "of a unit", except: inward(), shows: report, ask: func(r records) protobuf.Message { return &aggregationv1.ListReportsRequest{Unit: r.unit} }},
		},
		"ExportReports": {
			{note: "all", sifts: true, ask: func(records) protobuf.Message { return &aggregationv1.ExportReportsRequest{} }},
			{note: "of a unit", ask: func(r records) protobuf.Message { return &aggregationv1.ExportReportsRequest{Unit: r.unit} }},
		},
		"ExportReportSources": {
			{note: "all", sifts: true, ask: func(records) protobuf.Message { return &aggregationv1.ExportReportSourcesRequest{} }},
			{note: "of a unit", ask: func(r records) protobuf.Message { return &aggregationv1.ExportReportSourcesRequest{Unit: r.unit} }},
		},
		"AcceptReport": {asks(func(r records) protobuf.Message {
			return &aggregationv1.AcceptReportRequest{Name: r.reports.report, ValidateOnly: true}
		})},
		"ReturnReport": {asks(func(r records) protobuf.Message {
			return &aggregationv1.ReturnReportRequest{Name: r.reports.report, Reason: "不符", ValidateOnly: true}
		})},
		"GetReportSource": {{except: draft(), ask: func(r records) protobuf.Message { return &aggregationv1.GetReportSourceRequest{Name: r.reports.source} }}},
		"ListReportSources": {
			{note: "all", sifts: true, except: draft(), shows: source, ask: func(records) protobuf.Message {
				return &aggregationv1.ListReportSourcesRequest{PageSize: 1000}
			}},
			{note: "of a unit", except: inward(), shows: source, ask: func(r records) protobuf.Message { return &aggregationv1.ListReportSourcesRequest{Unit: r.unit} }},
		},
	}
}

// urgeFixtures are of federation, which hands on what was urged.
func urgeFixtures() map[string][]fixture {
	return map[string][]fixture{
		"ListUrges": {{homes: nowhere, ask: func(records) protobuf.Message { return &aggregationv1.ListUrgesRequest{Unit: "units/root"} }}},
		"TakeUrges": {{homes: nowhere, ask: func(records) protobuf.Message { return &aggregationv1.TakeUrgesRequest{} }}},
	}
}
