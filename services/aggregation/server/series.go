package server

import (
	"context"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/internal/calendar"
)

// GetStatusSeries implements the RPC.
func (s *Service) GetStatusSeries(ctx context.Context, req *aggregationv1.GetStatusSeriesRequest) (series *aggregationv1.StatusSeries, err error) {
	d, err := aggregation.Find(req.GetMetric())
	if err != nil {
		return nil, err
	}
	err = s.look(ctx, req, func(v *view) error {
		series, err = v.series(d, req.GetBucket())
		return err
	})
	return series, err
}

func (v *view) series(d *aggregation.Definition, bucket aggregationv1.GetStatusSeriesRequest_Bucket) (*aggregationv1.StatusSeries, error) {
	stretches, err := d.Stretches(v.query.Start, v.query.End, bucket)
	if err != nil {
		return nil, err
	}
	series := &aggregationv1.StatusSeries{AsKnownThen: d.KnownThen()}
	for _, stretch := range stretches {
		of := v
		if d.KnownThen() {
			if of, err = v.endOf(stretch.End); err != nil {
				return nil, err
			}
		}
		q := of.query
		q.Start, q.End = stretch.Start, stretch.End
		list, err := of.figures(q, *d)
		if err != nil {
			return nil, err
		}
		series.Points = append(series.Points, &aggregationv1.StatusSeries_Point{StartDate: stretch.Start, EndDate: stretch.End, Figure: list[0]})
	}
	return series, nil
}

// endOf is the view as of the last moment of a day; of its own day, it is the view itself.
func (v *view) endOf(day string) (*view, error) {
	if day == v.query.Today {
		return v, nil
	}
	date, err := calendar.ParseDate(day)
	then := *v
	then.at, then.query.Today, then.query.End = date.End().Add(-1), day, day
	then.pasts, then.reports = map[section]*figures.Past{}, map[string]bool{}
	return &then, err
}
