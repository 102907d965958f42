package desk

import (
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// What a report says that awaits a superior (待接受) is proposed: it counts for whoever asks
// also for what no superior has accepted. Which rows are, their pages say; so are the
// rows that count and that a correction which awaits does not say, at the page of what
// it is to supersede.

// proposable says whether a row would be counted if its report were accepted now.
func proposable(row *aggregationv1.Report_Row) bool {
	return reports.Counts(row.GetVerdict()) && !row.GetCounted()
}

// propose proposes the rows of a page that would be counted.
func (j *judge) propose(page *aggregationv1.ReportPage) error {
	for _, row := range page.GetRows() {
		if row.GetProposed() || !proposable(row) {
			continue
		}
		said, err := j.reported(row)
		if err != nil {
			return err
		}
		if err := j.fold.Propose(said); err != nil {
			return err
		}
		row.Proposed = true
	}
	return j.fold.Flush()
}

// retract takes off what is proposed of a page.
func (j *judge) retract(page *aggregationv1.ReportPage) error {
	for _, row := range page.GetRows() {
		if err := j.takeBack(row); err != nil {
			return err
		}
	}
	return j.fold.Flush()
}

// takeBack takes off what is proposed of a row.
func (j *judge) takeBack(row *aggregationv1.Report_Row) error {
	if !row.GetProposed() {
		return nil
	}
	row.Proposed = false
	said, err := j.reported(row)
	if err != nil {
		return err
	}
	return j.fold.Retract(said)
}

// drop proposes that what counts of a page of the report before is taken off where this
// one does not say it.
func (j *judge) drop(page *aggregationv1.ReportPage) error {
	if err := j.desk.restore(j.tx, page); err != nil {
		return err
	}
	for i, row := range page.GetRows() {
		if !row.GetCounted() {
			continue
		}
		said, err := j.reported(row)
		if err != nil {
			return err
		}
		says, err := j.fold.Proposes(said)
		if err != nil {
			return err
		}
		if says {
			continue
		}
		said.Drops = true
		if err := j.fold.Propose(said); err != nil {
			return err
		}
		page.Dropped, page.DroppedBy = append(page.Dropped, int32(i)), j.report.GetName()
	}
	return j.fold.Flush()
}

// restore takes off that rows of a page are proposed to be taken off, by whatever report.
func (d *Desk) restore(tx *change.Tx, page *aggregationv1.ReportPage) error {
	if page.GetDroppedBy() == "" {
		return nil
	}
	by, err := d.reports.Find(tx, page.GetDroppedBy())
	if err != nil {
		return err
	}
	j, err := d.judge(tx, by)
	if err != nil {
		return err
	}
	for _, i := range page.GetDropped() {
		said, err := j.reported(page.GetRows()[i])
		if err != nil {
			return err
		}
		said.Drops = true
		if err := j.fold.Retract(said); err != nil {
			return err
		}
	}
	page.Dropped, page.DroppedBy = nil, ""
	return j.fold.Flush()
}

// align brings what is proposed of a report, and of the one that it is to supersede, in
// line with its state, from its page first on: at once if these are few, and else by the
// worker.
func (d *Desk) align(tx *change.Tx, r *aggregationv1.Report, first int32) error {
	before, err := d.counted(tx, r)
	if err != nil {
		return err
	}
	job := &aggregationv1.ReportJob{Kind: aggregationv1.ReportJob_KIND_ALIGN, Done: first, Total: r.GetPages() + before.GetPages()}
	if job.GetTotal() > 2 && job.GetDone() < job.GetTotal() {
		return jobs.Put(tx, r.GetName(), job)
	}
	for job.GetDone() < job.GetTotal() {
		if err := d.work(tx, r, job); err != nil {
			return err
		}
	}
	return nil
}

// line is the next page of such a job.
func (j *judge) line(job *aggregationv1.ReportJob) error {
	awaits := j.report.GetState() == aggregationv1.Report_STATE_SUBMITTED
	if n := job.GetDone(); n >= j.report.GetPages() {
		return j.lineBefore(job, n-j.report.GetPages(), awaits)
	}
	what := j.retract
	if awaits {
		what = j.propose
	}
	return j.revise(job, reports.PageName(j.report.GetName(), job.GetDone()), what)
}

// lineBefore brings a page of the report before in line.
func (j *judge) lineBefore(job *aggregationv1.ReportJob, n int32, awaits bool) error {
	before, err := j.desk.counted(j.tx, j.report)
	if err != nil || n >= before.GetPages() {
		return err
	}
	return j.revise(job, reports.PageName(before.GetName(), n), func(page *aggregationv1.ReportPage) error {
		switch {
		case awaits:
			return j.drop(page)
		case page.GetDroppedBy() == j.report.GetName():
			return j.desk.restore(j.tx, page)
		default:
			return nil
		}
	})
}

// realign aligns what has not been, as a job ends: what is to be superseded once a report
// is judged, or has more rows that count, and the pages that could not be counted.
func (d *Desk) realign(tx *change.Tx, r *aggregationv1.Report, job *aggregationv1.ReportJob) error {
	switch job.GetKind() {
	case aggregationv1.ReportJob_KIND_JUDGE:
		return d.align(tx, r, r.GetPages())
	case aggregationv1.ReportJob_KIND_AGAIN:
		if r.GetSupersededBy() == "" {
			return nil
		}
		by, err := d.reports.Find(tx, r.GetSupersededBy())
		if err != nil || by.GetState() != aggregationv1.Report_STATE_SUBMITTED {
			return err
		}
		return d.align(tx, by, by.GetPages())
	default:
		if !job.GetFailed() {
			return nil
		}
		return jobs.Put(tx, r.GetName(), &aggregationv1.ReportJob{Kind: aggregationv1.ReportJob_KIND_ALIGN, Total: r.GetPages()})
	}
}
