package suitetest

import evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"

// Evaluation returns the evaluation service, called with the key; the public has
// none.
func (s *Suite) Evaluation(key string) evaluationv1.EvaluationServiceClient {
	return evaluationv1.NewEvaluationServiceClient(s.As(key))
}
