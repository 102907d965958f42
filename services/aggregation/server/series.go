package server

import (
	"context"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
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
	if !d.HasSeries() {
		return nil, aggregation.ErrMetricHasNoSeries.At("metric", "该指标没有历史序列", "has no series")
	}
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
