package server

import (
	"context"
	"iter"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/page"
)

// ListCampaignTemplates implements the RPC.
func (s *Service) ListCampaignTemplates(_ context.Context, req *campaignv1.ListCampaignTemplatesRequest) (*campaignv1.ListCampaignTemplatesResponse, error) {
	filter, err := page.ParseFilter(req.GetFilter(), (*campaignv1.CampaignTemplate)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	after, err := s.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	found, next, err := page.Collect(s.templatesAfter(after), page.Size(req.GetPageSize()), 0,
		func(t *campaignv1.CampaignTemplate) bool { return filter.Match(t) }, (*campaignv1.CampaignTemplate).GetName)
	return &campaignv1.ListCampaignTemplatesResponse{CampaignTemplates: found, NextPageToken: s.book.Tokens.Encode(next, req)}, err
}

// templatesAfter yields the templates behind the one of that name, as of this
// year.
func (s *Service) templatesAfter(after string) iter.Seq2[*campaignv1.CampaignTemplate, error] {
	return func(yield func(*campaignv1.CampaignTemplate, error) bool) {
		for _, t := range s.templates {
			if t.Name > after && !yield(t.In(s.year(0))) {
				return
			}
		}
	}
}

// GetCampaignTemplate implements the RPC.
func (s *Service) GetCampaignTemplate(_ context.Context, req *campaignv1.GetCampaignTemplateRequest) (*campaignv1.CampaignTemplate, error) {
	t := s.template(req.GetName())
	if t == nil {
		return nil, authz.ErrNotFound
	}
	return t.In(s.year(req.GetYear()))
}

// template returns the template of that name, or nil.
func (s *Service) template(name string) *campaign.Template {
	for _, t := range s.templates {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// year is the year asked for, or this one.
func (s *Service) year(asked int32) int {
	if asked == 0 {
		return calendar.On(s.book.Now()).Year()
	}
	return int(asked)
}
