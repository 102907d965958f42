package suitetest

import aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"

// Aggregation returns the aggregation service, called with the key.
func (s *Suite) Aggregation(key string) aggregationv1.AggregationServiceClient {
	return aggregationv1.NewAggregationServiceClient(s.As(key))
}
