package desk

import (
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/waiting"
	"github.com/duban-project/duban/services/internal/change"
)

// judge judges the rows of one report, and counts them.
type judge struct {
	desk   *Desk
	tx     *change.Tx
	fold   *figures.Fold
	paper  reported.Paper
	report *aggregationv1.Report
	before int64 // the sequence of the report that it supersedes
	came   int64 // when the report did, in nanoseconds since 1970
	seen   reports.Figures

	campaigns map[string]*campaignv1.Campaign // those that were asked for
}

func (d *Desk) judge(tx *change.Tx, r *aggregationv1.Report) (*judge, error) {
	paper, err := reported.NewPaper(r)
	if err != nil {
		return nil, err
	}
	before, err := d.origin(tx, r)
	if err != nil {
		return nil, err
	}
	fold := figures.New(tx)
	if err := fold.At(tx.Now); err != nil {
		return nil, err
	}
	came := tx.Now // of one that is not stored yet
	if r.GetCreateTime() != nil {
		came = r.GetCreateTime().AsTime()
	}
	return &judge{
		desk: d, tx: tx, fold: fold, paper: paper, report: r, before: before.GetSequence(), came: came.UnixNano(),
		seen: reports.Figures{}, campaigns: map[string]*campaignv1.Campaign{},
	}, nil
}

func all(*aggregationv1.Report_Row) bool { return true }

// stands says whether a row was neither rejected nor quarantined.
func stands(row *aggregationv1.Report_Row) bool {
	return row.GetVerdict() != aggregationv1.Report_VERDICT_REJECTED && !waiting.Waits(row)
}

// page settles the rows of a page, which have their places, proposes them, and stores it.
func (j *judge) page(page *aggregationv1.ReportPage) error {
	if err := j.settle(page.GetRows()); err != nil {
		return err
	}
	if err := j.propose(page); err != nil {
		return err
	}
	_, err := j.desk.pages.PutAs(j.tx, "page.judged", page)
	return err
}

// find places those rows that which picks, notes what waits, and returns those that
// stand so far. A report's rows are judged when all have their places: what is said
// of one unit may be on any of its pages, and the unit named in several ways.
func (j *judge) find(rows []*aggregationv1.Report_Row, which func(*aggregationv1.Report_Row) bool) (placed []*aggregationv1.Report_Row, err error) {
	for _, row := range rows {
		if !which(row) || row.GetVerdict() == aggregationv1.Report_VERDICT_REJECTED { // its line could not be read
			continue
		}
		verdict, err := j.place(row)
		if err := reports.Mark(j.report, row, verdict, err); err != nil {
			return nil, err
		}
		if stands(row) {
			placed = append(placed, row)
		}
	}
	return placed, nil
}

// settle gives the rows that stand so far their verdicts: by the form's checks, and
// by what counts already.
func (j *judge) settle(rows []*aggregationv1.Report_Row) error {
	if err := j.check(rows); err != nil {
		return err
	}
	for _, row := range rows {
		if err := j.weigh(row); err != nil {
			return err
		}
	}
	return nil
}

// place reads a row and finds its unit and campaign.
func (j *judge) place(row *aggregationv1.Report_Row) (aggregationv1.Report_Verdict, error) {
	const rejected = aggregationv1.Report_VERDICT_REJECTED
	if _, err := reports.ReadRow(j.paper.Form, row); err != nil {
		return rejected, err
	}
	if err := reports.NamesUnit(row); err != nil {
		return rejected, err
	}
	units, err := j.unitsOf(row)
	if err != nil {
		return rejected, err
	}
	if row.ResolvedUnit, err = reports.OneUnit(row, units); err != nil {
		return aggregationv1.Report_VERDICT_QUARANTINED, err
	}
	if err := j.agrees(row); err != nil {
		row.ResolvedUnit = ""
		return rejected, err
	}
	if err := j.within(row); err != nil {
		return aggregationv1.Report_VERDICT_QUARANTINED, err
	}
	if !j.seen.Add(row) {
		return rejected, reports.ErrRowTwice.At("field", "重复", "twice")
	}
	return aggregationv1.Report_VERDICT_CREATED, nil
}

// weigh says what counting a row would do, if it stands.
func (j *judge) weigh(row *aggregationv1.Report_Row) error {
	if !stands(row) {
		return nil
	}
	said, err := j.reported(row)
	if err != nil {
		return err
	}
	verdict, err := j.fold.Judge(said)
	return reports.Mark(j.report, row, verdict, err)
}

// reported is the figure that a row brings.
func (j *judge) reported(row *aggregationv1.Report_Row) (reported.Figure, error) {
	said, err := j.paper.Figure(row)
	said.Supersedes, said.Proposer.Came = j.before, j.came
	return said, err
}

// check holds the rows that stand so far against the form's checks, with all that
// the report says.
func (j *judge) check(rows []*aggregationv1.Report_Row) error {
	broken := map[reports.Group][]*aggregationv1.ReportForm_Check{}
	for _, row := range rows {
		if !stands(row) {
			continue
		}
		g := reports.GroupOf(row)
		if _, known := broken[g]; !known {
			var err error
			if broken[g], err = j.broken(g); err != nil {
				return err
			}
		}
		if err := j.broke(row, broken[g]); err != nil {
			return err
		}
		if stands(row) && j.seen.Divides(row) {
			row.Warnings = append(row.Warnings, reports.BesideTotal)
		}
		leaves, err := j.leaves(row)
		if err != nil {
			return err
		}
		if leaves {
			row.Warnings = append(row.Warnings, reports.NilBesideStock)
		}
	}
	return nil
}

// leaves says whether a row of a nil return leaves a stock standing that its source has told of
// the unit or of those beneath it.
func (j *judge) leaves(row *aggregationv1.Report_Row) (bool, error) {
	if !j.report.GetNilReport() || !stands(row) {
		return false, nil
	}
	said, err := j.reported(row)
	if err != nil {
		return false, err
	}
	for _, unit := range j.desk.directory.Subtree(j.report.GetUnit()) {
		if some, err := j.fold.Stands(said, unit); some || err != nil {
			return some, err
		}
	}
	return false, nil
}

// broken are the checks that a group breaks.
func (j *judge) broken(g reports.Group) ([]*aggregationv1.ReportForm_Check, error) {
	last, err := j.last(g)
	if err != nil {
		return nil, err
	}
	return reports.Broken(j.paper.Form, func(field string, before bool) (v int64, ok bool) {
		if v, ok = j.seen[g.Figure(field)]; before {
			v, ok = last[field]
		}
		return v, ok
	}), nil
}

// last is what counts of the period before.
func (j *judge) last(g reports.Group) (map[string]int64, error) {
	last := map[string]int64{}
	for _, field := range reports.LastFields(j.paper.Form) {
		said, err := j.reported(&aggregationv1.Report_Row{ResolvedUnit: g.Unit, Campaign: g.Campaign, Category: g.Category, Field: field})
		if err != nil {
			return nil, err
		}
		said.Months = j.paper.Period.Before().Months()
		if v, ok, err := j.fold.Said(said); err != nil {
			return nil, err
		} else if ok {
			last[field] = v
		}
	}
	return last, nil
}

// broke marks a row with the checks that its values break.
func (j *judge) broke(row *aggregationv1.Report_Row, broken []*aggregationv1.ReportForm_Check) error {
	row.Warnings = nil
	for _, c := range broken {
		if !reports.Concerns(c, row.GetField()) {
			continue
		}
		if err := reports.Broke(row, c); err != nil {
			return reports.Mark(j.report, row, aggregationv1.Report_VERDICT_REJECTED, err)
		}
	}
	return nil
}

// enter counts the rows that stand and are not counted, which are proposed no more.
func (j *judge) enter(page *aggregationv1.ReportPage) error {
	for _, row := range page.GetRows() {
		if err := j.takeBack(row); err != nil {
			return err
		}
		if !stands(row) || row.GetCounted() {
			continue
		}
		said, err := j.reported(row)
		if err != nil {
			return err
		}
		verdict, counted, err := j.fold.Enter(said)
		if err := reports.Mark(j.report, row, verdict, err); err != nil {
			return err
		}
		row.Counted = counted
	}
	return j.fold.Flush()
}

// withdraw takes off what still counts of the report's rows, or is proposed.
func (j *judge) withdraw(page *aggregationv1.ReportPage) error {
	for _, row := range page.GetRows() {
		if err := j.takeBack(row); err != nil {
			return err
		}
		if !row.GetCounted() {
			continue
		}
		said, err := j.reported(row)
		if err != nil {
			return err
		}
		if err := j.fold.Withdraw(said); err != nil {
			return err
		}
		row.Counted = false
	}
	return j.fold.Flush()
}
