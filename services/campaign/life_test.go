package campaign_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
)

var noon = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC) // 12:00 in Asia/Shanghai

func TestEveryMoveOfACampaign(t *testing.T) {
	legal := map[string]string{"DRAFT update": "DRAFT", "DRAFT publish": "PUBLISHED", "PUBLISHED close": "CLOSED"}
	moves := map[string]func(*campaignv1.Campaign) (*campaignv1.Campaign, error){
		"update": func(c *campaignv1.Campaign) (*campaignv1.Campaign, error) { return campaign.Revise(c, land()) },
		"publish": func(c *campaignv1.Campaign) (*campaignv1.Campaign, error) {
			c, _, err := campaign.Publish(c, nil, land(), noon, "units/d/members/head")
			return c, err
		},
		"close": func(c *campaignv1.Campaign) (*campaignv1.Campaign, error) {
			return campaign.Close(c, noon, "units/d/members/head")
		},
	}
	lifecycletest.Tried(t, campaign.Life, moves)
	for number, name := range campaignv1.Campaign_State_name {
		for move, do := range moves {
			c := whole()
			c.State = campaignv1.Campaign_State(number)
			before := proto.CloneOf(c)
			next, err := do(c)
			if !proto.Equal(c, before) {
				t.Errorf("%s changed its argument", move)
			}
			checkMove(t, name[len("STATE_"):], move, legal, next.GetState().String(), err, campaign.ErrIllegalMove)
		}
	}
}

func TestEveryMoveOfAnAssignment(t *testing.T) {
	legal := map[string]string{
		"ISSUED receive": "RECEIVED", "RECEIVED submit": "SUBMITTED", "RETURNED submit": "SUBMITTED",
		"SUBMITTED approve": "APPROVED", "SUBMITTED return": "RETURNED",
	}
	lifecycletest.Tried(t, campaign.Work, steps())
	for number, name := range campaignv1.Assignment_State_name {
		for move, do := range steps() {
			a := assigned()
			a.State = campaignv1.Assignment_State(number)
			before := proto.CloneOf(a)
			next, err := do(open, a)
			if !proto.Equal(a, before) {
				t.Errorf("%s changed its argument", move)
			}
			checkMove(t, name[len("STATE_"):], move, legal, next.GetState().String(), err, campaign.ErrAssignmentIllegalMove)
			if _, err := do(closed, a); !errors.Is(err, campaign.ErrCampaignClosed) {
				t.Errorf("%s %s in a closed campaign = %v", name, move, err)
			}
		}
	}
}

// steps are the moves of an assignment, each done by another person.
func steps() map[string]func(*campaignv1.Campaign, *campaignv1.Assignment) (*campaignv1.Assignment, error) {
	return map[string]func(*campaignv1.Campaign, *campaignv1.Assignment) (*campaignv1.Assignment, error){
		"receive": func(c *campaignv1.Campaign, a *campaignv1.Assignment) (*campaignv1.Assignment, error) {
			return campaign.Receive(c, a, noon, "units/s/members/clerk")
		},
		"submit": func(c *campaignv1.Campaign, a *campaignv1.Assignment) (*campaignv1.Assignment, error) {
			return campaign.Submit(c, a, report(), noon, "units/s/members/clerk")
		},
		"approve": func(c *campaignv1.Campaign, a *campaignv1.Assignment) (*campaignv1.Assignment, error) {
			return campaign.Approve(c, a, noon, "units/d/members/leader")
		},
		"return": func(c *campaignv1.Campaign, a *campaignv1.Assignment) (*campaignv1.Assignment, error) {
			return campaign.Return(c, a, refusal("缺少签到表", "units/d/members/leader"), calendar.Builtin())
		},
	}
}

// refusal sends back at noon.
func refusal(reason, who string) campaign.Refusal {
	return campaign.Refusal{Reason: reason, Who: who, Time: noon}
}

// checkMove holds what a move led to against the table legal, from "STATE move".
func checkMove(t *testing.T, state, move string, legal map[string]string, next string, err, illegal error) {
	t.Helper()
	want, ok := legal[state+" "+move]
	switch {
	case ok && (err != nil || next != "STATE_"+want):
		t.Errorf("%s %s = %s, %v; want %s", state, move, next, err, want)
	case !ok && !errors.Is(err, illegal):
		t.Errorf("%s %s = %s, %v; want %v", state, move, next, err, illegal)
	}
}

// assigned is an assignment that asks for one photo and two records.
func assigned() *campaignv1.Assignment {
	return &campaignv1.Assignment{
		Name: "campaigns/c/assignments/t1-s", Unit: "units/s", Campaign: "campaigns/c", Task: "T1", DueDate: "2026-03-01",
		State: campaignv1.Assignment_STATE_RECEIVED, Submitter: "units/s/members/clerk",
		Required: []*campaignv1.RequiredEvidence{
			{Kind: "photo", Count: 1, Media: []campaignv1.EvidenceKind_Media{campaignv1.EvidenceKind_MEDIA_IMAGE}},
			{Kind: "minutes", Count: 2},
		},
	}
}

// file is a file of that assignment.
func file(id, mediaType string) *blobv1.Attachment {
	return &blobv1.Attachment{Name: "campaigns/c/assignments/t1-s/attachments/" + id, Digest: id, MediaType: mediaType}
}

// report brings what that assignment asks for.
func report() campaign.Report {
	return campaign.Report{Summary: "已完成", Evidence: []campaign.Exhibit{
		{Kind: "photo", File: file("1", "image/png")},
		{Kind: "minutes", File: file("2", "application/pdf")},
		{Kind: "minutes", File: file("3", "text/csv")},
	}}
}

// TestOneFileIsEvidenceOfSeveralKinds, and of each once.
func TestOneFileIsEvidenceOfSeveralKinds(t *testing.T) {
	r, photo := report(), file("1", "image/png")
	r.Evidence = append(r.Evidence[:2:2], campaign.Exhibit{Kind: "minutes", File: photo})
	if _, err := campaign.Submit(open, assigned(), r, noon, "x"); err != nil {
		t.Errorf("as a photo and as minutes: %v", err)
	}
	r.Evidence = append(r.Evidence, campaign.Exhibit{Kind: "minutes", File: photo})
	if _, err := campaign.Submit(open, assigned(), r, noon, "x"); !errors.Is(err, campaign.ErrEvidenceUnknown) {
		t.Errorf("as minutes twice: %v", err)
	}
}
