package services_test

import (
	"testing"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/evaluation/schemes"
)

// TestSchemesReadMetricsThatThereAre: what a scheme has read from the registry (系统统计)
// is a ratio of it.
func TestSchemesReadMetricsThatThereAre(t *testing.T) {
	all, err := schemes.All()
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, s := range all {
		for _, top := range s.GetIndicators() {
			for _, in := range append(top.GetChildren(), top) {
				if in.GetFrom() != evaluationv1.Indicator_FROM_METRIC {
					continue
				}
				read++
				if d, err := aggregation.Find(in.GetMetric()); err != nil || d.Kind != aggregationv1.Metric_KIND_RATIO {
					t.Errorf("%s of %s reads %q, which is no ratio of the registry", in.GetCode(), s.GetName(), in.GetMetric())
				}
			}
		}
	}
	if read == 0 {
		t.Error("no scheme reads anything")
	}
}
