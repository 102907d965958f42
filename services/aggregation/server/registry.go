package server

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
)

// named is an item of a registry that is part of the program.
type named interface {
	proto.Message
	GetName() string
}

// find returns the item of that name.
func find[T named](all []T, name string) (T, error) {
	for _, item := range all {
		if item.GetName() == name {
			return item, nil
		}
	}
	var none T
	return none, authz.ErrNotFound
}

// list returns a page of a registry.
func list[T named](tokens *page.Tokens, all []T, req change.Listing) (items []T, next string, err error) {
	var zero T
	filter, err := page.ParseFilter(req.GetFilter(), zero.ProtoReflect().Descriptor())
	if err != nil {
		return nil, "", err
	}
	after, err := tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, "", err
	}
	items, next, err = page.Collect(behind(all, after), page.Size(req.GetPageSize()), 0, func(item T) bool { return filter.Match(item) }, func(item T) string { return item.GetName() })
	return items, tokens.Encode(next, req), err
}

func behind[T named](all []T, after string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range all {
			if item.GetName() > after && !yield(item, nil) {
				return
			}
		}
	}
}

// GetMetric implements the RPC.
func (s *Service) GetMetric(_ context.Context, req *aggregationv1.GetMetricRequest) (*aggregationv1.Metric, error) {
	return find(aggregation.Metrics(), req.GetName())
}

// ListMetrics implements the RPC.
func (s *Service) ListMetrics(_ context.Context, req *aggregationv1.ListMetricsRequest) (*aggregationv1.ListMetricsResponse, error) {
	metrics, next, err := list(s.book.Tokens, aggregation.Metrics(), req)
	return &aggregationv1.ListMetricsResponse{Metrics: metrics, NextPageToken: next}, err
}

// GetReportForm implements the RPC.
func (s *Service) GetReportForm(_ context.Context, req *aggregationv1.GetReportFormRequest) (*aggregationv1.ReportForm, error) {
	return find(aggregation.Forms(), req.GetName())
}

// ListReportForms implements the RPC.
func (s *Service) ListReportForms(_ context.Context, req *aggregationv1.ListReportFormsRequest) (*aggregationv1.ListReportFormsResponse, error) {
	forms, next, err := list(s.book.Tokens, aggregation.Forms(), req)
	return &aggregationv1.ListReportFormsResponse{ReportForms: forms, NextPageToken: next}, err
}
