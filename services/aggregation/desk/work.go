package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/figures/cursors"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/waiting"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Work goes on with what was begun until ctx is done. A job that fails is tried
// again, or given up if it would always fail, and does not keep the others waiting.
func (d *Desk) Work(ctx context.Context) error {
	d.Stir()
	var tries feed.Backoff
	for {
		select {
		case <-d.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := d.round(ctx)
		if errors.Is(err, errNews) {
			d.Stir()
			continue
		}
		if err == nil {
			tries.Reset()
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		slog.WarnContext(ctx, "working on reports", "error", err)
		if err := tries.Pause(ctx); err != nil {
			return err
		}
		d.Stir()
	}
}

// round does some pages of every report on which there is work, again and again
// until there is none.
func (d *Desk) round(ctx context.Context) error {
	if err := d.renew(ctx); err != nil {
		return err
	}
	for {
		list, err := jobs.Reports(ctx, d.book.Store)
		if len(list) == 0 || err != nil {
			return err
		}
		var failed error
		for _, report := range list {
			if err := d.step(ctx, report); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", report, err))
			}
		}
		if failed != nil {
			return failed
		}
	}
}

// stride is how many pages are done in one transaction: few enough that nobody
// waits long for their turn, and more than one, because a commit waits for the
// disk.
const stride = 5

// step does some pages of the first job of a report. Where that cannot succeed, it
// does one, and at the page that is at fault it gives up.
func (d *Desk) step(ctx context.Context, name string) error {
	err := d.goOn(ctx, name, stride)
	if lasting(err) {
		err = d.goOn(ctx, name, 1)
	}
	if lasting(err) {
		err = d.giveUp(ctx, name, err)
	}
	if lasting(err) {
		return d.drop(ctx, name, err)
	}
	return err
}

// errNews says that more units are counted than when the tree was brought up to date.
var errNews = errors.New("units came")

// renew brings the tree up to date, so that it has at least what is counted now.
func (d *Desk) renew(ctx context.Context) error {
	err := d.book.Store.View(ctx, func(tx store.Tx) error {
		counted, err := cursors.Read(tx, organization)
		d.units = counted.Next
		return err
	})
	if err := errors.Join(err, d.directory.CatchUp(ctx)); err != nil {
		return fmt.Errorf("bringing the tree up to date: %w", err)
	}
	return nil
}

// renewed returns errNews if units came since then: rows that were judged by the tree might
// wait for one of them, and for ever.
func (d *Desk) renewed(tx *change.Tx) error {
	counted, err := cursors.Read(tx, organization)
	if err == nil && counted.Next > d.units {
		return errNews
	}
	return err
}

// doubt has a page judged again of which rows wait, if units are counted of which the
// directory, by which it was judged, has not heard: one of them may be what they wait for.
func (d *Desk) doubt(tx *change.Tx, page *aggregationv1.ReportPage) error {
	counted, err := cursors.Read(tx, organization)
	if err != nil || d.directory.Position() >= counted.Next || !slices.ContainsFunc(page.GetRows(), waiting.Waits) {
		return err
	}
	return jobs.Again(tx, page.GetReport())
}

// goOn does so many pages of the first job of a report, in one transaction.
func (d *Desk) goOn(ctx context.Context, name string, pages int) error {
	return d.book.Own(ctx, service, func(tx *change.Tx) error {
		if err := d.renewed(tx); err != nil {
			return err
		}
		r, job, err := d.first(tx, name)
		if job == nil || err != nil {
			return err
		}
		for n := 0; n < pages && job.GetDone() < job.GetTotal(); n++ {
			if err := d.work(tx, r, job); err != nil {
				return err
			}
		}
		return d.leave(tx, r, job)
	})
}

// first is the first job of a report, which is nil if there is none.
func (d *Desk) first(tx *change.Tx, name string) (*aggregationv1.Report, *aggregationv1.ReportJob, error) {
	job, err := jobs.First(tx, name)
	if job == nil || err != nil {
		return nil, nil, err
	}
	r, err := d.reports.Find(tx, name)
	job.Total = max(job.GetTotal(), steps(r, job.GetKind()))
	return r, job, err
}

// leave keeps how far a job has come, or ends it.
func (d *Desk) leave(tx *change.Tx, r *aggregationv1.Report, job *aggregationv1.ReportJob) error {
	if job.GetDone() < job.GetTotal() {
		return jobs.Put(tx, r.GetName(), job)
	}
	return d.finish(tx, r, job)
}

// steps are how many a job on a report has at least: rows are judged in two rounds.
func steps(r *aggregationv1.Report, kind aggregationv1.ReportJob_Kind) int32 {
	switch kind {
	case aggregationv1.ReportJob_KIND_ENTER, aggregationv1.ReportJob_KIND_ALIGN:
		return r.GetPages()
	default:
		return 2 * r.GetPages()
	}
}

// finish ends a job.
func (d *Desk) finish(tx *change.Tx, r *aggregationv1.Report, job *aggregationv1.ReportJob) error {
	r, err := d.complete(tx, r, job)
	if err != nil {
		return err
	}
	if err := jobs.End(tx, r.GetName(), job.GetKind()); err != nil || job.GetKind() == aggregationv1.ReportJob_KIND_ALIGN {
		return err
	}
	if r, err = d.reports.PutAs(tx, done[job.GetKind()], r); err != nil {
		return err
	}
	return d.realign(tx, r, job)
}

// done names the events of finished jobs.
var done = map[aggregationv1.ReportJob_Kind]string{
	aggregationv1.ReportJob_KIND_JUDGE: "report.judged",
	aggregationv1.ReportJob_KIND_ENTER: "report.entered",
	aggregationv1.ReportJob_KIND_AGAIN: "report.rejudged",
}

// complete is what a report is when all pages of a job are done.
func (d *Desk) complete(tx *change.Tx, r *aggregationv1.Report, job *aggregationv1.ReportJob) (*aggregationv1.Report, error) {
	r = proto.CloneOf(r)
	r.Totals = reports.Sum(r.GetTotals(), job.GetChange())
	switch job.GetKind() {
	case aggregationv1.ReportJob_KIND_JUDGE:
		d.seen = nil
		return reports.Judged(r)
	case aggregationv1.ReportJob_KIND_ENTER:
		if err := d.supersede(tx, r); err != nil {
			return nil, err
		}
		return reports.Entered(r)
	case aggregationv1.ReportJob_KIND_ALIGN:
		return r, nil
	default:
		d.seen = nil
		if job.GetFailed() {
			return r, nil
		}
		return reports.Rejudged(r), nil
	}
}
