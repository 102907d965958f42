package dues

import (
	"context"
	"iter"
	"slices"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
)

// ListReportDues implements the RPC.
func (l *Ledger) ListReportDues(ctx context.Context, req *aggregationv1.ListReportDuesRequest) (*aggregationv1.ListReportDuesResponse, error) {
	after, err := l.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	dues, next, err := l.owed(ctx, req, after, page.Most{Items: page.Size(req.GetPageSize())})
	return &aggregationv1.ListReportDuesResponse{ReportDues: dues, NextPageToken: l.book.Tokens.Encode(next, req)}, err
}

// owed lists what is owed behind a unit.
func (l *Ledger) owed(ctx context.Context, req *aggregationv1.ListReportDuesRequest, after string, most page.Most) (list []*aggregationv1.ReportDue, next string, err error) {
	filter, err := page.ParseFilter(req.GetFilter(), (*aggregationv1.ReportDue)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, "", err
	}
	err = l.book.View(ctx, func(tx *change.Tx) error {
		dues, err := l.dues(tx, req, after)
		if err != nil {
			return err
		}
		owed := func(due *aggregationv1.ReportDue) (*aggregationv1.ReportDue, bool, error) {
			return due, due.GetState() != 0 && tx.Access.Inside(due.GetName()) && filter.Match(due), nil
		}
		list, next, err = page.Collect(dues, most, owed, (*aggregationv1.ReportDue).GetName)
		return err
	})
	return list, next, err
}

// dues yields what each unit at and beneath the asked one owes, and one without a
// state for those that owe nothing.
func (l *Ledger) dues(tx *change.Tx, req *aggregationv1.ListReportDuesRequest, after string) (iter.Seq2[*aggregationv1.ReportDue, error], error) {
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
	units := slices.Sorted(slices.Values(l.directory.Whole(req.GetUnit())))
	return func(yield func(*aggregationv1.ReportDue, error) bool) {
		for _, unit := range units {
			if unit <= after {
				continue
			}
			due, err := l.due(tx, form, period, unit)
			if !yield(due, err) || err != nil {
				return
			}
		}
	}, nil
}

// due is what a unit owes by a form, without a state if it owes nothing.
func (l *Ledger) due(tx *change.Tx, form *aggregationv1.ReportForm, period reports.Period, unit string) (*aggregationv1.ReportDue, error) {
	p := reports.FormPeriod{Form: form, Period: period}
	if !l.Owes(p, unit) {
		return &aggregationv1.ReportDue{Name: unit}, nil
	}
	return l.come(tx, p, unit, time.Time{})
}

// Owes says whether a unit owes a form for a period: if at any time in it it was one
// of those who do, and was not gone by the day on which it was due. Of a past moment
// what was due before it is asked, and that is the same. Whoever rules one minute rules nothing.
func (l *Ledger) Owes(p reports.FormPeriod, unit string) bool {
	if gone := l.directory.Gone(unit); !gone.IsZero() && reports.Lapses(gone, l.Window(p.Form, p.Period)) {
		return false
	}
	for u, depth := range l.directory.Stands(unit, p.Start(), p.End()) {
		if reports.Owes(p.Form, u, int32(depth)) {
			return true
		}
	}
	return false
}
