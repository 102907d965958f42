package suitetest

import campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"

// Campaign returns the campaign service, called with the key.
func (s *Suite) Campaign(key string) campaignv1.CampaignServiceClient {
	return campaignv1.NewCampaignServiceClient(s.As(key))
}
