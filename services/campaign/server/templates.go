package server

import (
	"context"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// ListCampaignTemplates implements the RPC. The templates are as of this year.
func (s *Service) ListCampaignTemplates(_ context.Context, req *campaignv1.ListCampaignTemplatesRequest) (*campaignv1.ListCampaignTemplatesResponse, error) {
	var all change.Registry[*campaignv1.CampaignTemplate]
	for _, t := range s.templates {
		made, err := t.In(s.year(0))
		if err != nil {
			return nil, err
		}
		all = append(all, made)
	}
	found, next, err := all.List(s.book.Tokens, req)
	return &campaignv1.ListCampaignTemplatesResponse{CampaignTemplates: found, NextPageToken: next}, err
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
