package services_test

import (
	"strings"

	protobuf "google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// campaignRecords are campaigns of the home, and what a campaign of the unit
// above gives it to do.
type campaignRecords struct {
	draft      string
	published  string
	assignment string
	file       string
}

func noCampaigns() campaignRecords {
	return campaignRecords{
		draft: "campaigns/none", published: "campaigns/none", assignment: "campaigns/none/assignments/none",
		file: "campaigns/none/assignments/none/attachments/none",
	}
}

// plan is a campaign with one task for whatever is beneath its owner.
func plan(owner string) *campaignv1.Campaign {
	return &campaignv1.Campaign{
		Owner: owner, DisplayName: "演示活动",
		Phases: []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-02-14", EndDate: "2026-03-05"}},
		Tasks: []*campaignv1.Task{{
			Code: "T1", Title: "一", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: "2026-03-01", NilReturn: true,
			AppliesTo: &campaignv1.Applicability{Kinds: []organizationv1.Unit_Kind{
				organizationv1.Unit_KIND_CITY, organizationv1.Unit_KIND_DISTRICT, organizationv1.Unit_KIND_SCHOOL, organizationv1.Unit_KIND_DEPARTMENT,
			}},
		}},
	}
}

func (m *matrix) campaign(role accessv1.Role, unit string) campaignv1.CampaignServiceClient {
	return m.suite.Campaign(m.key(role, unit))
}

func (m *matrix) keepCampaigns(home string) (r campaignRecords) {
	if home == province {
		return noCampaigns()
	}
	ctx := m.suite.T.Context()
	r.draft = m.draft(home)
	r.published = m.publish(home)
	r.assignment = m.publish(parents[home]) + "/assignments/t1-" + strings.TrimPrefix(home, "units/")
	clerk := m.campaign(accessv1.Role_ROLE_CLERK, home)
	done[*campaignv1.Assignment](m)(clerk.ReceiveAssignment(ctx, &campaignv1.ReceiveAssignmentRequest{Name: r.assignment}))
	r.file = done[*blobv1.Attachment](m)(clerk.CreateAttachment(ctx, attaching(r.assignment))).GetName()
	return r
}

func (m *matrix) draft(owner string) string {
	clerk := m.campaign(accessv1.Role_ROLE_CLERK, owner)
	return done[*campaignv1.Campaign](m)(clerk.CreateCampaign(m.suite.T.Context(), &campaignv1.CreateCampaignRequest{Campaign: plan(owner)})).GetName()
}

func (m *matrix) publish(owner string) string {
	name := m.draft(owner)
	done[*campaignv1.Campaign](m)(m.campaign(accessv1.Role_ROLE_HEAD, owner).PublishCampaign(m.suite.T.Context(), &campaignv1.PublishCampaignRequest{Name: name}))
	return name
}

// attaching adds a file to a parent.
func attaching(parent string) *blobv1.CreateAttachmentRequest {
	return &blobv1.CreateAttachmentRequest{Parent: parent, Attachment: &blobv1.Attachment{FileName: "记录.txt"}, Content: []byte("记录")}
}

// reading: "Who holds anything in a unit in scope reads it once it is published,
// though its owner stands above."
var reading = []exception{{"a published campaign is read by those whom it concerns", beneath, granted}}

// writing is what comes of it for those who may read alone.
var writing = []exception{{"a published campaign is seen by those whom it concerns", beneath, denied}}

// beneath says whether the caller's unit lies beneath the home.
func beneath(c caller, home string) bool { return c.unit != home && within(c.unit, home) }

func campaignFixtures() map[string][]fixture {
	shows := func(r records) string { return r.campaigns.draft }
	return map[string][]fixture{
		"ListCampaignTemplates": {{homes: nowhere, ask: func(records) protobuf.Message { return &campaignv1.ListCampaignTemplatesRequest{} }}},
		"GetCampaignTemplate": {{homes: nowhere, ask: func(records) protobuf.Message {
			return &campaignv1.GetCampaignTemplateRequest{Name: "campaignTemplates/work-style"}
		}}},
		"CreateCampaign": {asks(func(r records) protobuf.Message {
			return &campaignv1.CreateCampaignRequest{Campaign: plan(r.unit), ValidateOnly: true}
		})},
		"GetCampaign": {
			{except: draft(), ask: func(r records) protobuf.Message { return &campaignv1.GetCampaignRequest{Name: r.campaigns.draft} }},
			{note: "published", homes: []string{bureau}, except: reading, ask: func(r records) protobuf.Message {
				return &campaignv1.GetCampaignRequest{Name: r.campaigns.published}
			}},
		},
		"ListCampaigns": {
			{note: "all", sifts: true, except: draft(), shows: shows, ask: func(records) protobuf.Message { return &campaignv1.ListCampaignsRequest{PageSize: 1000} }},
			{note: "of an owner", sifts: true, except: draft(), shows: shows, ask: func(r records) protobuf.Message {
				return &campaignv1.ListCampaignsRequest{PageSize: 1000, Owner: r.unit}
			}},
		},
		"UpdateCampaign": {asks(func(r records) protobuf.Message {
			return &campaignv1.UpdateCampaignRequest{Campaign: &campaignv1.Campaign{Name: r.campaigns.draft, DisplayName: "新名称"}, ValidateOnly: true}
		})},
		"PublishCampaign": {asks(func(r records) protobuf.Message {
			return &campaignv1.PublishCampaignRequest{Name: r.campaigns.draft, ValidateOnly: true}
		})},
		"CloseCampaign": {
			asks(func(r records) protobuf.Message {
				return &campaignv1.CloseCampaignRequest{Name: r.campaigns.draft, ValidateOnly: true}
			}),
			{note: "published", homes: []string{bureau}, except: writing, ask: func(r records) protobuf.Message {
				return &campaignv1.CloseCampaignRequest{Name: r.campaigns.published, ValidateOnly: true}
			}},
		},
		"GetAssignment": {{except: draft(), ask: func(r records) protobuf.Message {
			return &campaignv1.GetAssignmentRequest{Name: r.campaigns.assignment}
		}}},
		"ListAssignments": {
			{note: "all", sifts: true, except: draft(), shows: assignmentOf, ask: func(records) protobuf.Message {
				return &campaignv1.ListAssignmentsRequest{PageSize: 1000, Parent: "campaigns/-"}
			}},
			{note: "of a unit", except: inward(), shows: assignmentOf, ask: func(r records) protobuf.Message {
				return &campaignv1.ListAssignmentsRequest{PageSize: 1000, Parent: "campaigns/-", Unit: r.unit}
			}},
		},
		"ReceiveAssignment": {asks(func(r records) protobuf.Message {
			return &campaignv1.ReceiveAssignmentRequest{Name: r.campaigns.assignment, ValidateOnly: true}
		})},
		"SubmitAssignment": {asks(func(r records) protobuf.Message {
			return &campaignv1.SubmitAssignmentRequest{Name: r.campaigns.assignment, Summary: "零报告", NilReturn: true, ValidateOnly: true}
		})},
		"ApproveAssignment": {asks(func(r records) protobuf.Message {
			return &campaignv1.ApproveAssignmentRequest{Name: r.campaigns.assignment, ValidateOnly: true}
		})},
		"ReturnAssignment": {asks(func(r records) protobuf.Message {
			return &campaignv1.ReturnAssignmentRequest{Name: r.campaigns.assignment, Reason: "不符", ValidateOnly: true}
		})},
		"CreateAttachment": {asks(func(r records) protobuf.Message { return adding(r.campaigns.assignment) })},
		"ListAttachments": {{except: draft(), shows: func(r records) string { return r.campaigns.file }, ask: func(r records) protobuf.Message {
			return &blobv1.ListAttachmentsRequest{Parent: r.campaigns.assignment}
		}}},
		"GetAttachment": {{except: draft(), ask: func(r records) protobuf.Message { return &blobv1.GetAttachmentRequest{Name: r.campaigns.file} }}},
	}
}

func assignmentOf(r records) string { return r.campaigns.assignment }

// adding tries to add a file.
func adding(parent string) *blobv1.CreateAttachmentRequest {
	req := attaching(parent)
	req.ValidateOnly = true
	return req
}
