package desk

import (
	"context"
	"iter"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
)

// ListReportDues implements the RPC.
func (d *Desk) ListReportDues(ctx context.Context, req *aggregationv1.ListReportDuesRequest) (*aggregationv1.ListReportDuesResponse, error) {
	after, err := d.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	dues, next, err := d.owed(ctx, req, after, page.Size(req.GetPageSize()))
	return &aggregationv1.ListReportDuesResponse{ReportDues: dues, NextPageToken: d.book.Tokens.Encode(next, req)}, err
}

// owed lists what is owed behind a unit.
func (d *Desk) owed(ctx context.Context, req *aggregationv1.ListReportDuesRequest, after string, size int) (list []*aggregationv1.ReportDue, next string, err error) {
	filter, err := page.ParseFilter(req.GetFilter(), (*aggregationv1.ReportDue)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, "", err
	}
	err = d.book.View(ctx, func(tx *change.Tx) error {
		dues, err := d.dues(tx, req, after)
		if err != nil {
			return err
		}
		owed := func(due *aggregationv1.ReportDue) (bool, error) {
			return due.GetState() != 0 && tx.Access.Inside(due.GetName()) && filter.Match(due), nil
		}
		list, next, err = page.Collect(dues, size, 0, owed, (*aggregationv1.ReportDue).GetName)
		return err
	})
	return list, next, err
}

// dues yields what each unit at and beneath the asked one owes, and one without a
// state for those that owe nothing.
func (d *Desk) dues(tx *change.Tx, req *aggregationv1.ListReportDuesRequest, after string) (iter.Seq2[*aggregationv1.ReportDue, error], error) {
	if err := tx.Check(req.GetUnit()); err != nil {
		return nil, err
	}
	form, err := reports.FindForm(req.GetParent())
	if err != nil {
		return nil, authz.ErrNotFound
	}
	period, err := reports.ParsePeriod(form, req.GetPeriod())
	if err != nil {
		return nil, err
	}
	units := slices.Sorted(slices.Values(d.directory.Subtree(req.GetUnit())))
	return func(yield func(*aggregationv1.ReportDue, error) bool) {
		for _, unit := range units {
			if unit <= after {
				continue
			}
			due, err := d.due(tx, form, period, unit)
			if !yield(due, err) || err != nil {
				return
			}
		}
	}, nil
}

// due is what a unit owes by a form, without a state if it owes nothing.
func (d *Desk) due(tx *change.Tx, form *aggregationv1.ReportForm, period reports.Period, unit string) (*aggregationv1.ReportDue, error) {
	if !d.owes(form, period, unit) {
		return &aggregationv1.ReportDue{Name: unit}, nil
	}
	sent, err := d.sent(tx, form, period, unit)
	return reports.DueOf(unit, period, reports.WindowOf(form, period, d.days), d.today(), sent), err
}

func (d *Desk) owes(form *aggregationv1.ReportForm, period reports.Period, unit string) bool {
	u := d.directory.Unit(unit)
	return u != nil && reports.Owes(form, u, int32(len(d.directory.Path(unit))), period)
}

// sent returns what has come by a form from a unit.
func (d *Desk) sent(tx *change.Tx, form *aggregationv1.ReportForm, period reports.Period, unit string) (sent []*aggregationv1.Report, err error) {
	for r, err := range d.reports.Lookup(tx, "duty", reports.Duty(unit, form.GetName(), period.String()), "") {
		if err != nil {
			return nil, err
		}
		sent = append(sent, r)
	}
	return sent, nil
}

// GetReportQuality implements the RPC.
func (d *Desk) GetReportQuality(ctx context.Context, req *aggregationv1.GetReportQualityRequest) (q *aggregationv1.ReportQuality, err error) {
	err = d.book.View(ctx, func(tx *change.Tx) error {
		source, err := d.sources.Reach(tx, req.GetName())
		if err != nil {
			return err
		}
		var sent reports.Sent
		for _, form := range reports.Forms() {
			if err := d.gather(tx, form, source, req.GetMonth(), &sent); err != nil {
				return err
			}
		}
		q = reports.QualityOf(source.GetName(), req.GetMonth(), sent)
		return nil
	})
	return q, err
}

// gather adds what a source sent by a form, and owed.
func (d *Desk) gather(tx *change.Tx, form *aggregationv1.ReportForm, source *aggregationv1.ReportSource, month string, to *reports.Sent) error {
	period, ends := reports.EndingIn(form, month)
	if !ends {
		return nil
	}
	sent, err := d.sent(tx, form, period, source.GetUnit())
	if err != nil {
		return err
	}
	others := len(sent)
	sent = slices.DeleteFunc(sent, func(r *aggregationv1.Report) bool { return r.GetSource() != source.GetSource() })
	others -= len(sent)
	window := reports.WindowOf(form, period, d.days)
	if d.owes(form, period, source.GetUnit()) && (len(sent) > 0 || others == 0 && d.today() > window.Due) {
		to.Owed = append(to.Owed, reports.DueOf(source.GetUnit(), period, window, d.today(), sent))
	}
	to.Missing += reports.MissingBefore(source, sent)
	to.Reports = append(to.Reports, sent...)
	return nil
}

// CreateReportLeave implements the RPC.
func (d *Desk) CreateReportLeave(ctx context.Context, req *aggregationv1.CreateReportLeaveRequest) (*aggregationv1.ReportLeave, error) {
	asked := req.GetReportLeave()
	return d.leaves.Create(ctx, req, asked.GetUnit(), func(*change.Tx) (*aggregationv1.ReportLeave, error) {
		form, err := reports.FindForm(asked.GetForm())
		if err != nil {
			return nil, err
		}
		_, err = reports.ParsePeriod(form, asked.GetPeriod())
		return &aggregationv1.ReportLeave{
			Name: reports.LeaveName(asked.GetUnit(), asked.GetForm(), asked.GetPeriod()), Unit: asked.GetUnit(), Form: asked.GetForm(),
			Period: asked.GetPeriod(), UntilDate: asked.GetUntilDate(), Reason: asked.GetReason(),
		}, err
	})
}

// ListReportLeaves implements the RPC.
func (d *Desk) ListReportLeaves(ctx context.Context, req *aggregationv1.ListReportLeavesRequest) (*aggregationv1.ListReportLeavesResponse, error) {
	list, next, err := d.leaves.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*aggregationv1.ReportLeave, error], error) {
		return of(&d.leaves, tx, req.GetUnit(), after)
	})
	return &aggregationv1.ListReportLeavesResponse{ReportLeaves: list, NextPageToken: next}, err
}

// GetReportSource implements the RPC.
func (d *Desk) GetReportSource(ctx context.Context, req *aggregationv1.GetReportSourceRequest) (*aggregationv1.ReportSource, error) {
	return d.sources.Get(ctx, req.GetName())
}

// ListReportSources implements the RPC.
func (d *Desk) ListReportSources(ctx context.Context, req *aggregationv1.ListReportSourcesRequest) (*aggregationv1.ListReportSourcesResponse, error) {
	list, next, err := d.sources.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*aggregationv1.ReportSource, error], error) {
		return of(&d.sources, tx, req.GetUnit(), after)
	})
	return &aggregationv1.ListReportSourcesResponse{ReportSources: list, NextPageToken: next}, err
}
