package server_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

const (
	head       = accessv1.Role_ROLE_HEAD
	leader     = accessv1.Role_ROLE_LEADER
	clerk      = accessv1.Role_ROLE_CLERK
	supervisor = accessv1.Role_ROLE_SUPERVISOR
	viewer     = accessv1.Role_ROLE_VIEWER
)

// world is a district with the nine departments of the template and two schools,
// beside another district.
type world struct {
	*suitetest.Suite
	district, other, school, second      string
	head, leader, clerk, supervisor      suitetest.Person // of the district
	schoolHead, schoolClerk, secondClerk suitetest.Person
	otherHead                            suitetest.Person
}

func newWorld(t testing.TB) *world { return settle(suitetest.Run(t)) }

// settle builds the units and people in a suite that has been set up.
func settle(s *suitetest.Suite) *world {
	w := &world{Suite: s}
	w.district = s.Unit("d", s.Root, organizationv1.Unit_KIND_DISTRICT)
	w.other = s.Unit("o", s.Root, organizationv1.Unit_KIND_DISTRICT)
	for _, function := range []string{"office", "personnel", "supervision", "legal_safety", "basic_education", "finance", "publicity", "party", "petition"} {
		w.department(w.district, function)
	}
	w.school = s.Unit("s1", w.district, organizationv1.Unit_KIND_SCHOOL)
	w.second = s.Unit("s2", w.district, organizationv1.Unit_KIND_SCHOOL)
	w.head, w.leader, w.clerk = s.Person(w.district, head), s.Person(w.district, leader), s.Person(w.district, clerk)
	w.supervisor = s.Person(w.district, supervisor)
	w.schoolHead, w.schoolClerk, w.secondClerk = s.Person(w.school, head), s.Person(w.school, clerk), s.Person(w.second, clerk)
	w.otherHead = s.Person(w.other, head)
	return w
}

// department creates a department with a function.
func (w *world) department(parent, function string) string {
	w.T.Helper()
	u, err := w.Organization(w.SystemAdmin).CreateUnit(w.T.Context(), &organizationv1.CreateUnitRequest{
		UnitId: strings.TrimPrefix(parent, "units/") + "-" + strings.ReplaceAll(function, "_", "-"),
		Unit: &organizationv1.Unit{
			DisplayName: "演示科室", Kind: organizationv1.Unit_KIND_DEPARTMENT, Parent: parent, Labels: map[string]string{"function": function},
		},
	})
	w.must(err)
	return u.GetName()
}

func (w *world) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// draft drafts a campaign of the district: one task for schools, which asks for a
// photo.
func (w *world) draft(id string) *campaignv1.Campaign {
	w.T.Helper()
	c, err := w.Campaign(w.clerk.Key).CreateCampaign(w.T.Context(), &campaignv1.CreateCampaignRequest{
		CampaignId: id, Campaign: &campaignv1.Campaign{
			Owner: w.district, DisplayName: "演示活动",
			Scope:         &campaignv1.Scope{Kinds: []organizationv1.Unit_Kind{organizationv1.Unit_KIND_SCHOOL}},
			LeadingGroup:  []*campaignv1.LeadingMember{{Post: campaignv1.LeadingMember_POST_HEAD, DisplayName: "示例组长", Member: w.head.Name}},
			Phases:        []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-02-14", EndDate: "2026-03-05"}},
			EvidenceKinds: []*campaignv1.EvidenceKind{{Code: "photo", Name: "照片", Media: []campaignv1.EvidenceKind_Media{campaignv1.EvidenceKind_MEDIA_IMAGE}}},
			Tasks: []*campaignv1.Task{{
				Code: "T1", Title: "一", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: "2026-03-01", Evidence: []string{"photo"},
				AppliesTo: &campaignv1.Applicability{Kinds: []organizationv1.Unit_Kind{organizationv1.Unit_KIND_SCHOOL}}, NilReturn: true,
			}},
		},
	})
	w.must(err)
	return c
}

// enterItems enters the items that the draft's actions require.
func (w *world) enterItems(c *campaignv1.Campaign) {
	w.T.Helper()
	for _, a := range c.GetActions() {
		for i := range a.GetItemsRequired() {
			a.Items = append(a.Items, &campaignv1.Item{Code: fmt.Sprintf("CLEAR-%d", i+1), Text: "演示事项"})
		}
	}
	_, err := w.Campaign(w.clerk.Key).UpdateCampaign(w.T.Context(), &campaignv1.UpdateCampaignRequest{
		Campaign: &campaignv1.Campaign{Name: c.GetName(), Actions: c.GetActions()}, UpdateMask: mask("actions"),
	})
	w.must(err)
}

// publish drafts and publishes a campaign and returns its name.
func (w *world) publish(id string) string {
	w.T.Helper()
	c, err := w.Campaign(w.head.Key).PublishCampaign(w.T.Context(), &campaignv1.PublishCampaignRequest{Name: w.draft(id).GetName()})
	w.must(err)
	return c.GetName()
}

// received publishes a campaign, lets the school receive its task and returns
// the assignment.
func (w *world) received(id string) string {
	w.T.Helper()
	name := w.publish(id) + "/assignments/t1-s1"
	_, err := w.Campaign(w.schoolClerk.Key).ReceiveAssignment(w.T.Context(), &campaignv1.ReceiveAssignmentRequest{Name: name})
	w.must(err)
	return name
}

// attach adds a file to an assignment and returns its name.
func (w *world) attach(who suitetest.Person, assignment string, content []byte) string {
	w.T.Helper()
	a, err := w.Campaign(who.Key).CreateAttachment(w.T.Context(), attaching(assignment, content))
	w.must(err)
	return a.GetName()
}

func attaching(assignment string, content []byte) *blobv1.CreateAttachmentRequest {
	return &blobv1.CreateAttachmentRequest{
		Parent: assignment, Attachment: &blobv1.Attachment{FileName: "现场照片.png"}, Content: content,
	}
}

// submitting reports an assignment with a photo.
func submitting(assignment, photo string) *campaignv1.SubmitAssignmentRequest {
	return &campaignv1.SubmitAssignmentRequest{
		Name: assignment, Summary: "已完成", Evidence: []*campaignv1.Evidence{{Kind: "photo", Attachment: photo}},
	}
}

// submitted goes on from received to a submission of the school's clerk.
func (w *world) submitted(id string) string {
	w.T.Helper()
	name := w.received(id)
	_, err := w.Campaign(w.schoolClerk.Key).SubmitAssignment(w.T.Context(), submitting(name, w.attach(w.schoolClerk, name, photo(w.T, 1))))
	w.must(err)
	return name
}

// photo is an image of so many pixels in a row.
func photo(t testing.TB, pixels int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, pixels, 1))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
