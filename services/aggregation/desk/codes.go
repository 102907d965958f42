package desk

import (
	"context"
	"iter"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/waiting"
	"github.com/duban-project/duban/services/internal/change"
)

// codebook has the units that are kept here by their codes.
type codebook struct {
	position uint64
	byCode   map[codeKey][]string
}

type codeKey struct{ scheme, value string }

// codebook returns that of the tree that a unit is in, which is made anew when the
// tree has changed.
func (d *Desk) codebook(unit string) *codebook {
	position := d.directory.Position()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || d.known.position != position {
		path := d.directory.Path(unit)
		d.known = d.newCodebook(path[len(path)-1], position)
	}
	return d.known
}

func (d *Desk) newCodebook(root string, position uint64) *codebook {
	c := &codebook{position, map[codeKey][]string{}}
	for _, name := range d.directory.Subtree(root) {
		for _, code := range d.directory.Unit(name).GetCodes() {
			key := codeKey{code.GetScheme(), code.GetValue()}
			if !slices.Contains(c.byCode[key], name) {
				c.byCode[key] = append(c.byCode[key], name)
			}
		}
	}
	return c
}

// beneath says whether the unit of a path is kept here, and at or beneath another.
func (d *Desk) beneath(path []string, above string) bool {
	return slices.Contains(path, above) && d.directory.Unit(path[0]).GetInstallation() == ""
}

// ours returns the paths, when the period ended, of those units that the report may
// be about: that stood at or beneath the reporting one.
func (j *judge) ours(units ...string) (paths [][]string) {
	for _, unit := range units {
		if path := j.desk.directory.Stood(unit, j.paper.Period.End()); j.desk.beneath(path, j.report.GetUnit()) {
			paths = append(paths, path)
		}
	}
	return paths
}

// unitsOf returns the paths of the units that a row may be about: that which it names,
// that which the source's own code table has, or those that have the code.
func (j *judge) unitsOf(row *aggregationv1.Report_Row) ([][]string, error) {
	scheme, code := reports.CodeOf(row)
	if named := j.ours(row.GetUnit()); row.GetUnit() != "" && named != nil {
		return named, nil
	}
	return j.coded(scheme, code)
}

// agrees refuses a row that names a unit, which is found, and has the code of no unit or of
// another.
func (j *judge) agrees(row *aggregationv1.Report_Row) error {
	if row.GetUnit() == "" || row.GetCode() == "" {
		return nil
	}
	coded, err := j.coded(row.GetScheme(), row.GetCode())
	if err != nil {
		return err
	}
	return reports.Agree(row, coded)
}

// coded returns the paths of the units that a code may mean.
func (j *judge) coded(scheme, code string) ([][]string, error) {
	source := reports.SourceName(j.report.GetUnit(), j.report.GetSource())
	own, err := j.desk.codes.Seek(j.tx, reports.CodeName(source, scheme, code))
	if err != nil {
		return nil, err
	}
	if mapped := j.ours(own.GetUnit()); mapped != nil {
		return mapped, nil
	}
	return j.ours(j.desk.codebook(j.report.GetUnit()).byCode[codeKey{scheme, code}]...), nil
}

// SetReportCodes implements the RPC.
func (d *Desk) SetReportCodes(ctx context.Context, req *aggregationv1.SetReportCodesRequest) (*aggregationv1.SetReportCodesResponse, error) {
	var source *aggregationv1.ReportSource
	answer, err := change.Do(ctx, d.book, req, func(tx *change.Tx) (*aggregationv1.SetReportCodesResponse, error) {
		return d.setCodes(tx, source, req.GetCodes())
	}, change.If(func(tx *change.Tx) (err error) {
		source, err = d.sources.Reach(tx, req.GetParent())
		return err
	}), change.CatchUp())
	if err == nil && answer.GetReports() > 0 {
		d.Stir()
	}
	return answer, err
}

func (d *Desk) setCodes(tx *change.Tx, source *aggregationv1.ReportSource, codes []*aggregationv1.ReportCode) (*aggregationv1.SetReportCodesResponse, error) {
	answer, keys := &aggregationv1.SetReportCodesResponse{}, []string{}
	for _, c := range codes {
		if c.GetUnit() != "" && !d.beneath(d.directory.Path(c.GetUnit()), source.GetUnit()) {
			return nil, reports.ErrCodeInvalid.At("codes.unit", "不在填报单位范围内", "not within the unit that reports")
		}
		kept, err := d.codes.Put(tx, &aggregationv1.ReportCode{
			Name: reports.CodeName(source.GetName(), c.GetScheme(), c.GetCode()), Scheme: c.GetScheme(), Code: c.GetCode(), Unit: c.GetUnit(),
		})
		if err != nil {
			return nil, err
		}
		answer.ReportCodes = append(answer.ReportCodes, kept)
		keys = append(keys, waiting.Code(c.GetScheme(), c.GetCode(), source.GetName()))
	}
	called, err := waiting.Recall(tx, keys)
	answer.Reports = int32(called)
	return answer, err
}

// ListReportCodes implements the RPC.
func (d *Desk) ListReportCodes(ctx context.Context, req *aggregationv1.ListReportCodesRequest) (*aggregationv1.ListReportCodesResponse, error) {
	kind := d.codes
	kind.May = func(tx *change.Tx, _ *aggregationv1.ReportCode) error { return nil } // the source is checked
	codes, next, err := kind.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*aggregationv1.ReportCode, error], error) {
		if _, err := d.sources.Reach(tx, req.GetParent()); err != nil {
			return nil, err
		}
		return d.codes.Scan(tx, after, req.GetParent()+"/codes/"), nil
	})
	return &aggregationv1.ListReportCodesResponse{ReportCodes: codes, NextPageToken: next}, err
}
