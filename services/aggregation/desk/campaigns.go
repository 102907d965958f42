package desk

import (
	"errors"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// Campaign notes which campaigns rows and cuts may name, and lets the quarantined rows that
// wait for this one or its categories be judged again, in the transaction that
// takes the campaign in. Stir MUST be called after it. Nobody reports on a draft.
func Campaign(tx store.Tx, c *campaignv1.Campaign) error {
	if c.GetState() == campaignv1.Campaign_STATE_DRAFT {
		return nil
	}
	known := &campaignv1.Campaign{Name: c.GetName(), Owner: c.GetOwner()}
	for _, category := range c.GetCategories() {
		known.Categories = append(known.Categories, &campaignv1.Category{Code: category.GetCode()})
	}
	b, err := proto.Marshal(known)
	if err != nil {
		return err
	}
	if err := tx.Put(campaignsBucket, []byte(c.GetName()), b); err != nil {
		return err
	}
	_, err = recall(tx, []string{campaignKey(c.GetName())})
	return err
}

// campaignKey begins the keys of rows that wait for a campaign.
func campaignKey(name string) string { return waitKey("campaign", name, "") }

// FindCampaign returns what Campaign noted of a campaign: owner and categories, or
// nothing of one that is unknown.
func FindCampaign(tx store.Tx, name string) (*campaignv1.Campaign, error) {
	c := &campaignv1.Campaign{}
	b, _, err := store.Seek(tx, campaignsBucket, []byte(name))
	return c, errors.Join(err, proto.Unmarshal(b, c))
}

// campaign is FindCampaign, once for each.
func (j *judge) campaign(name string) (*campaignv1.Campaign, error) {
	if c, ok := j.campaigns[name]; ok {
		return c, nil
	}
	c, err := FindCampaign(j.tx, name)
	if err == nil {
		j.campaigns[name] = c
	}
	return c, err
}

// within holds the campaign and category of a row whose unit is found against the
// campaigns that this unit took part in where it stood when the period ended.
func (j *judge) within(row *aggregationv1.Report_Row) error {
	if row.GetCampaign() == "" {
		return nil
	}
	c, err := j.campaign(row.GetCampaign())
	if err != nil {
		return err
	}
	return reports.InCampaign(row, c, j.desk.directory.Stood(row.GetResolvedUnit(), j.paper.Period.End()))
}
