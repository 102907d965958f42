package server_test

import (
	"fmt"
	"strings"
	"testing"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// BenchmarkPublish publishes the work-style campaign to a thousand schools, which
// gives some 15,000 assignments in one transaction.
func BenchmarkPublish(b *testing.B) {
	w := newWorld(b)
	var csv strings.Builder
	csv.WriteString("id,parent_id,kind,display_name\n")
	for i := range 1000 {
		fmt.Fprintf(&csv, "x%d,d,school,演示学校%d\n", i, i)
	}
	_, err := w.Organization(w.SystemAdmin).ImportUnits(b.Context(), &organizationv1.ImportUnitsRequest{Ancestor: w.district, Csv: csv.String()})
	w.must(err)
	n := 0
	for b.Loop() {
		n++
		c, err := w.Campaign(w.clerk.Key).CreateCampaign(b.Context(), &campaignv1.CreateCampaignRequest{
			CampaignId: fmt.Sprint("c", n), Template: workStyle, Campaign: &campaignv1.Campaign{Owner: w.district},
		})
		w.must(err)
		w.enterItems(c)
		c, err = w.Campaign(w.head.Key).PublishCampaign(b.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()})
		w.must(err)
		b.ReportMetric(float64(c.GetAssignmentCount()), "assignments/op")
	}
}
