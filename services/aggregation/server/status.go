package server

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/internal/page"
)

const (
	maxChildren = 200 // of a page of a status
	maxMissing  = 100
	maxChanges  = 100 // of sources
	maxSources  = 200 // that report
)

// GetStatus implements the RPC.
func (s *Service) GetStatus(ctx context.Context, req *aggregationv1.GetStatusRequest) (status *aggregationv1.Status, err error) {
	wanted, err := wanted(req.GetMetrics())
	if err != nil {
		return nil, err
	}
	after, err := s.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	err = s.look(ctx, req, func(v *view) error {
		var next string
		if status, next, err = v.status(wanted, after, min(page.Size(req.GetPageSize()), maxChildren)); err == nil {
			status.NextPageToken = s.book.Tokens.Encode(next, req)
		}
		return err
	})
	return status, err
}

// wanted are the metrics of those names; of none, all.
func wanted(names []string) (all []aggregation.Definition, err error) {
	if len(names) == 0 {
		return aggregation.Definitions, nil
	}
	for i, name := range names {
		d, err := aggregation.Find(name)
		if err != nil {
			return nil, aggregation.ErrMetricUnknown.At(fmt.Sprintf("metrics[%d]", i), "没有这个指标", "there is no such metric")
		}
		all = append(all, *d)
	}
	return all, nil
}

func (v *view) status(wanted []aggregation.Definition, after string, size int) (status *aggregationv1.Status, next string, err error) {
	q := v.query
	status = &aggregationv1.Status{
		Name: q.Unit + "/status", EndDate: q.End, UnacceptedIncluded: q.Beneath, OwnUnacceptedIncluded: q.Own, Freshness: v.freshness,
		TreeAsOf: v.tree, AsOf: timestamppb.New(v.moment()), OverdueDate: q.Today,
	}
	if status.Figures, err = v.figures(q, wanted...); err != nil {
		return nil, "", err
	}
	for _, f := range status.GetFigures() {
		status.Provisional = status.GetProvisional() || f.GetProvisional()
	}
	status.Figures = slices.DeleteFunc(status.Figures, func(f *aggregationv1.Figure) bool { return aggregation.Absent(f) })
	if status.Missing, err = v.missing(maxMissing); err != nil {
		return nil, "", err
	}
	if status.Targets, err = v.progress(); err != nil {
		return nil, "", err
	}
	if status.SourceChanges, status.SourceChangesTruncated, err = v.changes(maxChanges); err != nil {
		return nil, "", err
	}
	if err = v.reporters(status, maxSources); err != nil {
		return nil, "", err
	}
	status.Children, next, err = v.children(wanted, after, size)
	return status, next, err
}

// children are the units beneath, after the one of that name.
func (v *view) children(wanted []aggregation.Definition, after string, size int) (rows []*aggregationv1.Status_Child, next string, err error) {
	var room page.Room
	for _, name := range v.units() {
		if name <= after {
			continue
		}
		if len(rows) == size {
			return rows, rows[size-1].GetUnit(), nil
		}
		list, err := v.figures(v.beneath(name), wanted...)
		if err != nil {
			return nil, "", err
		}
		list = slices.DeleteFunc(list, aggregation.Blank)
		row := &aggregationv1.Status_Child{Unit: name, DisplayName: v.directory.Unit(name).GetDisplayName(), Figures: list, Gone: v.gone(name, v.query.End)}
		if !room.Takes(row) {
			return rows, rows[len(rows)-1].GetUnit(), nil
		}
		rows = append(rows, row)
	}
	return rows, "", nil
}

// missing is what the unit and those beneath it owe; of a past moment who owes how much
// instead, and for portals how much alone. At most so many things are named.
func (v *view) missing(most int) (*aggregationv1.Missing, error) {
	q := v.query
	q.Category, q.Source = "", ""
	values, err := v.read(&q, aggregation.Sums(*aggregation.Define(aggregation.ItemsMissing)))
	if err != nil {
		return nil, err
	}
	m := &aggregationv1.Missing{Total: values[aggregation.ItemsMissing]}
	if !v.inside(q.Unit) {
		return m, nil
	}
	if v.at.IsZero() {
		m.Items, err = v.items(q, most)
	} else {
		m.Units, m.UnitsTruncated, err = v.owing(q, most)
	}
	if err != nil || q.Campaign != "" {
		return m, err
	}
	late, err := v.late()
	m.Reports, m.ReportsTotal = late.Items[:min(most, len(late.Items))], proto.Int64(int64(len(late.Items)))
	m.ReportsUnknown = proto.Int64(late.Unknown)
	return m, err
}

// items are the things that are missing now.
func (v *view) items(q figures.Query, most int) (items []*aggregationv1.Missing_Item, err error) {
	owed, err := figures.ReadOwed(v.tx, q, most)
	for _, o := range owed {
		items = append(items, &aggregationv1.Missing_Item{Unit: o.Unit, Subject: o.Subject, DueDate: o.Due})
	}
	return items, err
}

// changes are what reports had told of the unit and those beneath it until their own
// records began; at most so many, and whether there are more. Portals are told of
// figures alone.
func (v *view) changes(most int) (all []*aggregationv1.SourceChange, more bool, err error) {
	q := v.query
	if !v.at.IsZero() || q.Source != "" || !v.inside(q.Unit) {
		return nil, false, nil
	}
	if q.Joined, err = v.joined(q.Campaign); err != nil {
		return nil, false, err
	}
	ended, more, err := figures.ReadEnded(v.tx, q, most)
	for _, e := range ended {
		all = append(all, &aggregationv1.SourceChange{Unit: e.Unit, Metric: aggregation.Define(e.Metric).Name(), Date: e.Day, Value: e.Value})
	}
	return all, more, err
}

// progress is how far the unit has come towards the targets of the time.
func (v *view) progress() (all []*aggregationv1.TargetProgress, err error) {
	if v.query.Category != "" || v.query.Source != "" || !v.inside(v.query.Unit) {
		return nil, nil
	}
	for t, err := range v.targets.Lookup(v.tx, "unit", v.query.Unit, "") {
		if err != nil {
			return nil, err
		}
		if !aggregation.Covers(t, v.query.Campaign, v.query.End) {
			continue
		}
		d, err := aggregation.Find(t.GetMetric())
		if err != nil {
			return nil, err
		}
		q := v.query
		q.Campaign, q.Start = t.GetCampaign(), t.GetStartDate()
		list, err := v.figures(q, *d)
		if err != nil {
			return nil, err
		}
		all = append(all, aggregation.Progress(t, list[0]))
	}
	return all, nil
}
