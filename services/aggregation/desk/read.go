package desk

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/intake"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/sheet"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
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
	list, next, err := d.collect(ctx, req.GetParent(), req.GetFilter(), after, page.Size(req.GetPageSize()))
	return &aggregationv1.ListReportRowsResponse{Rows: list, NextPageToken: d.book.Tokens.Encode(next, req)}, err
}

// collect reads rows of a report that a filter lets pass.
func (d *Desk) collect(ctx context.Context, report, filter string, after place, size int) (list []*row, next string, err error) {
	wanted, err := page.ParseFilter(filter, (*row)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, "", err
	}
	err = d.book.View(ctx, func(tx *change.Tx) error {
		if _, err := d.reports.Reach(tx, report); err != nil {
			return err
		}
		at := map[*row]place{}
		key := func(r *row) string { return fmt.Sprintf("%d/%d", at[r].page, at[r].index) }
		b := &bounded{most: min(rowBytes+size<<10, fileBytes), rows: d.rows(tx, report, after, at)}
		list, next, err = page.Collect(b.all(wanted), size, exported, func(r *row) (bool, error) { return wanted.Match(r), nil }, key)
		if b.full {
			next = key(b.last)
		}
		return err
	})
	return list, next, err
}

// rowBytes is how many bytes the rows of an answer have at most, beside 1 KiB for each
// that was asked for.
const rowBytes = 2 << 20

// fileBytes is how many bytes the rows of a file have at most, so that it can be sent
// at all: a message has 4 MiB if nothing else is configured, and words are longer in
// a file than in a row.
const fileBytes = 3 << 20

// bounded are rows of which those that a filter lets pass have so many bytes at most,
// unless the first alone has more.
type bounded struct {
	most int
	rows iter.Seq2[*row, error]
	last *row
	full bool // it ended behind last, because of the bytes
}

func (b *bounded) all(wanted page.Filter) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		for r, err := range b.rows {
			if err == nil && wanted.Match(r) {
				b.most -= proto.Size(r)
			}
			if b.full = b.most < 0 && b.last != nil; b.full {
				return
			}
			if b.last = r; !yield(r, err) {
				return
			}
		}
	}
}

// exported is how many rows a file has at most, and how many are looked at for
// one answer.
const exported = 10_000

// ExportReportRows implements the RPC.
func (d *Desk) ExportReportRows(ctx context.Context, req *aggregationv1.ExportReportRowsRequest) (*aggregationv1.ExportReportRowsResponse, error) {
	list, next, err := d.collect(ctx, req.GetParent(), req.GetFilter(), place{}, exported)
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
	list, next, err := d.collect(ctx, req.GetParent(), req.GetFilter(), place{}, exported)
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
