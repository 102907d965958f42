package story

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
)

// publish drafts the campaign from its template, enters the eight items that the
// template leaves to the bureau, and publishes it.
func (s *Story) publish(ctx context.Context) error {
	c := &campaignv1.Campaign{
		Owner: cast.Name(city), DisplayName: "全市教育系统干部作风整顿（演示数据）",
		Basis: []*campaignv1.Document{{Title: "干部作风整顿实施方案（演示）", Number: "演示〔2026〕1号"}},
		LeadingGroup: []*campaignv1.LeadingMember{
			{Post: campaignv1.LeadingMember_POST_HEAD, DisplayName: "示例局长·YC", Member: member(city, "head")},
			{Post: campaignv1.LeadingMember_POST_DEPUTY, DisplayName: "示例副局长·YC", Member: member(city, "leader")},
		},
	}
	if s.unit(Absent).Code != "" {
		c.Scope = &campaignv1.Scope{Exceptions: []string{cast.Name(Absent)}}
	}
	path := query("/v1/campaigns", "campaignId", strings.TrimPrefix(campaign, "campaigns/"), "template", "campaignTemplates/work-style", "year", "2026")
	if err := s.by(city, "clerk").Post(ctx, path, c, c); err != nil {
		return err
	}
	if err := s.enterItems(ctx, c); err != nil {
		return err
	}
	err := s.by(city, "clerk").Post(ctx, "/v1/"+campaign+":publish", &campaignv1.PublishCampaignRequest{Name: campaign}, c)
	if err := refused("a clerk publishes", err, http.StatusForbidden, ""); err != nil {
		return err
	}
	publish := &campaignv1.PublishCampaignRequest{Name: campaign, Etag: c.GetEtag()}
	if err := s.by(city, "leader").Post(ctx, "/v1/"+campaign+":publish", publish, c); err != nil {
		return err
	}
	s.published = c
	return s.checkCampaign(c)
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
	return s.by(city, "clerk").Patch(ctx, query("/v1/"+campaign, "updateMask", "actions"), change, c)
}

// checkCampaign says whether the campaign is what the template promises.
func (s *Story) checkCampaign(c *campaignv1.Campaign) error {
	items := 0
	for _, category := range c.GetCategories() {
		items += len(category.GetItems())
	}
	for _, err := range []error{
		same("state of the campaign", c.GetState(), campaignv1.Campaign_STATE_PUBLISHED),
		same("phases", len(c.GetPhases()), 4),
		same("categories", len(c.GetCategories()), 8),
		same("items", items, 24),
		same("actions", len(c.GetActions()), 5),
		same("day of filing", c.GetFiling().GetDueDate(), "2026-04-05"),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// receive has every unit list its assignments and sign for them (签收). One
// school forgets.
func (s *Story) receive(ctx context.Context) error {
	forgetful := s.pick("SCHOOL", 1)
	err := each(ctx, s, s.working("CITY", "DISTRICT", "SCHOOL", "AFFILIATE"), func(ctx context.Context, u cast.Unit) error {
		for _, organ := range s.withDepartments(u.Code) {
			list := &campaignv1.ListAssignmentsResponse{}
			path := query("/v1/"+campaign+"/assignments", "unit", organ.Name(), "pageSize", "1000")
			if err := s.by(u.Code, "clerk").Get(ctx, path, list); err != nil {
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
	if err := same("assignments given", len(s.assignments), int(s.published.GetAssignmentCount())); err != nil {
		return err
	}
	s.decide()
	return nil
}

func (s *Story) receiveAll(ctx context.Context, unit string, given []*campaignv1.Assignment, forgets bool) error {
	for _, a := range given {
		t := &task{Assignment: a, actor: unit}
		if !forgets {
			if err := s.by(unit, "clerk").Post(ctx, "/v1/"+a.GetName()+":receive", &campaignv1.ReceiveAssignmentRequest{Name: a.GetName()}, a); err != nil {
				return err
			}
		}
		s.mu.Lock()
		s.assignments = append(s.assignments, t)
		s.mu.Unlock()
	}
	return nil
}

// working returns the units of these kinds that work in the suite.
func (s *Story) working(kinds ...string) (list []cast.Unit) {
	for _, u := range s.City.Units {
		for _, k := range kinds {
			if u.Kind == k && works(u.Code) {
				list = append(list, u)
			}
		}
	}
	return list
}

// withDepartments returns a unit and its departments, which act through it.
func (s *Story) withDepartments(code string) (list []cast.Unit) {
	for _, u := range s.City.Units {
		if u.Code == code || u.Parent == code && u.Kind == "DEPARTMENT" {
			list = append(list, u)
		}
	}
	return list
}

// pick draws so many working units of a kind.
func (s *Story) pick(kind string, n int) map[string]bool {
	list := s.working(kind)
	s.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	drawn := map[string]bool{}
	for _, u := range list[:min(n, len(list))] {
		drawn[u.Code] = true
	}
	return drawn
}
