package server

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
)

// registry has one figure for everything, or none.
type registry struct {
	figure *aggregationv1.Figure
	err    error
}

func (r registry) Figure(context.Context, string, string, *timestamppb.Timestamp) (*aggregationv1.Figure, error) {
	return r.figure, r.err
}

var errDown = errors.New("nobody answers")

// TestAFigureThatIsNotWholeIsNoFigure: what is not all heard of yet is refused, and what
// is of other units alone has no value.
func TestAFigureThatIsNotWholeIsNoFigure(t *testing.T) {
	wanted := []*evaluationv1.Measure{{Subject: "units/s", Indicator: "closing", Metric: "metrics/problems_closing_rate"}}
	for what, x := range map[string]struct {
		registry
		err   error
		value string
	}{
		"whole":            {registry{figure: &aggregationv1.Figure{Numerator: 1, Denominator: 3}}, nil, "33.3"},
		"of nothing":       {registry{figure: &aggregationv1.Figure{}}, nil, ""},
		"provisional":      {registry{figure: &aggregationv1.Figure{Numerator: 1, Denominator: 3, Provisional: true}}, evaluation.ErrFigureBehind, ""},
		"partial":          {registry{figure: &aggregationv1.Figure{Numerator: 1, Denominator: 3, Partial: true}}, nil, ""},
		"of nobody's word": {registry{err: errDown}, errDown, ""},
	} {
		got, err := read(t.Context(), x.registry, wanted)
		if !errors.Is(err, x.err) || err == nil && (len(got) != 1 || got[0].GetValue() != x.value) {
			t.Errorf("%s: %v, %v; want %q, %v", what, got, err, x.value, x.err)
		}
	}
}
