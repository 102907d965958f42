package regain

import (
	"errors"
	"iter"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/store"
)

// pagesOf yields the pages of a report that are there.
func pagesOf(tx store.Tx, r *aggregationv1.Report) iter.Seq2[*aggregationv1.ReportPage, error] {
	return func(yield func(*aggregationv1.ReportPage, error) bool) {
		for n := range r.GetPages() {
			p, there, err := pages.Seek(tx, reports.PageName(r.GetName(), n))
			if (there || err != nil) && (!yield(p, err) || err != nil) {
				return
			}
		}
	}
}

// paper is a report's with the sequence of the one in whose place it is to count.
type paper struct {
	reported.Paper
	supersedes int64
}

func (t taking) paper(r *aggregationv1.Report) (p paper, err error) {
	if p.Paper, err = reported.NewPaper(r); err != nil {
		return p, err
	}
	before, err := t.replaces(r)
	p.supersedes = before.GetSequence()
	return p, err
}

func (p paper) figure(row *aggregationv1.Report_Row) (reported.Figure, error) {
	said, err := p.Figure(row)
	said.Supersedes = p.supersedes
	return said, err
}

// turn brings the figures from what a page said before, if anything, to what it says.
func (t taking) turn(r *aggregationv1.Report, before, after *aggregationv1.ReportPage) error {
	of, err := t.paper(r)
	if err != nil {
		return err
	}
	fold := figures.New(t.tx)
	if err := fold.At(t.at); err != nil {
		return err
	}
	for i, row := range after.GetRows() {
		was := &aggregationv1.Report_Row{}
		if i < len(before.GetRows()) {
			was = before.GetRows()[i]
		}
		if err := turnRow(fold, of, was, row); err != nil {
			return err
		}
	}
	return errors.Join(fold.Flush(), t.turnDropped(before, after), t.await(r, after.GetRows()))
}

// turnRow is turn of a row: first it is taken off, and then counted.
func turnRow(fold *figures.Fold, of paper, was, row *aggregationv1.Report_Row) error {
	for _, step := range []struct {
		asked bool
		row   *aggregationv1.Report_Row
		do    func(reported.Figure) error
	}{
		{was.GetProposed() && !row.GetProposed(), was, fold.Retract},
		{was.GetCounted() && !row.GetCounted(), was, fold.Withdraw},
		{row.GetCounted() && !was.GetCounted(), row, fold.EnterJudged},
		{row.GetProposed() && !was.GetProposed(), row, fold.Propose},
	} {
		if !step.asked {
			continue
		}
		said, err := of.figure(step.row)
		if err == nil {
			err = step.do(said)
		}
		if err != nil && fault.As(err) == nil { // another source's stays that one's
			return err
		}
	}
	return nil
}

// turnDropped is turn of what is proposed to be taken off. Of a correction that is yet to
// come, its report says so.
func (t taking) turnDropped(before, after *aggregationv1.ReportPage) error {
	same := before.GetDroppedBy() == after.GetDroppedBy()
	for _, step := range []struct {
		of      *aggregationv1.ReportPage
		stays   []int32
		propose bool
	}{{before, after.GetDropped(), false}, {after, before.GetDropped(), true}} {
		rows := slices.DeleteFunc(slices.Clone(step.of.GetDropped()), func(i int32) bool { return same && slices.Contains(step.stays, i) })
		if len(rows) == 0 {
			continue
		}
		by, there, err := papers.Seek(t.tx, step.of.GetDroppedBy())
		if err == nil && there {
			err = t.drop(by, step.of, rows, step.propose)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drop proposes, or no longer, that rows of a page are taken off which a correction does
// not say.
func (t taking) drop(by *aggregationv1.Report, p *aggregationv1.ReportPage, rows []int32, propose bool) error {
	of, err := t.paper(by)
	if err != nil {
		return err
	}
	fold := figures.New(t.tx)
	if err := fold.At(t.at); err != nil {
		return err
	}
	do := fold.Retract
	if propose {
		do = fold.Propose
	}
	for _, i := range rows {
		said, err := of.figure(p.GetRows()[i])
		said.Drops = true
		if err := errors.Join(err, do(said)); err != nil {
			return err
		}
	}
	return fold.Flush()
}
