package tiers

import (
	"context"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// announced is the day on which the province and the cities publish their
// campaigns, before the districts do.
const announced = "2026-02-11"

// campaign is the name that the tier's own campaign has in its installation.
func (t *Tier) campaign() string {
	if t.District() {
		return story.Campaign
	}
	return "campaigns/" + t.ID() + "-2026"
}

// under is the tier whose campaign that of t is part of: the one above, but for
// the last district, which takes part in the province's alone.
func (t *Tier) under() *Tier {
	if t.root().Code == "YC-420505" {
		return t.Above.Above
	}
	return t.Above
}

// parent is the campaign above that the tier's own is part of, as it names it.
func (t *Tier) parent() string {
	if t.under() == nil {
		return ""
	}
	return "installations/" + t.under().ID() + "/" + t.under().campaign()
}

// announce publishes the campaign of the province or of a city: it asks the bureau
// itself for a summary at the end of the year.
func (t *Tier) announce(ctx context.Context) error {
	if err := t.stage.SetDate(ctx, announced); err != nil {
		return err
	}
	kind := organizationv1.Unit_Kind(organizationv1.Unit_Kind_value["KIND_"+t.root().Kind])
	c := &campaignv1.Campaign{
		Owner: t.root().Name(), DisplayName: "干部作风整顿（演示数据）", Parent: t.parent(),
		Phases: []*campaignv1.Phase{{Code: "YEAR", Name: "全年", StartDate: announced, EndDate: lastDay}},
		Tasks: []*campaignv1.Task{{
			Code: "SUMMARY", Title: "汇总本级整顿情况（演示）", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "YEAR", DueDate: lastDay,
			AppliesTo: &campaignv1.Applicability{Kinds: []organizationv1.Unit_Kind{kind}},
		}},
	}
	path := stage.Query("/v1/campaigns", "campaignId", c.GetOwner()[len("units/"):]+"-2026")
	if err := t.stage.By(t.root().Code, "clerk").Post(ctx, path, c, c); err != nil {
		return err
	}
	return t.stage.By(t.root().Code, "leader").Do(ctx, "publish", &campaignv1.PublishCampaignRequest{Name: c.GetName(), Etag: c.GetEtag()}, c)
}

// lastDay is after the stories' end: what is due then is not late.
const lastDay = "2026-12-31"

// counts says whether the campaign of t counts in that of another tier.
func (t *Tier) counts(in *Tier) bool {
	for ; t != nil; t = t.under() {
		if t == in {
			return true
		}
	}
	return false
}
