package server_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

func TestTheFeedSaysWhatHappenedAndAgreesWithTheRecords(t *testing.T) {
	folder := t.TempDir()
	w := settle(suitetest.RunNew(t, folder))
	name := w.submitted("c")
	_, err := w.Campaign(w.leader.Key).ApproveAssignment(t.Context(), &campaignv1.ApproveAssignmentRequest{Name: name})
	w.must(err)
	_, err = w.Campaign(w.head.Key).CloseCampaign(t.Context(), &campaignv1.CloseCampaignRequest{Name: "campaigns/c"})
	w.must(err)

	records, err := feedv1.NewFeedServiceClient(w.As(w.Auditor)).ListRecords(t.Context(), &feedv1.ListRecordsRequest{Parent: "feeds/campaign"})
	w.must(err)
	var kinds []string
	for _, r := range records.GetRecords() {
		var e feedv1.Entry
		w.must(proto.Unmarshal(r.GetEntry(), &e))
		kinds = append(kinds, e.GetKind())
		for _, secret := range []string{"示例组长", "members/", "现场照片", "已完成"} {
			if bytes.Contains(r.GetEntry(), []byte(secret)) {
				t.Errorf("entry %d, %s, shows %q", r.GetSeq(), e.GetKind(), secret)
			}
		}
	}
	want := []string{
		"campaign.campaign.created.v1", "campaign.assignment.issued.v1", "campaign.assignment.issued.v1", "campaign.campaign.published.v1",
		"campaign.assignment.received.v1", "campaign.attachment.created.v1", "campaign.assignment.submitted.v1",
		"campaign.assignment.approved.v1", "campaign.assignment.closed.v1", "campaign.assignment.closed.v1", "campaign.campaign.closed.v1",
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("the feed (-want +got):\n%s", diff)
	}

	w.Stop()
	c := suite.Default()
	c.Data = folder
	_, err = upkeep.Fsck(t.Context(), c, func(role string, r fsck.Report) {
		if r.First != nil || role == "campaign" && r.Entries != uint64(len(want)) {
			t.Errorf("%s: %d entries, %d wrong, first %+v", role, r.Entries, r.Wrong, r.First)
		}
	})
	w.must(err)
}

func TestNothingWithoutAKey(t *testing.T) {
	s := suitetest.Run(t)
	d, err := protoregistry.GlobalFiles.FindDescriptorByName("duban.campaign.v1.CampaignService")
	if err != nil {
		t.Fatal(err)
	}
	var nobody grpc.ClientConnInterface = s.As("")
	methods := d.(protoreflect.ServiceDescriptor).Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		req, resp := message(t, m.Input()), message(t, m.Output())
		name := "/duban.campaign.v1.CampaignService/" + string(m.Name())
		if err := nobody.Invoke(t.Context(), name, req, resp); !errors.Is(err, authn.ErrUnauthenticated) {
			t.Errorf("%s = %v, want ErrUnauthenticated", m.Name(), err)
		}
	}
}

func message(t *testing.T, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return kind.New().Interface()
}
