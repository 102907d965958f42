// Package known keeps which campaigns rows of reports and cuts may name: owner and
// categories of each that was published. Whether a unit takes part in one is for package
// reports to say, and when all that campaigns told is taken in for who follows them.
package known

import (
	"errors"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket has by the name of a campaign that was published its owner and categories.
const Bucket = "reports.campaigns"

// Note keeps of a campaign what rows and cuts are held against.
func Note(tx store.Tx, c *campaignv1.Campaign) error {
	known := &campaignv1.Campaign{Name: c.GetName(), Owner: c.GetOwner()}
	for _, category := range c.GetCategories() {
		known.Categories = append(known.Categories, &campaignv1.Category{Code: category.GetCode()})
	}
	b, err := proto.Marshal(known)
	if err != nil {
		return err
	}
	return tx.Put(Bucket, []byte(c.GetName()), b)
}

// Find returns what Note kept of a campaign, or nothing of one that is unknown.
func Find(tx store.Tx, name string) (*campaignv1.Campaign, error) {
	c := &campaignv1.Campaign{}
	b, _, err := store.Seek(tx, Bucket, []byte(name))
	return c, errors.Join(err, proto.Unmarshal(b, c))
}

// Lacks says whether rows name a campaign that is unknown, or a category that it does not
// have.
func Lacks(tx store.Tx, pages [][]*aggregationv1.Report_Row) (bool, error) {
	type name struct{ campaign, category string }
	held := map[name]bool{}
	for _, rows := range pages {
		for _, row := range rows {
			n := name{row.GetCampaign(), row.GetCategory()}
			if n.campaign == "" || held[n] {
				continue
			}
			held[n] = true
			c, err := Find(tx, n.campaign)
			if err != nil || c.GetName() == "" || !reports.HasCategory(c, n.category) {
				return true, err
			}
		}
	}
	return false, nil
}
