package server

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
)

const (
	maxChildren = 200 // of a page of a status
	maxMissing  = 100
	fresh       = 30 * time.Second // how old what was heard of a feed may be
)

// view is one reading of figures.
type view struct {
	*Service
	tx          *change.Tx
	query       figures.Query
	freshness   []*aggregationv1.Freshness
	provisional map[string]bool // the services whose feeds are not current
}

// question is a request for figures.
type question interface {
	GetName() string
	GetCut() *aggregationv1.Cut
}

// look lets read look at a unit's figures, if the caller may see them.
func (s *Service) look(ctx context.Context, asked question, read func(*view) error) error {
	return s.book.View(ctx, func(tx *change.Tx) error {
		v, err := s.open(tx, asked.GetName(), asked.GetCut())
		if err != nil {
			return err
		}
		return read(v)
	})
}

func (s *Service) open(tx *change.Tx, unit string, cut *aggregationv1.Cut) (*view, error) {
	if err := tx.Check(unit); err != nil {
		return nil, err
	}
	if s.directory.Unit(unit) == nil {
		return nil, authz.ErrNotFound
	}
	start, end, err := aggregation.Period(cut, s.today())
	if err != nil {
		return nil, err
	}
	v := &view{Service: s, tx: tx, provisional: map[string]bool{}, query: figures.Query{
		Unit: unit, Campaign: cut.GetCampaign(), Category: cut.GetCategory(), Source: cut.GetSource(),
		Start: start, End: end, Today: s.today(), Beneath: cut.GetIncludeUnaccepted(), Own: cut.GetIncludeUnaccepted() || holdsOn(tx, unit),
	}}
	return v, v.readFreshness()
}

// holdsOn says whether the caller holds a grant on exactly the unit: then it is
// the caller's own.
func holdsOn(tx *change.Tx, unit string) bool {
	return slices.ContainsFunc(tx.Access.Grants(), func(g authz.Grant) bool { return g.Unit == unit })
}

// readFreshness says of each feed how much of it is counted.
func (v *view) readFreshness() error {
	for _, f := range v.followers {
		cursor, err := figures.ReadCursor(v.tx, f.Feed)
		if err != nil {
			return err
		}
		size, heard := f.seen()
		part := &aggregationv1.Freshness{Service: f.service, Size: max(size, cursor.Next), Cursor: cursor.Next}
		if cursor.Next > 0 {
			part.NewestAt, part.NewestEffective = timestamppb.New(cursor.At), timestamppb.New(cursor.Effective)
		}
		if !heard.IsZero() {
			ago := max(v.book.Clock().Sub(heard), 0)
			part.HeardAgo, part.Current = durationpb.New(ago), part.Size == cursor.Next && ago <= fresh
		}
		v.freshness = append(v.freshness, part)
		v.provisional[f.service] = !part.Current
	}
	return v.readBelow()
}

// figures are those of the unit that the query names.
func (v *view) figures(q figures.Query, wanted ...aggregation.Definition) ([]*aggregationv1.Figure, error) {
	values, err := figures.Read(v.tx, q, aggregation.Sums(wanted...))
	if err != nil {
		return nil, err
	}
	list := make([]*aggregationv1.Figure, len(wanted))
	for i, d := range wanted {
		list[i] = aggregation.FigureOf(&d, func(m aggregation.Metric) int64 { return values[m] })
		list[i].Provisional = v.provisional[d.Service]
	}
	return list, v.fillLatest(q, wanted, list)
}

// fillLatest fills in the newest values, if some are wanted.
func (v *view) fillLatest(q figures.Query, wanted []aggregation.Definition, list []*aggregationv1.Figure) error {
	isLatest := func(d aggregation.Definition) bool { return d.Latest() }
	if !slices.ContainsFunc(wanted, isLatest) {
		return nil
	}
	latest, err := figures.ReadLatest(v.tx, q.Unit, q.End)
	if err != nil || latest == nil {
		return err
	}
	for i, d := range wanted {
		if d.Latest() {
			list[i].Value, list[i].Origin = latest.Value(d.Metric), latest.Origin
		}
	}
	return nil
}

// beneath is the query for a unit beneath the one asked for: its own is nobody's
// here.
func (v *view) beneath(unit string) figures.Query {
	q := v.query
	q.Unit, q.Own = unit, q.Beneath
	return q
}

// GetStatus implements the RPC.
func (s *Service) GetStatus(ctx context.Context, req *aggregationv1.GetStatusRequest) (status *aggregationv1.Status, err error) {
	after, err := s.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	err = s.look(ctx, req, func(v *view) error {
		var next string
		if status, next, err = v.status(after, min(page.Size(req.GetPageSize()), maxChildren)); err == nil {
			status.NextPageToken = s.book.Tokens.Encode(next, req)
		}
		return err
	})
	return status, err
}

func (v *view) status(after string, size int) (status *aggregationv1.Status, next string, err error) {
	q := v.query
	status = &aggregationv1.Status{
		Name: q.Unit + "/status", EndDate: q.End, UnacceptedIncluded: q.Beneath, OwnUnacceptedIncluded: q.Own, Freshness: v.freshness,
	}
	if status.Figures, err = v.figures(q, aggregation.Definitions...); err != nil {
		return nil, "", err
	}
	for _, f := range status.GetFigures() {
		status.Provisional = status.GetProvisional() || f.GetProvisional()
	}
	if status.Missing, err = v.missing(); err != nil {
		return nil, "", err
	}
	status.Children, next, err = v.children(after, size)
	return status, next, err
}

// children are the units directly beneath, after the one of that name.
func (v *view) children(after string, size int) (rows []*aggregationv1.Status_Child, next string, err error) {
	for _, name := range v.directory.Children(v.query.Unit) {
		if name <= after {
			continue
		}
		if len(rows) == size {
			return rows, rows[size-1].GetUnit(), nil
		}
		list, err := v.figures(v.beneath(name), aggregation.Definitions...)
		if err != nil {
			return nil, "", err
		}
		list = slices.DeleteFunc(list, func(f *aggregationv1.Figure) bool { return f.GetValue() == 0 && f.GetDenominator() == 0 })
		rows = append(rows, &aggregationv1.Status_Child{Unit: name, DisplayName: v.directory.Unit(name).GetDisplayName(), Figures: list})
	}
	return rows, "", nil
}

// missing is what the unit and those beneath it owe.
func (v *view) missing() (*aggregationv1.Missing, error) {
	q := v.query
	q.Category, q.Source = "", ""
	values, err := figures.Read(v.tx, q, aggregation.Sums(*aggregation.Define(aggregation.ItemsMissing)))
	if err != nil {
		return nil, err
	}
	owed, err := figures.ReadOwed(v.tx, q, maxMissing)
	if err != nil {
		return nil, err
	}
	m := &aggregationv1.Missing{Total: values[aggregation.ItemsMissing]}
	for _, o := range owed {
		m.Items = append(m.Items, &aggregationv1.Missing_Item{Unit: o.Unit, Subject: o.Subject, DueDate: o.Due})
	}
	return m, nil
}

// GetStatusSeries implements the RPC.
func (s *Service) GetStatusSeries(ctx context.Context, req *aggregationv1.GetStatusSeriesRequest) (series *aggregationv1.StatusSeries, err error) {
	d, err := metric(req.GetMetric())
	if err != nil {
		return nil, err
	}
	if !d.HasSeries() {
		return nil, aggregation.ErrMetricHasNoSeries.At("metric", "该指标没有历史序列", "has no series")
	}
	err = s.look(ctx, req, func(v *view) error {
		series, err = v.series(d, req.GetBucket())
		return err
	})
	return series, err
}

func (v *view) series(d *aggregation.Definition, bucket aggregationv1.GetStatusSeriesRequest_Bucket) (*aggregationv1.StatusSeries, error) {
	stretches, err := aggregation.Stretches(v.query.Start, v.query.End, bucket)
	if err != nil {
		return nil, err
	}
	series := &aggregationv1.StatusSeries{}
	for _, stretch := range stretches {
		q := v.query
		q.Start, q.End = stretch.Start, stretch.End
		list, err := v.figures(q, *d)
		if err != nil {
			return nil, err
		}
		series.Points = append(series.Points, &aggregationv1.StatusSeries_Point{StartDate: stretch.Start, EndDate: stretch.End, Figure: list[0]})
	}
	return series, nil
}
