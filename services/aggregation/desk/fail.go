package desk

import (
	"context"
	"errors"
	"log/slog"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// lasting says whether an error comes again however often the work is tried: for
// what is too large, not there, not to be read, or refused by a rule. A full disk
// and a log that is held go by.
func lasting(err error) bool {
	return errors.Is(err, feed.ErrTooLarge) || errors.Is(err, store.ErrNotFound) || errors.Is(err, proto.Error) || fault.As(err) != nil
}

// giveUp ends what a report's first job cannot do, says so in the report, and, the
// first time, in the log.
func (d *Desk) giveUp(ctx context.Context, name string, why error) error {
	d.seen = nil
	told := true
	err := d.book.Own(ctx, service, func(tx *change.Tx) error {
		r, job, err := d.first(tx, name)
		if job == nil || err != nil {
			return err
		}
		told = r.GetFailure() != ""
		if job.GetKind() == aggregationv1.ReportJob_KIND_JUDGE {
			return d.unjudged(tx, r, job)
		}
		return d.passOver(tx, r, job)
	})
	if err == nil && !told {
		slog.ErrorContext(ctx, "giving up rows of a report", "report", name, "error", why)
	}
	return err
}

// unjudged returns a report that cannot be judged to its sender, with the rows that
// are.
func (d *Desk) unjudged(tx *change.Tx, r *aggregationv1.Report, job *aggregationv1.ReportJob) error {
	judged, totals := int32(0), &aggregationv1.Report_Totals{}
	for ; judged < r.GetPages(); judged++ {
		page, err := d.pages.Seek(tx, reports.PageName(r.GetName(), judged))
		if err != nil {
			return err
		}
		if page == nil {
			break
		}
		reports.Tally(totals, 1, page.GetRows()...)
	}
	if err := jobs.Unspool(tx, r.GetName()); err != nil {
		return err
	}
	r, err := reports.Unjudged(r, judged, tx.Now)
	if err != nil {
		return err
	}
	r.Totals = totals
	if err := errors.Join(d.align(tx, r, 0), d.release(tx, r)); err != nil {
		return err
	}
	if err := jobs.End(tx, r.GetName(), job.GetKind()); err != nil {
		return err
	}
	if r, err = d.reports.PutAs(tx, "report.failed", r); err != nil {
		return err
	}
	return d.gone(tx, r)
}

// passOver leaves the next page of a job as it is.
func (d *Desk) passOver(tx *change.Tx, r *aggregationv1.Report, job *aggregationv1.ReportJob) error {
	r, err := d.reports.PutAs(tx, "report.failed", reports.Unfinished(r))
	if err != nil {
		return err
	}
	job.Done, job.Failed = job.GetDone()+1, true
	return d.leave(tx, r, job)
}

// drop ends all jobs of a report that is not there, or cannot be changed.
func (d *Desk) drop(ctx context.Context, name string, why error) error {
	err := d.book.Own(ctx, service, func(tx *change.Tx) error { return jobs.EndAll(tx, name) })
	if err == nil {
		slog.ErrorContext(ctx, "dropping the work on a report", "report", name, "error", why)
	}
	return err
}
