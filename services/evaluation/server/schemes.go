package server

import (
	"context"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
)

// ListEvaluationSchemes implements the RPC.
func (s *Service) ListEvaluationSchemes(_ context.Context, req *evaluationv1.ListEvaluationSchemesRequest) (*evaluationv1.ListEvaluationSchemesResponse, error) {
	list, next, err := s.newest().List(s.book.Tokens, req)
	return &evaluationv1.ListEvaluationSchemesResponse{EvaluationSchemes: list, NextPageToken: next}, err
}

// newest has the newest version of each scheme.
func (s *Service) newest() (list change.Registry[*evaluationv1.EvaluationScheme]) {
	for _, e := range s.schemes {
		if s.scheme(e.GetName(), "") == e {
			list = append(list, e)
		}
	}
	return list
}

// scheme returns the version of a scheme, or its newest, or nil.
func (s *Service) scheme(name, version string) (found *evaluationv1.EvaluationScheme) {
	for _, e := range s.schemes {
		if e.GetName() == name && (e.GetVersion() == version || version == "" && evaluation.Newer(e, found)) {
			found = e
		}
	}
	return found
}

// GetEvaluationScheme implements the RPC.
func (s *Service) GetEvaluationScheme(_ context.Context, req *evaluationv1.GetEvaluationSchemeRequest) (*evaluationv1.EvaluationScheme, error) {
	if found := s.scheme(req.GetName(), req.GetVersion()); found != nil {
		return found, nil
	}
	return nil, authz.ErrNotFound
}
