package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// jobKey names a job; those of a report stand in the order in which they are
// done.
func jobKey(report string, kind aggregationv1.ReportJob_Kind) []byte {
	return fmt.Appendf(nil, "%s\x00%d", report, kind)
}

func putJob(tx store.Tx, report string, job *aggregationv1.ReportJob) error {
	b, err := proto.Marshal(job)
	if err != nil {
		return err
	}
	return tx.Put(jobsBucket, jobKey(report, job.GetKind()), b)
}

func readJob(tx store.Tx, report string, kind aggregationv1.ReportJob_Kind) (*aggregationv1.ReportJob, error) {
	b, err := tx.Get(jobsBucket, jobKey(report, kind))
	if err != nil {
		return nil, err
	}
	job := &aggregationv1.ReportJob{}
	return job, proto.Unmarshal(b, job)
}

// Work goes on with what was begun until ctx is done. A job that fails is tried
// again, and does not keep the others waiting.
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
		if err == nil {
			tries = feed.Backoff{}
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
	if err := d.directory.CatchUp(ctx); err != nil {
		return fmt.Errorf("bringing the tree up to date: %w", err)
	}
	for {
		list, err := d.jobs(ctx)
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

// jobs lists some reports on which there is work.
func (d *Desk) jobs(ctx context.Context) (list []string, err error) {
	err = d.book.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		for e, err := range tx.Scan(jobsBucket, nil, nil) {
			if err != nil {
				return err
			}
			report := string(e.Key[:len(e.Key)-2])
			if n := len(list); n == 0 || list[n-1] != report {
				list = append(list, report)
			}
			if len(list) == 100 {
				return nil
			}
		}
		return nil
	})
	return list, err
}

// stride is how many pages are done in one transaction: few enough that nobody
// waits long for their turn, and more than one, because a commit waits for the
// disk.
const stride = 5

// step does some pages of the first job of a report, in one transaction.
func (d *Desk) step(ctx context.Context, name string) error {
	return d.book.Own(ctx, service, func(tx *change.Tx) error {
		job, err := firstJob(tx, name)
		if job == nil || err != nil {
			return err
		}
		r, err := d.reports.Find(tx, name)
		if err != nil {
			return err
		}
		job.Total = max(job.GetTotal(), r.GetPages())
		for n := 0; n < stride && job.GetDone() < job.GetTotal(); n++ {
			if err := d.work(tx, r, job); err != nil {
				return err
			}
		}
		if job.GetDone() < job.GetTotal() {
			return putJob(tx, name, job)
		}
		return d.finish(tx, r, job)
	})
}

func firstJob(tx store.Tx, report string) (*aggregationv1.ReportJob, error) {
	for kind := aggregationv1.ReportJob_KIND_JUDGE; kind <= aggregationv1.ReportJob_KIND_AGAIN; kind++ {
		job, err := readJob(tx, report, kind)
		if !errors.Is(err, store.ErrNotFound) {
			return job, err
		}
	}
	return nil, nil
}

// finish ends a job.
func (d *Desk) finish(tx *change.Tx, r *aggregationv1.Report, job *aggregationv1.ReportJob) error {
	r, err := d.complete(tx, r, job)
	if err != nil {
		return err
	}
	if err := tx.Delete(jobsBucket, jobKey(r.GetName(), job.GetKind())); err != nil {
		return err
	}
	_, err = d.reports.PutAs(tx, done[job.GetKind()], r)
	return err
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
	}
	return r, nil
}

// supersede ends the report in whose place r now counts.
func (d *Desk) supersede(tx *change.Tx, r *aggregationv1.Report) error {
	before, err := d.counted(tx, r)
	if before == nil || err != nil {
		return err
	}
	if before, err = reports.Superseded(before); err != nil {
		return err
	}
	before.Totals.Counted = 0
	_, err = d.reports.PutAs(tx, "report.superseded", before)
	return err
}

// work does the next page of a job, which it moves on.
func (d *Desk) work(tx *change.Tx, r *aggregationv1.Report, job *aggregationv1.ReportJob) error {
	j, err := d.judge(tx, r)
	if err != nil {
		return err
	}
	if job.Change == nil {
		job.Change = &aggregationv1.Report_Totals{}
	}
	switch n := job.GetDone(); {
	case job.GetKind() == aggregationv1.ReportJob_KIND_JUDGE:
		err = j.fresh(job)
	case job.GetKind() == aggregationv1.ReportJob_KIND_AGAIN:
		err = j.revise(job, reports.PageName(r.GetName(), n), j.again)
	case n < r.GetPages():
		err = j.revise(job, reports.PageName(r.GetName(), n), j.enter)
	default:
		err = j.takeOff(n - r.GetPages())
	}
	job.Done++
	return err
}

// fresh judges a page that has waited since the report came.
func (j *judge) fresh(job *aggregationv1.ReportJob) error {
	if err := j.recall(job.GetDone()); err != nil {
		return err
	}
	name := reports.PageName(j.report.GetName(), job.GetDone())
	page, err := unspool(j.tx, name)
	if err != nil {
		return fmt.Errorf("the rows of %s: %w", name, err)
	}
	page.Name, page.Report = name, j.report.GetName()
	if err := j.page(page); err != nil {
		return err
	}
	reports.Tally(job.Change, 1, page.GetRows()...)
	return nil
}

// recall remembers what the pages before brought; after a restart it reads them.
func (j *judge) recall(pages int32) error {
	seen := j.desk.seen
	if pages == 0 || seen == nil || seen.of != j.report.GetName() || seen.pages != pages {
		seen = &memory{of: j.report.GetName(), figures: figureSet{}}
		for n := range pages {
			page, err := j.desk.pages.Find(j.tx, reports.PageName(j.report.GetName(), n))
			if err != nil {
				return err
			}
			for _, row := range page.GetRows() {
				if row.GetResolvedUnit() != "" {
					seen.figures.add(row)
				}
			}
		}
	}
	seen.pages = pages + 1
	j.desk.seen, j.seen = seen, seen.figures
	return nil
}

// revise changes the rows of a page by what, and stores it if any changed.
func (j *judge) revise(job *aggregationv1.ReportJob, name string, what func([]*aggregationv1.Report_Row) error) error {
	page, err := j.desk.pages.Find(j.tx, name)
	if err != nil {
		return err
	}
	was := proto.CloneOf(page)
	if err := what(page.GetRows()); err != nil {
		return err
	}
	if proto.Equal(was, page) {
		return nil
	}
	reports.Tally(job.Change, -1, was.GetRows()...)
	reports.Tally(job.Change, 1, page.GetRows()...)
	_, err = j.desk.pages.PutAs(j.tx, "page.revised", page)
	return err
}

// again judges quarantined rows once more, and counts them if the report counts.
func (j *judge) again(rows []*aggregationv1.Report_Row) error {
	for _, row := range rows {
		if stands(row) {
			j.seen.add(row)
		}
	}
	if err := j.judge(rows, waits); err != nil {
		return err
	}
	if err := j.await(rows); err != nil {
		return err
	}
	if j.report.GetState() == aggregationv1.Report_STATE_ACCEPTED {
		return j.enter(rows)
	}
	return nil
}

// takeOff takes off a page of the report in whose place this one counts.
func (j *judge) takeOff(n int32) error {
	before, err := j.desk.counted(j.tx, j.report)
	if before == nil || err != nil {
		return err
	}
	old, err := j.desk.judge(j.tx, before)
	if err != nil {
		return err
	}
	return old.revise(&aggregationv1.ReportJob{Change: &aggregationv1.Report_Totals{}}, reports.PageName(before.GetName(), n), old.withdraw)
}

// judgeAgain lets the quarantined rows of a report be judged once more, from the
// first page on, wherever an earlier time of it is.
func judgeAgain(tx store.Tx, report string) error {
	job, err := readJob(tx, report, aggregationv1.ReportJob_KIND_AGAIN)
	if errors.Is(err, store.ErrNotFound) {
		job, err = &aggregationv1.ReportJob{Kind: aggregationv1.ReportJob_KIND_AGAIN}, nil
	}
	if err != nil {
		return err
	}
	job.Done = 0
	return putJob(tx, report, job)
}
