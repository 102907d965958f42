package campaign_test

import (
	"testing"

	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
)

func TestTheReadmeDrawsTheTables(t *testing.T) {
	lifecycletest.Drawn(t, "README.md", lifecycletest.Of(campaign.Life), lifecycletest.Of(campaign.Work))
}
