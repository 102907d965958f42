package server

import (
	"context"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// CreateCampaign implements the RPC.
func (s *Service) CreateCampaign(ctx context.Context, req *campaignv1.CreateCampaignRequest) (*campaignv1.Campaign, error) {
	owner := req.GetCampaign().GetOwner()
	if owner == "" {
		return nil, change.ErrFields.At("campaign.owner", "不能为空", "is needed")
	}
	return s.campaigns.Create(ctx, req, owner, func(tx *change.Tx) (*campaignv1.Campaign, error) {
		name, err := s.campaigns.NewName(tx, "campaigns/", req.GetCampaignId(), campaign.ErrExists.At("campaign_id", "已被使用", "is in use"))
		if err != nil {
			return nil, err
		}
		return s.draft(name, req)
	}, change.CatchUp())
}

func (s *Service) draft(name string, req *campaignv1.CreateCampaignRequest) (*campaignv1.Campaign, error) {
	base, err := s.base(req)
	if err != nil {
		return nil, err
	}
	if err := campaign.CheckParent(req.GetCampaign(), s.installation); err != nil {
		return nil, err
	}
	return campaign.Draft(name, req.GetCampaign(), base, s.land(req.GetCampaign().GetOwner()))
}

// base is the campaign of the template that the request names, or an empty one.
func (s *Service) base(req *campaignv1.CreateCampaignRequest) (*campaignv1.Campaign, error) {
	if req.GetTemplate() == "" {
		if req.GetYear() != 0 {
			return nil, campaign.ErrYearInvalid.At("year", "没有模板时不填", "goes with a template only")
		}
		return &campaignv1.Campaign{}, nil
	}
	t := s.template(req.GetTemplate())
	if t == nil {
		return nil, campaign.ErrTemplateUnknown.At("template", "没有此活动模板", "is the name of no template")
	}
	made, err := t.In(s.year(req.GetYear()))
	return made.GetCampaign(), err
}

// GetCampaign implements the RPC.
func (s *Service) GetCampaign(ctx context.Context, req *campaignv1.GetCampaignRequest) (*campaignv1.Campaign, error) {
	return s.campaigns.Get(ctx, req.GetName())
}

// ListCampaigns implements the RPC.
func (s *Service) ListCampaigns(ctx context.Context, req *campaignv1.ListCampaignsRequest) (*campaignv1.ListCampaignsResponse, error) {
	found, next, err := s.campaigns.List(ctx, req, s.campaigns.By("owner", req.GetOwner()))
	return &campaignv1.ListCampaignsResponse{Campaigns: found, NextPageToken: next}, err
}

// UpdateCampaign implements the RPC.
func (s *Service) UpdateCampaign(ctx context.Context, req *campaignv1.UpdateCampaignRequest) (*campaignv1.Campaign, error) {
	return s.campaigns.ChangeAs(ctx, req, req.GetCampaign(), func(_ *change.Tx, c *campaignv1.Campaign) (*campaignv1.Campaign, error) {
		c, err := change.Masked(c, req.GetCampaign(), req.GetUpdateMask(), campaign.Editable...)
		if err != nil {
			return nil, err
		}
		if err := campaign.CheckParent(c, s.installation); err != nil {
			return nil, err
		}
		return campaign.Revise(c, s.land(c.GetOwner()))
	}, change.CatchUp())
}

// PublishCampaign implements the RPC.
func (s *Service) PublishCampaign(ctx context.Context, req *campaignv1.PublishCampaignRequest) (*campaignv1.Campaign, error) {
	return s.campaigns.Change(ctx, req, func(tx *change.Tx, c *campaignv1.Campaign) (*campaignv1.Campaign, error) {
		published, given, err := campaign.Publish(c, s.template(c.GetTemplate()), s.land(c.GetOwner()), tx.Now, tx.Access.Principal.Name)
		if err != nil {
			return nil, err
		}
		if err := campaign.Led(published, s.inOffice(tx)); err != nil {
			return nil, err
		}
		return published, s.issue(tx, given)
	}, change.CatchUp())
}

// inOffice says who is in office today, where the caller reaches: elsewhere nobody is, so
// that the answer does not tell who is there.
func (s *Service) inOffice(tx *change.Tx) func(member string) bool {
	day := calendar.On(tx.Now).String()
	return func(member string) bool {
		return tx.Access.Inside(authn.Home(member)) && len(s.tree.Serves(member, day)) > 0
	}
}

// issue stores the assignments that a campaign gives. A unit that was archived while it
// was published has the day from the beginning.
func (s *Service) issue(tx *change.Tx, given []*campaignv1.Assignment) error {
	for _, a := range given {
		day, err := s.archived.Day(tx, a.GetUnit())
		if err != nil {
			return err
		}
		if day != "" {
			a = campaign.Abandon(a, day)
		}
		if _, err := s.assignments.PutAs(tx, "assignment.issued", a); err != nil {
			return err
		}
	}
	return nil
}

// CloseCampaign implements the RPC.
func (s *Service) CloseCampaign(ctx context.Context, req *campaignv1.CloseCampaignRequest) (*campaignv1.Campaign, error) {
	return s.campaigns.Change(ctx, req, func(tx *change.Tx, c *campaignv1.Campaign) (*campaignv1.Campaign, error) {
		closed, err := campaign.Close(c, tx.Now, tx.Access.Principal.Name)
		if err != nil {
			return nil, err
		}
		return closed, s.lapse(tx, closed)
	})
}

// lapse tells the assignments of a campaign that it was closed, but for those that
// an installation below keeps.
func (s *Service) lapse(tx *change.Tx, c *campaignv1.Campaign) error {
	given := s.assignments.Scan(tx, "", c.GetName()+"/assignments/")
	return s.assignments.Tell(tx, "assignment.closed", given, func(a *campaignv1.Assignment) *campaignv1.Assignment {
		return campaign.Lapse(c, a)
	})
}
