package desk

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/waiting"
	"github.com/duban-project/duban/services/internal/change"
)

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
		err = j.anew(job)
	case job.GetKind() == aggregationv1.ReportJob_KIND_ALIGN:
		err = j.line(job)
	case n < r.GetPages():
		err = j.revise(job, reports.PageName(r.GetName(), n), j.enter)
	default:
		err = j.takeOff(n - r.GetPages())
	}
	job.Done++
	return err
}

// fresh goes through a report that has come twice: it places the rows of all pages,
// and then judges each by what all of them say.
func (j *judge) fresh(job *aggregationv1.ReportJob) error {
	n, pages := job.GetDone(), j.report.GetPages()
	if err := j.recall(job, min(n, pages)); err != nil {
		return err
	}
	name := reports.PageName(j.report.GetName(), n%pages)
	if judged, err := j.desk.pages.Seek(j.tx, name); judged != nil || err != nil {
		return errors.Join(err, j.passed(job, judged))
	}
	page, err := jobs.Spooled(j.tx, name)
	if err != nil {
		return fmt.Errorf("the rows of %s: %w", name, err)
	}
	if n < pages {
		return j.sort(name, page)
	}
	page.Name, page.Report = name, j.report.GetName()
	if err := j.page(page); err != nil {
		return err
	}
	reports.Tally(job.Change, 1, page.GetRows()...)
	return j.tx.Delete(jobs.SpoolBucket, []byte(name))
}

// passed takes in a page that was judged before its report's tail was lost, with how far the
// work had come.
func (j *judge) passed(job *aggregationv1.ReportJob, page *aggregationv1.ReportPage) error {
	if n := job.GetDone(); n < j.report.GetPages() {
		return j.remember(n)
	}
	reports.Tally(job.Change, 1, page.GetRows()...)
	return j.tx.Delete(jobs.SpoolBucket, []byte(page.GetName()))
}

// sort places the rows of a page that waits, and lets it wait on.
func (j *judge) sort(name string, page *aggregationv1.ReportPage) error {
	if _, err := j.find(page.GetRows(), all); err != nil {
		return err
	}
	if err := waiting.Note(j.tx, j.report, page.GetRows()); err != nil {
		return err
	}
	return jobs.Spool(j.tx, name, page.GetRows())
}

// anew goes through a report twice: it takes note of what all pages brought, and
// then judges again what waits. So a row is held against all that stood before.
func (j *judge) anew(job *aggregationv1.ReportJob) error {
	n, pages := job.GetDone(), j.report.GetPages()
	if err := j.recall(job, min(n, pages)); err != nil {
		return err
	}
	if n < pages {
		return j.remember(n)
	}
	return j.revise(job, reports.PageName(j.report.GetName(), n-pages), j.again)
}

// recall remembers what so many first pages brought; when the memory is not of the
// step before, as after a restart or a transaction that is run again, it reads
// them.
func (j *judge) recall(job *aggregationv1.ReportJob, pages int32) error {
	seen := j.desk.seen
	kept := seen != nil && seen.of == j.report.GetName() && seen.kind == job.GetKind() && seen.done == job.GetDone()
	if !kept || job.GetDone() == 0 {
		seen = &memory{of: j.report.GetName(), kind: job.GetKind(), figures: reports.Figures{}}
	}
	j.seen = seen.figures
	for n := int32(0); !kept && n < pages; n++ {
		if err := j.remember(n); err != nil {
			return err
		}
	}
	seen.done = job.GetDone() + 1
	j.desk.seen = seen
	return nil
}

// remember takes note of what a page says, judged or not yet.
func (j *judge) remember(n int32) error {
	name := reports.PageName(j.report.GetName(), n)
	page, err := j.desk.pages.Seek(j.tx, name)
	if page == nil && err == nil {
		page, err = jobs.Spooled(j.tx, name)
	}
	if err != nil {
		return err
	}
	for _, row := range page.GetRows() {
		if row.GetResolvedUnit() != "" && !waiting.Waits(row) && row.GetReason() != reports.ErrRowTwice.Reason {
			j.seen.Add(row)
		}
	}
	return nil
}

// revise changes a page by what, and stores it if that changed anything.
func (j *judge) revise(job *aggregationv1.ReportJob, name string, what func(*aggregationv1.ReportPage) error) error {
	page, err := j.desk.pages.Find(j.tx, name)
	if err != nil {
		return err
	}
	was := proto.CloneOf(page)
	if err := what(page); err != nil {
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

// again judges quarantined rows once more, and counts or proposes them if the report
// counts or awaits that.
func (j *judge) again(page *aggregationv1.ReportPage) error {
	placed, err := j.find(page.GetRows(), waiting.Waits)
	if err != nil {
		return err
	}
	if err := errors.Join(j.settle(placed), waiting.Note(j.tx, j.report, page.GetRows())); err != nil {
		return err
	}
	switch j.report.GetState() {
	case aggregationv1.Report_STATE_ACCEPTED:
		return j.enter(page)
	case aggregationv1.Report_STATE_SUBMITTED:
		return j.propose(page)
	default:
		return nil
	}
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
	return old.revise(&aggregationv1.ReportJob{Change: &aggregationv1.Report_Totals{}}, reports.PageName(before.GetName(), n), func(page *aggregationv1.ReportPage) error {
		if err := j.desk.restore(j.tx, page); err != nil {
			return err
		}
		return old.withdraw(page)
	})
}
