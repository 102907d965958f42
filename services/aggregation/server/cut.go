package server

import (
	"context"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/known"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// knows refuses a cut by a campaign or category that there is not, where zeros would say that nothing happened.
// Campaigns that are not the unit's business are as if they were not there, unless something of it counts in them.
func (v *view) knows(cut *aggregationv1.Cut) error {
	if cut.GetCampaign() == "" {
		return nil
	}
	joined, err := v.joined(cut.GetCampaign())
	if err != nil {
		return err
	}
	campaign, category, err := v.named(append([]string{cut.GetCampaign()}, joined...), cut.GetCategory())
	if err != nil || campaign && category {
		return err
	}
	counts, err := v.counts(figures.Query{Campaign: cut.GetCampaign(), Category: cut.GetCategory(), Joined: joined})
	switch {
	case err != nil || counts:
		return err
	case !campaign:
		return aggregation.ErrCampaignUnknown.At("cut.campaign", "没有这样的已发布活动", "no such campaign is published")
	default:
		return aggregation.ErrCategoryUnknown.At("cut.category", "活动没有这一类别", "the campaign has no such category")
	}
}

// heard says whether everything is counted that the campaigns' feed had told.
func (s *Service) heard(ctx context.Context) bool {
	for _, f := range s.followers {
		if f.Feed == count.Campaigns {
			return f.await(ctx) == nil
		}
	}
	return false
}

// named says whether one of the campaigns is the unit's business, and whether one
// that is has the category.
func (v *view) named(campaigns []string, category string) (is, has bool, err error) {
	for _, name := range campaigns {
		c, err := known.Find(v.tx, name)
		if err != nil {
			return false, false, err
		}
		if v.related(c) {
			is, has = true, has || reports.HasCategory(c, category)
		}
	}
	return is, has, nil
}

// related says whether the owner of a campaign stands above the unit or beneath
// it, or is the unit.
func (v *view) related(c *campaignv1.Campaign) bool {
	return c.GetOwner() != "" &&
		(slices.Contains(v.directory.Path(v.query.Unit), c.GetOwner()) || slices.Contains(v.directory.Path(c.GetOwner()), v.query.Unit))
}

// counts says whether anything of the unit, by the view's tree, counts in q.
func (v *view) counts(q figures.Query) (bool, error) {
	units := []string{v.query.Unit}
	if v.tree == aggregationv1.Tree_TREE_NOW {
		units = v.directory.Whole(v.query.Unit)
	}
	for _, q.Unit = range units {
		if counts, err := figures.Counts(v.tx, q); err != nil || counts {
			return counts, err
		}
	}
	return false, nil
}
