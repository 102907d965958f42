package change_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/directory"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// deaf is an organization service that no longer answers how far its feed is.
type deaf struct{ feedv1.FeedServiceClient }

func (deaf) GetCheckpoint(context.Context, *feedv1.GetCheckpointRequest, ...grpc.CallOption) (*feedv1.Checkpoint, error) {
	return nil, errors.New("nobody answers")
}

func TestARepeatAndAStrangerNeedNobodyElse(t *testing.T) {
	s := suitetest.Run(t)
	city, other := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY), s.Unit("other", s.Root, organizationv1.Unit_KIND_CITY)
	clerk, stranger := s.Person(city, accessv1.Role_ROLE_CLERK), s.Person(other, accessv1.Role_ROLE_CLERK)
	draft := func(key, request string) (*campaignv1.Campaign, error) {
		return s.Campaign(key).CreateCampaign(t.Context(), &campaignv1.CreateCampaignRequest{
			RequestId: request, Campaign: &campaignv1.Campaign{Owner: city, DisplayName: "演示活动"},
		})
	}
	first, err := draft(clerk.Key, "r1")
	if err != nil {
		t.Fatal(err)
	}
	tree := s.Of("campaign").Process.Tree.(*directory.Directory)
	tree.Turn(func(heard feedv1.FeedServiceClient) feedv1.FeedServiceClient { return deaf{heard} })
	if again, err := draft(clerk.Key, "r1"); err != nil || !proto.Equal(first, again) {
		t.Errorf("the repeat = %v, %v; want %v", again, err, first)
	}
	if _, err := draft(clerk.Key, "r2"); err == nil {
		t.Error("a new request was decided on a tree that may be old")
	}
	if _, err := draft(stranger.Key, "r3"); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("a stranger = %v, want ErrNotFound, whoever answers", err)
	}
}
