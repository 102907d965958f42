package desk

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"google.golang.org/genproto/googleapis/api/httpbody"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/intake"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/sheet"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
	"github.com/duban-project/duban/services/internal/portal"
)

// GetReport implements the RPC.
func (d *Desk) GetReport(ctx context.Context, req *aggregationv1.GetReportRequest) (r *aggregationv1.Report, err error) {
	err = d.book.View(ctx, func(tx *change.Tx) error {
		if r, err = d.reports.Reach(tx, req.GetName()); err == nil {
			r, err = d.whole(tx, r)
		}
		return err
	})
	return r, err
}

// ListReports implements the RPC.
func (d *Desk) ListReports(ctx context.Context, req *aggregationv1.ListReportsRequest) (*aggregationv1.ListReportsResponse, error) {
	list, next, err := d.reports.List(ctx, req, d.reports.Of(req.GetUnit()))
	return &aggregationv1.ListReportsResponse{Reports: list, NextPageToken: next}, err
}

// GetReportSource implements the RPC.
func (d *Desk) GetReportSource(ctx context.Context, req *aggregationv1.GetReportSourceRequest) (*aggregationv1.ReportSource, error) {
	return d.sources.Get(ctx, req.GetName())
}

// ListReportSources implements the RPC.
func (d *Desk) ListReportSources(ctx context.Context, req *aggregationv1.ListReportSourcesRequest) (*aggregationv1.ListReportSourcesResponse, error) {
	list, next, err := d.sources.List(ctx, req, d.sources.Of(req.GetUnit()))
	return &aggregationv1.ListReportSourcesResponse{ReportSources: list, NextPageToken: next}, err
}

type row = aggregationv1.Report_Row

// place is where a row is kept.
type place struct{ page, index int32 }

// rows yields the rows of a report behind a place, and notes where they are.
func (d *Desk) rows(tx *change.Tx, report string, after place, at map[*row]place) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		from := ""
		if after.page > 0 {
			from = reports.PageName(report, after.page-1)
		}
		for p, err := range d.pages.Scan(tx, from, report+"/pages/") {
			if err != nil {
				yield(nil, err)
				return
			}
			var here place
			if _, err := fmt.Sscanf(p.GetName()[len(report):], "/pages/%06d", &here.page); err != nil {
				yield(nil, err)
				return
			}
			for i, row := range p.GetRows() {
				here.index = int32(i) + 1
				if here.page == after.page && here.index <= after.index {
					continue
				}
				if at[row] = here; !yield(row, nil) {
					return
				}
			}
		}
	}
}

// ListReportRows implements the RPC. The token says behind which place it goes
// on.
func (d *Desk) ListReportRows(ctx context.Context, req *aggregationv1.ListReportRowsRequest) (*aggregationv1.ListReportRowsResponse, error) {
	cursor, err := d.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	var after place
	if cursor != "" {
		if _, err := fmt.Sscanf(cursor, "%d/%d", &after.page, &after.index); err != nil {
			return nil, err
		}
	}
	list, next, err := d.collect(ctx, req.GetParent(), req.GetFilter(), after, page.Most{Items: page.Size(req.GetPageSize())})
	return &aggregationv1.ListReportRowsResponse{Rows: list, NextPageToken: d.book.Tokens.Encode(next, req)}, err
}

// collect reads rows of a report that a filter lets pass.
func (d *Desk) collect(ctx context.Context, report, filter string, after place, most page.Most) (list []*row, next string, err error) {
	wanted, err := page.ParseFilter(filter, (*row)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, "", err
	}
	err = d.book.View(ctx, func(tx *change.Tx) error {
		of, err := d.reports.Reach(tx, report)
		if err != nil {
			return err
		}
		outside := d.reports.Outside(tx, of)
		at := map[*row]place{}
		key := func(r *row) string { return fmt.Sprintf("%d/%d", at[r].page, at[r].index) }
		list, next, err = page.Collect(d.rows(tx, report, after, at), most, func(r *row) (*row, bool, error) {
			return r, (!outside || portal.Counted(r)) && wanted.Match(r), nil
		}, key)
		return err
	})
	return list, next, err
}

// file is what a file has at most of a report's rows.
var file = page.Most{Items: 10_000, Bytes: page.FileBytes}

// ExportReportRows implements the RPC.
func (d *Desk) ExportReportRows(ctx context.Context, req *aggregationv1.ExportReportRowsRequest) (*aggregationv1.ExportReportRowsResponse, error) {
	list, next, err := d.collect(ctx, req.GetParent(), req.GetFilter(), place{}, file)
	if err != nil {
		return nil, err
	}
	content, media, err := intake.Verdicts(list).Write(req.GetFormat() == aggregationv1.UploadReportRequest_FORMAT_XLSX)
	return &aggregationv1.ExportReportRowsResponse{Content: content, MediaType: media, Truncated: next != ""}, err
}

// DownloadReportRows implements the RPC.
func (d *Desk) DownloadReportRows(ctx context.Context, req *aggregationv1.DownloadReportRowsRequest) (*httpbody.HttpBody, error) {
	r, err := d.reports.Get(ctx, req.GetParent())
	if err != nil {
		return nil, err
	}
	list, next, err := d.collect(ctx, req.GetParent(), req.GetFilter(), place{}, file)
	if err != nil {
		return nil, err
	}
	form, _ := reports.FindForm(r.GetForm()) // without a name, if there is none any more
	table := intake.Verdicts(list)
	table.Notes = intake.Origin(r, req.GetFilter(), next != "")
	return table.File(
		req.GetFormat() == aggregationv1.UploadReportRequest_FORMAT_XLSX,
		sheet.Called(r.GetUnit(), d.directory.Unit(r.GetUnit()).GetDisplayName()), sheet.Called(form.GetName(), form.GetDisplayNameZh()),
		sheet.Same(r.GetPeriod()), sheet.Same(r.GetSource()), sheet.Same(strconv.FormatInt(r.GetSequence(), 10)),
	)
}
