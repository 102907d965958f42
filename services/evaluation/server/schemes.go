package server

import (
	"context"
	"iter"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/page"
)

// ListEvaluationSchemes implements the RPC.
func (s *Service) ListEvaluationSchemes(_ context.Context, req *evaluationv1.ListEvaluationSchemesRequest) (*evaluationv1.ListEvaluationSchemesResponse, error) {
	filter, err := page.ParseFilter(req.GetFilter(), (*evaluationv1.EvaluationScheme)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	after, err := s.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	list, next, err := page.Collect(s.newest(after), page.Size(req.GetPageSize()), 0, func(e *evaluationv1.EvaluationScheme) bool {
		return filter.Match(e)
	}, (*evaluationv1.EvaluationScheme).GetName)
	return &evaluationv1.ListEvaluationSchemesResponse{EvaluationSchemes: list, NextPageToken: s.book.Tokens.Encode(next, req)}, err
}

// newest yields the newest version of each scheme behind that name.
func (s *Service) newest(after string) iter.Seq2[*evaluationv1.EvaluationScheme, error] {
	return func(yield func(*evaluationv1.EvaluationScheme, error) bool) {
		for _, e := range s.schemes {
			if e.GetName() > after && s.scheme(e.GetName(), "") == e && !yield(e, nil) {
				return
			}
		}
	}
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
