package dues

import (
	"context"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// givers are who gives leave.
var givers = []accessv1.Role{accessv1.Role_ROLE_SUPERVISOR, accessv1.Role_ROLE_LEADER}

// CreateReportLeave implements the RPC.
func (l *Ledger) CreateReportLeave(ctx context.Context, req *aggregationv1.CreateReportLeaveRequest) (*aggregationv1.ReportLeave, error) {
	asked := req.GetReportLeave()
	return l.leaves.Create(ctx, req, asked.GetUnit(), func(tx *change.Tx) (*aggregationv1.ReportLeave, error) {
		leave, err := reports.NewLeave(asked, l.book.Today())
		if err != nil {
			return nil, err
		}
		before, err := l.leaves.Seek(tx, leave.GetName())
		if err != nil {
			return nil, err
		}
		return reports.Given(leave, before, tx.Access.Acting().Unit, tx.Access.Holds(before.GetGiverUnit(), givers...))
	})
}

// ListReportLeaves implements the RPC.
func (l *Ledger) ListReportLeaves(ctx context.Context, req *aggregationv1.ListReportLeavesRequest) (*aggregationv1.ListReportLeavesResponse, error) {
	list, next, err := l.leaves.List(ctx, req, l.leaves.Of(req.GetUnit()))
	return &aggregationv1.ListReportLeavesResponse{ReportLeaves: list, NextPageToken: next}, err
}

// Leave is what a unit was given for a period of the form (补报), or nil.
func (l *Ledger) Leave(tx *change.Tx, form *aggregationv1.ReportForm, period reports.Period, unit string) (*aggregationv1.ReportLeave, error) {
	return l.leaves.Seek(tx, reports.LeaveName(unit, form.GetName(), period.String()))
}

// onLeave says whether a report whose period is closed may come from a unit still.
func (l *Ledger) onLeave(tx *change.Tx, p reports.FormPeriod, unit string) (bool, error) {
	leave, err := l.Leave(tx, p.Form, p.Period, unit)
	return reports.OnLeave(p.Form, leave, l.book.Today()), err
}
