package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// publish drafts the campaign from its template, enters the eight items that the
// template leaves to the bureau, and publishes it.
func (s *Story) publish(ctx context.Context) error {
	c := &campaignv1.Campaign{
		Owner: cast.Name(s.top), Parent: s.parent, DisplayName: "教育系统干部作风整顿（演示数据）",
		Basis: []*campaignv1.Document{{Title: "干部作风整顿实施方案（演示）", Number: "演示〔2026〕1号"}},
		LeadingGroup: []*campaignv1.LeadingMember{
			{Post: campaignv1.LeadingMember_POST_HEAD, DisplayName: s.nameOf("head"), Member: stage.Member(s.top, "head")},
			{Post: campaignv1.LeadingMember_POST_DEPUTY, DisplayName: s.nameOf("leader"), Member: stage.Member(s.top, "leader")},
		},
	}
	if s.Unit(s.Absent).Code != "" {
		c.Scope = &campaignv1.Scope{Exceptions: []string{cast.Name(s.Absent)}}
	}
	path := stage.Query("/v1/campaigns", "campaignId", strings.TrimPrefix(campaign, "campaigns/"), "template", "campaignTemplates/work-style", "year", "2026")
	if err := s.By(s.top, "clerk").Post(ctx, path, c, c); err != nil {
		return err
	}
	if err := s.enterItems(ctx, c); err != nil {
		return err
	}
	err := s.By(s.top, "clerk").Do(ctx, "publish", &campaignv1.PublishCampaignRequest{Name: campaign}, c)
	if err := stage.Refused("a clerk publishes", err, http.StatusForbidden, ""); err != nil {
		return err
	}
	if err := s.By(s.top, "leader").Do(ctx, "publish", &campaignv1.PublishCampaignRequest{Name: campaign, Etag: c.GetEtag()}, c); err != nil {
		return err
	}
	s.published = c
	return s.checkCampaign(c)
}

// nameOf is what the person of the bureau that runs the campaign is called.
func (s *Story) nameOf(person string) string {
	for _, p := range s.City.People {
		if p.Unit == s.top && p.ID() == person {
			return p.DisplayName
		}
	}
	return ""
}

// enterItems writes down the items of 八清理, which only the bureau knows.
func (s *Story) enterItems(ctx context.Context, c *campaignv1.Campaign) error {
	for _, a := range c.GetActions() {
		for i := range int(a.GetItemsRequired()) {
			a.Items = append(a.Items, &campaignv1.Item{
				Code: fmt.Sprintf("CLEAR-%d", i+1), Text: fmt.Sprintf("演示清理事项之%d，由市局填写", i+1),
			})
		}
	}
	change := &campaignv1.Campaign{Name: campaign, Actions: c.GetActions(), Etag: c.GetEtag()}
	return s.By(s.top, "clerk").Patch(ctx, stage.Query("/v1/"+campaign, "updateMask", "actions"), change, c)
}

// checkCampaign says whether the campaign is what the template promises.
func (s *Story) checkCampaign(c *campaignv1.Campaign) error {
	items := 0
	for _, category := range c.GetCategories() {
		items += len(category.GetItems())
	}
	return errors.Join(
		stage.Same("state of the campaign", c.GetState(), campaignv1.Campaign_STATE_PUBLISHED),
		stage.Same("phases", len(c.GetPhases()), 4),
		stage.Same("categories", len(c.GetCategories()), 8),
		stage.Same("items", items, 24),
		stage.Same("actions", len(c.GetActions()), 5),
		stage.Same("day of filing", c.GetFiling().GetDueDate(), "2026-04-05"),
	)
}

// receive has every unit list its assignments and sign for them (签收). One
// school forgets.
func (s *Story) receive(ctx context.Context) error {
	forgetful := s.Pick("SCHOOL", 1)
	err := stage.Each(ctx, s.Stage, s.Working("CITY", "DISTRICT", "SCHOOL", "AFFILIATE"), func(ctx context.Context, u cast.Unit) error {
		for _, organ := range s.WithDepartments(u.Code) {
			list := &campaignv1.ListAssignmentsResponse{}
			path := stage.Query("/v1/"+campaign+"/assignments", "unit", organ.Name(), "pageSize", "1000")
			if err := s.By(u.Code, "clerk").Get(ctx, path, list); err != nil {
				return err
			}
			if err := s.receiveAll(ctx, u.Code, list.GetAssignments(), forgetful[u.Code]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := stage.Same("assignments given", len(s.assignments), int(s.published.GetAssignmentCount())); err != nil {
		return err
	}
	s.decide()
	return nil
}

func (s *Story) receiveAll(ctx context.Context, unit string, given []*campaignv1.Assignment, forgets bool) error {
	for _, a := range given {
		t := &task{Assignment: a, actor: unit}
		if !forgets {
			if err := s.By(unit, "clerk").Do(ctx, "receive", &campaignv1.ReceiveAssignmentRequest{Name: a.GetName()}, a); err != nil {
				return err
			}
		}
		s.mu.Lock()
		s.assignments = append(s.assignments, t)
		s.mu.Unlock()
	}
	return nil
}
