package desk

import (
	"context"

	"google.golang.org/genproto/googleapis/api/httpbody"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/sheet"
)

// ExportReports implements the RPC.
func (d *Desk) ExportReports(ctx context.Context, req *aggregationv1.ExportReportsRequest) (*httpbody.HttpBody, error) {
	asked := &aggregationv1.ListReportsRequest{Unit: req.GetUnit(), Filter: req.GetFilter()}
	list, more, err := d.reports.All(ctx, asked, sheet.Listed, d.reports.Of(req.GetUnit()))
	if err != nil {
		return nil, err
	}
	l := d.listing(req)
	l.ID, l.Zh = "reports", "报表"
	return l.File(sheet.ListingOf(l, list, more))
}

// ExportReportSources implements the RPC.
func (d *Desk) ExportReportSources(ctx context.Context, req *aggregationv1.ExportReportSourcesRequest) (*httpbody.HttpBody, error) {
	asked := &aggregationv1.ListReportSourcesRequest{Unit: req.GetUnit(), Filter: req.GetFilter()}
	list, more, err := d.sources.All(ctx, asked, sheet.Listed, d.sources.Of(req.GetUnit()))
	if err != nil {
		return nil, err
	}
	l := d.listing(req)
	l.ID, l.Zh = "sources", "报送来源"
	return l.File(sheet.ListingOf(l, list, more))
}

// listing is the list that a request is for.
func (d *Desk) listing(req interface {
	GetUnit() string
	GetFilter() string
	GetFormat() aggregationv1.ExportStatusRequest_Format
}) sheet.Listing {
	return sheet.Listing{
		Unit: req.GetUnit(), Filter: req.GetFilter(), Day: d.book.Today(), Workbook: req.GetFormat() == aggregationv1.ExportStatusRequest_FORMAT_XLSX,
		Called: func(unit string) string { return d.directory.Unit(unit).GetDisplayName() },
	}
}
