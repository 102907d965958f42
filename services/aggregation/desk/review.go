package desk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// AcceptReport implements the RPC.
func (d *Desk) AcceptReport(ctx context.Context, req *aggregationv1.AcceptReportRequest) (*aggregationv1.Report, error) {
	r, err := change.On(ctx, &d.reports, req, d.accept, change.Before(d.directory.CatchUp))
	if err == nil && r.GetState() == aggregationv1.Report_STATE_ENTERING {
		d.Stir()
	}
	return r, err
}

// accept counts a short report at once and leaves a long one to the worker.
func (d *Desk) accept(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
	r, err := reports.Accept(r, tx.Access.Principal.Name)
	if err != nil {
		return nil, err
	}
	before, err := d.counted(tx, r)
	if err != nil {
		return nil, err
	}
	if err := jobs.End(tx, r.GetName(), aggregationv1.ReportJob_KIND_ALIGN); err != nil { // as the rows are counted
		return nil, err
	}
	job := &aggregationv1.ReportJob{Kind: aggregationv1.ReportJob_KIND_ENTER, Total: r.GetPages() + before.GetPages()}
	if job.GetTotal() > 2 {
		if err := jobs.Put(tx, r.GetName(), job); err != nil {
			return nil, err
		}
		if r, err = d.reports.Put(tx, r); err != nil {
			return nil, err
		}
		return d.shown(tx, r)
	}
	for job.GetDone() < job.GetTotal() {
		if err := d.work(tx, r, job); err != nil {
			return nil, err
		}
	}
	if r, err = d.complete(tx, r, job); err != nil {
		return nil, err
	}
	return d.put(tx, r)
}

// ReturnReport implements the RPC. What the report was to supersede stands as
// before.
func (d *Desk) ReturnReport(ctx context.Context, req *aggregationv1.ReturnReportRequest) (*aggregationv1.Report, error) {
	defer d.Stir()
	return change.On(ctx, &d.reports, req, func(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
		r, err := reports.Return(r, tx.Access.Principal.Name, req.GetReason(), tx.Now)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(d.align(tx, r, 0), d.release(tx, r)); err != nil {
			return nil, err
		}
		if r, err = d.put(tx, r); err != nil {
			return nil, err
		}
		return r, d.gone(tx, r)
	})
}

// whole is a report as Get answers with it: with its rows, if they are few.
func (d *Desk) whole(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
	if r.GetPages() == 1 {
		page, err := d.pages.Find(tx, reports.PageName(r.GetName(), 0))
		if err != nil {
			return nil, err
		}
		r = proto.CloneOf(r)
		r.Rows = page.GetRows()
	}
	return d.reports.Shown(tx, r)
}

// shown is a report with how far the work on it has come.
func (d *Desk) shown(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
	kind := map[aggregationv1.Report_State]aggregationv1.ReportJob_Kind{
		aggregationv1.Report_STATE_PROCESSING: aggregationv1.ReportJob_KIND_JUDGE,
		aggregationv1.Report_STATE_SUBMITTED:  aggregationv1.ReportJob_KIND_AGAIN,
		aggregationv1.Report_STATE_ACCEPTED:   aggregationv1.ReportJob_KIND_AGAIN,
		aggregationv1.Report_STATE_ENTERING:   aggregationv1.ReportJob_KIND_ENTER,
	}[r.GetState()]
	if kind == 0 {
		return r, nil
	}
	job, err := jobs.Find(tx, r.GetName(), kind)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return r, nil
	case err != nil:
		return nil, fmt.Errorf("reading how far %s has come: %w", r.GetName(), err)
	}
	r = proto.CloneOf(r)
	r.Progress = &aggregationv1.Report_Progress{Done: job.GetDone(), Total: job.GetTotal()}
	return r, nil
}
