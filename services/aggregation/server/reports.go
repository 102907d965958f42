package server

import (
	"context"
	"errors"
	"iter"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
)

// CreateReport implements the RPC. Rows may name units that were entered a moment
// ago.
func (s *Service) CreateReport(ctx context.Context, req *aggregationv1.CreateReportRequest) (*aggregationv1.Report, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*aggregationv1.Report, error) {
		return s.takeOnce(tx, req.GetReport())
	}, change.In(req.GetReport().GetUnit()), change.CatchUp())
}

// takeOnce answers with the report that was taken before, or takes it.
func (s *Service) takeOnce(tx *change.Tx, asked *aggregationv1.Report) (*aggregationv1.Report, error) {
	taken, err := s.reports.Find(tx, aggregation.ReportName(asked))
	switch {
	case err == nil:
		return taken, aggregation.Again(taken, asked)
	case errors.Is(err, authz.ErrNotFound):
		return s.take(tx, asked)
	default:
		return nil, err
	}
}

// take stores a report that is new, and that its source has sent it.
func (s *Service) take(tx *change.Tx, asked *aggregationv1.Report) (*aggregationv1.Report, error) {
	r, err := aggregation.NewReport(asked, s.today())
	if err != nil {
		return nil, err
	}
	if err := s.judgeAll(tx, r); err != nil {
		return nil, err
	}
	if err := s.took(tx, r); err != nil {
		return nil, err
	}
	return s.reports.Put(tx, r)
}

// took stores that the source has sent a report.
func (s *Service) took(tx *change.Tx, r *aggregationv1.Report) error {
	source, err := s.sources.Find(tx, aggregation.SourceName(r))
	if errors.Is(err, authz.ErrNotFound) {
		source, err = &aggregationv1.ReportSource{Name: aggregation.SourceName(r), Unit: r.GetUnit(), Source: r.GetSource()}, nil
	}
	if err != nil {
		return err
	}
	if source, err = aggregation.Took(source, r.GetSequence()); err != nil {
		return err
	}
	_, err = s.sources.PutAs(tx, "source.reported", source)
	return err
}

// judgeAll gives every row of a new report, which the caller owns, its verdict.
func (s *Service) judgeAll(tx *change.Tx, r *aggregationv1.Report) error {
	form, err := aggregation.FindForm(r.GetForm())
	if err != nil {
		return err
	}
	j := judge{figures.New(tx), form, r, s.codesOf(r.GetUnit()), map[[4]string]bool{}}
	for _, row := range r.GetRows() {
		verdict, err := j.row(row)
		if err := aggregation.Mark(row, verdict, err); err != nil {
			return err
		}
	}
	return nil
}

// judge judges the rows of one report.
type judge struct {
	fold   *figures.Fold
	form   *aggregationv1.ReportForm
	report *aggregationv1.Report
	units  codes
	seen   map[[4]string]bool // the figures of the rows before
}

// row finds the unit of a row and says what counting it would do.
func (j *judge) row(row *aggregationv1.Report_Row) (aggregationv1.Report_Verdict, error) {
	const rejected = aggregationv1.Report_VERDICT_REJECTED
	_, err := aggregation.ReadRow(j.form, row)
	if err != nil {
		return rejected, err
	}
	if row.ResolvedUnit, err = aggregation.OneUnit(row, j.units.find(row)); err != nil {
		return rejected, err
	}
	figure := [4]string{row.GetResolvedUnit(), row.GetField(), row.GetCampaign(), row.GetCategory()}
	if j.seen[figure] {
		return rejected, aggregation.ErrRowTwice.At("field", "重复", "twice")
	}
	j.seen[figure] = true
	reported, err := reportedBy(j.form, j.report, row)
	if err != nil {
		return rejected, err
	}
	return j.fold.Judge(reported)
}

// reportedBy is the figure that a row brings.
func reportedBy(form *aggregationv1.ReportForm, r *aggregationv1.Report, row *aggregationv1.Report_Row) (figures.Reported, error) {
	m, err := aggregation.ReadRow(form, row)
	return figures.Reported{
		Cell:   aggregation.Cell{Unit: row.GetResolvedUnit(), Campaign: row.GetCampaign(), Category: row.GetCategory()},
		Metric: m, Month: r.GetPeriod(), Source: aggregation.SourceName(r), Sequence: r.GetSequence(), Value: row.GetValue(),
	}, err
}

// codes are the units at and beneath one, by their codes.
type codes struct {
	units  []string
	byCode map[[2]string][]string
}

func (s *Service) codesOf(unit string) codes {
	c := codes{s.directory.Subtree(unit), map[[2]string][]string{}}
	for _, name := range c.units {
		for _, code := range s.directory.Unit(name).GetCodes() {
			key := [2]string{code.GetScheme(), code.GetValue()}
			if !slices.Contains(c.byCode[key], name) {
				c.byCode[key] = append(c.byCode[key], name)
			}
		}
	}
	slices.Sort(c.units)
	return c
}

// find returns the units that a row may be about.
func (c codes) find(row *aggregationv1.Report_Row) []string {
	if row.GetUnit() == "" {
		return c.byCode[[2]string{row.GetScheme(), row.GetCode()}]
	}
	if _, ok := slices.BinarySearch(c.units, row.GetUnit()); ok {
		return []string{row.GetUnit()}
	}
	return nil
}

// GetReport implements the RPC.
func (s *Service) GetReport(ctx context.Context, req *aggregationv1.GetReportRequest) (*aggregationv1.Report, error) {
	return s.reports.Get(ctx, req.GetName())
}

// ListReports implements the RPC.
func (s *Service) ListReports(ctx context.Context, req *aggregationv1.ListReportsRequest) (*aggregationv1.ListReportsResponse, error) {
	reports, next, err := s.reports.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*aggregationv1.Report, error], error) {
		return of(&s.reports, tx, req.GetUnit(), after)
	})
	return &aggregationv1.ListReportsResponse{Reports: reports, NextPageToken: next}, err
}

// of yields the records of a unit, or all.
func of[T change.Record](kind *change.Kind[T], tx *change.Tx, unit, after string) (iter.Seq2[T, error], error) {
	if unit == "" {
		return kind.Scan(tx, after, ""), nil
	}
	if err := tx.Check(unit); err != nil {
		return nil, err
	}
	return kind.Lookup(tx, "unit", unit, after), nil
}

// AcceptReport implements the RPC.
func (s *Service) AcceptReport(ctx context.Context, req *aggregationv1.AcceptReportRequest) (*aggregationv1.Report, error) {
	return s.reports.Change(ctx, req, func(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
		r, err := aggregation.Accept(r, tx.Access.Principal.Name)
		if err != nil {
			return nil, err
		}
		return r, s.enter(tx, r)
	})
}

// enter counts the rows of an accepted report, which the caller owns. A figure
// that has found another source since the report came is left alone.
func (s *Service) enter(tx *change.Tx, r *aggregationv1.Report) error {
	form, err := aggregation.FindForm(r.GetForm())
	if err != nil {
		return err
	}
	fold := figures.New(tx)
	if err := fold.At(tx.Now); err != nil {
		return err
	}
	for _, row := range r.GetRows() {
		if row.GetVerdict() == aggregationv1.Report_VERDICT_REJECTED {
			continue
		}
		reported, err := reportedBy(form, r, row)
		if err != nil {
			return err
		}
		verdict, err := fold.Enter(reported)
		if err := aggregation.Mark(row, verdict, err); err != nil {
			return err
		}
	}
	return fold.Flush()
}

// ReturnReport implements the RPC.
func (s *Service) ReturnReport(ctx context.Context, req *aggregationv1.ReturnReportRequest) (*aggregationv1.Report, error) {
	return s.reports.Change(ctx, req, func(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
		return aggregation.Return(r, tx.Access.Principal.Name, req.GetReason())
	})
}

// GetReportSource implements the RPC.
func (s *Service) GetReportSource(ctx context.Context, req *aggregationv1.GetReportSourceRequest) (*aggregationv1.ReportSource, error) {
	return s.sources.Get(ctx, req.GetName())
}

// ListReportSources implements the RPC.
func (s *Service) ListReportSources(ctx context.Context, req *aggregationv1.ListReportSourcesRequest) (*aggregationv1.ListReportSourcesResponse, error) {
	sources, next, err := s.sources.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*aggregationv1.ReportSource, error], error) {
		return of(&s.sources, tx, req.GetUnit(), after)
	})
	return &aggregationv1.ListReportSourcesResponse{ReportSources: sources, NextPageToken: next}, err
}
