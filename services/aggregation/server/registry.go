package server

import (
	"context"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

func metrics() change.Registry[*aggregationv1.Metric] { return aggregation.Metrics() }

func forms() change.Registry[*aggregationv1.ReportForm] { return reports.Forms() }

// GetMetric implements the RPC.
func (s *Service) GetMetric(_ context.Context, req *aggregationv1.GetMetricRequest) (*aggregationv1.Metric, error) {
	return metrics().Get(req.GetName())
}

// ListMetrics implements the RPC.
func (s *Service) ListMetrics(_ context.Context, req *aggregationv1.ListMetricsRequest) (*aggregationv1.ListMetricsResponse, error) {
	list, next, err := metrics().List(s.book.Tokens, req)
	return &aggregationv1.ListMetricsResponse{Metrics: list, NextPageToken: next}, err
}

// GetReportForm implements the RPC.
func (s *Service) GetReportForm(_ context.Context, req *aggregationv1.GetReportFormRequest) (*aggregationv1.ReportForm, error) {
	return forms().Get(req.GetName())
}

// ListReportForms implements the RPC.
func (s *Service) ListReportForms(_ context.Context, req *aggregationv1.ListReportFormsRequest) (*aggregationv1.ListReportFormsResponse, error) {
	list, next, err := forms().List(s.book.Tokens, req)
	return &aggregationv1.ListReportFormsResponse{ReportForms: list, NextPageToken: next}, err
}
