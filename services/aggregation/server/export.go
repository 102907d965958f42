package server

import (
	"context"

	"google.golang.org/genproto/googleapis/api/httpbody"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/basis"
	"github.com/duban-project/duban/services/aggregation/sheet"
)

// ExportStatus implements the RPC.
func (s *Service) ExportStatus(ctx context.Context, req *aggregationv1.ExportStatusRequest) (*httpbody.HttpBody, error) {
	var table *sheet.Table
	var title []sheet.Word
	err := s.look(ctx, req, func(v *view) (err error) {
		if table, err = v.table(req); err == nil {
			title = v.title(req)
			marks := append(basis.Explained(table.Notes), knownThen(req)...)
			table.Notes, err = v.notes()
			table.Notes = append(table.Notes, marks...)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return table.File(req.GetFormat() == aggregationv1.ExportStatusRequest_FORMAT_XLSX, title...)
}

// knownThen says of a series whose points are as known when each ended that they are.
func knownThen(req *aggregationv1.ExportStatusRequest) []note {
	d, err := aggregation.Find(req.GetMetric())
	if err != nil || req.GetTable() != aggregationv1.ExportStatusRequest_TABLE_SERIES || !d.KnownThen() {
		return nil
	}
	return []note{{"按当时所知 (as_known_then)", sheet.Yes(true)}}
}

// title says of a file of which unit it is, of which metric if it is about one, and
// as of which day.
func (v *view) title(req *aggregationv1.ExportStatusRequest) []sheet.Word {
	words := []sheet.Word{sheet.Called(v.query.Unit, v.directory.Unit(v.query.Unit).GetDisplayName())}
	if d, err := aggregation.Find(req.GetMetric()); err == nil && req.GetTable() > aggregationv1.ExportStatusRequest_TABLE_STATUS {
		words = append(words, sheet.Word{d.ID, d.Zh})
	}
	return append(words, sheet.Same(v.query.Today))
}

// table is what is exported.
func (v *view) table(req *aggregationv1.ExportStatusRequest) (*sheet.Table, error) {
	if kind := req.GetTable(); kind <= aggregationv1.ExportStatusRequest_TABLE_STATUS {
		return v.statusTable(req.GetMetrics())
	}
	if req.GetMetric() == "" {
		return nil, aggregation.ErrMetricMissing.At("metric", "须指明指标", "is missing")
	}
	d, err := aggregation.Find(req.GetMetric())
	if err != nil {
		return nil, err
	}
	if req.GetTable() == aggregationv1.ExportStatusRequest_TABLE_COMPARISON {
		return v.rankTable(d, req.GetLabel())
	}
	return v.seriesTable(d, req.GetBucket())
}

// statusTable has a row for the unit, and one for each unit beneath.
func (v *view) statusTable(names []string) (*sheet.Table, error) {
	wanted, err := wanted(names)
	if err != nil {
		return nil, err
	}
	units := v.units()
	if err := aggregation.Comparable(len(units)); err != nil {
		return nil, err
	}
	t := newTable("status", "进展情况", "单位 (unit)", "单位名称 (display_name)")
	for _, d := range wanted {
		t.Header = append(t.Header, column(&d))
	}
	own, err := v.figures(v.query, wanted...)
	if err != nil {
		return nil, err
	}
	t.Header = append(t.Header, "已停用或撤并 (gone)")
	v.line(t, v.query.Unit, wanted, own)
	for _, unit := range units {
		list, err := v.figures(v.beneath(unit), wanted...)
		if err != nil {
			return nil, err
		}
		v.line(t, unit, wanted, list)
	}
	return t, nil
}

// line adds the row of a unit.
func (v *view) line(t *sheet.Table, unit string, wanted []aggregation.Definition, list []*aggregationv1.Figure) {
	row := []any{unit, v.directory.Unit(unit).GetDisplayName()}
	for i, f := range list {
		row = append(row, cell(&wanted[i], f))
	}
	row = append(row, sheet.Yes(v.gone(unit, v.query.End)))
	t.Rows, t.Notes = append(t.Rows, row), append(t.Notes, basis.Partial(unit, wanted, list)...)
}

// column is what a metric is called: in Chinese first.
func column(d *aggregation.Definition) string { return d.Zh + " (" + d.ID + ")" }

// cell is a figure as a number; nothing, if there is none or it is unknown.
func cell(d *aggregation.Definition, f *aggregationv1.Figure) any {
	switch {
	case !aggregation.Ranked(d, f):
		return ""
	case d.Measure == "milli":
		return sheet.Milli(f.GetValue())
	default:
		return f.GetValue()
	}
}

func (v *view) rankTable(d *aggregation.Definition, label string) (*sheet.Table, error) {
	places, err := v.places(d, label)
	if err != nil {
		return nil, err
	}
	aggregation.Rank(d, places)
	t := newTable("comparison", "排名", "单位 (unit)", "单位名称 (display_name)", "类别 (class)", "名次 (rank)", column(d), "不排名原因 (unranked)")
	for _, p := range places {
		t.Rows = append(t.Rows, []any{p.GetUnit(), p.GetDisplayName(), p.GetClass(), rank(p), cell(d, p.GetFigure()), sheet.WordOf(p.GetUnranked())})
		t.Notes = append(t.Notes, basis.Partial(p.GetUnit(), []aggregation.Definition{*d}, []*aggregationv1.Figure{p.GetFigure()})...)
	}
	return t, nil
}

// rank is the place of a unit as a number; nothing, if it has none.
func rank(p *place) any {
	if p.GetRank() == 0 {
		return ""
	}
	return int64(p.GetRank())
}

func (v *view) seriesTable(d *aggregation.Definition, bucket aggregationv1.GetStatusSeriesRequest_Bucket) (*sheet.Table, error) {
	series, err := v.series(d, bucket)
	if err != nil {
		return nil, err
	}
	t := newTable("series", "趋势", "起始日期 (start_date)", "截止日期 (end_date)", column(d))
	for _, p := range series.GetPoints() {
		t.Rows = append(t.Rows, []any{p.GetStartDate(), p.GetEndDate(), cell(d, p.GetFigure())})
		t.Notes = append(t.Notes, basis.Partial(p.GetEndDate(), []aggregation.Definition{*d}, []*aggregationv1.Figure{p.GetFigure()})...)
	}
	return t, nil
}

func newTable(id, name string, header ...string) *sheet.Table {
	return &sheet.Table{ID: id, Name: name, Header: header}
}
