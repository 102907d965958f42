package server

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// Figures tells what the registry of metrics says (系统统计).
type Figures interface {
	// Figure returns a figure of the unit and all beneath it, as it was accepted and known
	// at the moment.
	Figure(ctx context.Context, unit, metric string, at *timestamppb.Timestamp) (*aggregationv1.Figure, error)
}

// Aggregation asks the aggregation service in this service's own name, so that what is
// read does not depend on who tallies.
type Aggregation struct {
	Client aggregationv1.AggregationServiceClient
}

// Figure implements Figures.
func (a Aggregation) Figure(ctx context.Context, unit, metric string, at *timestamppb.Timestamp) (*aggregationv1.Figure, error) {
	status, err := a.Client.GetStatus(ctx, &aggregationv1.GetStatusRequest{
		Name: unit, Metrics: []string{metric}, PageSize: 1,
		Cut: &aggregationv1.Cut{EndDate: calendar.On(at.AsTime()).String(), AsOf: at},
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", metric, unit, err)
	}
	for _, f := range status.GetFigures() {
		if f.GetMetric() == metric {
			return f, nil
		}
	}
	return &aggregationv1.Figure{Metric: metric}, nil
}

// reading puts what a tally of the round takes from the registry into figures, before
// the tally.
func (s *Service) reading(round string, figures *[]*evaluationv1.Measure) change.Option {
	return change.Before(func(ctx context.Context) error {
		wanted, err := s.toRead(ctx, round)
		if err != nil {
			return err
		}
		*figures, err = read(ctx, s.figures, wanted)
		return err
	})
}

// read returns what is wanted, as the registry tells it. What not all is heard of yet is
// refused, and what is told of other units alone is no value.
func read(ctx context.Context, from Figures, wanted []*evaluationv1.Measure) (all []*evaluationv1.Measure, err error) {
	for _, m := range wanted {
		f, err := from.Figure(ctx, m.GetSubject(), m.GetMetric(), m.GetAsOf())
		switch {
		case err != nil:
			return nil, err
		case f.GetProvisional():
			return nil, evaluation.ErrFigureBehind
		case f.GetPartial():
			f = nil
		}
		all = append(all, evaluation.Read(m, f.GetNumerator(), f.GetDenominator()))
	}
	return all, nil
}

// toRead are the figures of a round that can be tallied; of others the tally says why
// it cannot.
func (s *Service) toRead(ctx context.Context, round string) (wanted []*evaluationv1.Measure, err error) {
	err = s.book.View(ctx, func(tx *change.Tx) error {
		r, err := s.run.Reach(tx, round)
		if err == nil && r.GetState() == evaluationv1.Round_STATE_CLOSED {
			wanted = evaluation.ToRead(r)
		}
		return err
	})
	return wanted, err
}
