package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/feed"
)

// A portal that folds the events knows of a ledger, its versions and problems what GET
// answers it, whatever became of them: nothing before a superior has accepted it, and
// then what was accepted, however it is extended, planned anew, filed again and returned.
func TestAPortalThatFoldsKnowsWhatItMayRead(t *testing.T) {
	s := newScene(t)
	key := s.Machine(s.district, accessv1.Role_ROLE_PORTAL).Key
	leader := s.Person(s.school, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_HEAD)
	clerk, lead := s.Rectification(s.clerk.Key), s.Rectification(leader.Key)
	superior := s.Rectification(s.Person(s.district, accessv1.Role_ROLE_LEADER).Key)
	p := s.problem()
	name, ledger, ctx := p.GetName(), s.ledger.GetName(), t.Context()
	file := func() {
		l, err := lead.GetLedger(ctx, &rectificationv1.GetLedgerRequest{Name: ledger})
		s.must(err)
		_, err = lead.SignLedger(ctx, &rectificationv1.SignLedgerRequest{Name: ledger, ContentDigest: l.GetContentDigest()})
		s.must(err)
		_, err = clerk.FileLedger(ctx, &rectificationv1.FileLedgerRequest{Name: ledger})
		s.must(err)
	}
	acknowledge := func() {
		_, err := superior.AcknowledgeLedger(ctx, &rectificationv1.AcknowledgeLedgerRequest{Name: ledger})
		s.must(err)
	}
	for _, step := range []struct {
		what     string
		do       func()
		measures string // as the portal knows them
		deadline string
	}{
		{"planned", func() {
			_, err := clerk.PlanProblem(ctx, &rectificationv1.PlanProblemRequest{Name: name, Cause: "原因", Measures: "已备案", Deadline: "2026-03-01", LeaderResponsible: leader.Name, PersonResponsible: s.clerk.Name})
			s.must(err)
		}, "", ""},
		{"filed", file, "", ""},
		{"acknowledged", acknowledge, "已备案", "2026-03-01"},
		{"asked to extend", func() {
			_, err := clerk.ExtendProblem(ctx, &rectificationv1.ExtendProblemRequest{Name: name, Deadline: "2026-04-01", Reason: "工期"})
			s.must(err)
		}, "已备案", "2026-03-01"},
		{"extended", func() {
			_, err := superior.ApproveExtension(ctx, &rectificationv1.ApproveExtensionRequest{Name: name})
			s.must(err)
		}, "已备案", "2026-04-01"},
		{"begun", func() {
			_, err := clerk.StartProblem(ctx, &rectificationv1.StartProblemRequest{Name: name})
			s.must(err)
		}, "已备案", "2026-04-01"},
		{"planned anew", func() {
			_, err := clerk.UpdateProblem(ctx, &rectificationv1.UpdateProblemRequest{Problem: &rectificationv1.Problem{Name: name, Measures: "未报备", Description: "未报备"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"measures", "description"}}})
			s.must(err)
		}, "已备案", "2026-04-01"},
		{"filed again", file, "已备案", "2026-04-01"},
		{"returned", func() {
			_, err := superior.ReturnLedger(ctx, &rectificationv1.ReturnLedgerRequest{Name: ledger, Reason: "请补正"})
			s.must(err)
		}, "已备案", "2026-04-01"},
		{"filed a third time", func() { file(); acknowledge() }, "未报备", "2026-04-01"},
	} {
		step.do()
		read := s.read(key, name, ledger)
		if got, _ := read[name].(*rectificationv1.Problem); got.GetMeasures() != step.measures || got.GetDeadline() != step.deadline {
			t.Errorf("%s: a portal reads %v", step.what, got)
		}
		found, err := s.Rectification(key).ListProblems(ctx, &rectificationv1.ListProblemsRequest{Parent: "ledgers/-", Filter: `measures = "未报备"`})
		if listed := step.measures == "未报备"; err != nil || (len(found.GetProblems()) > 0) != listed {
			t.Errorf("%s: a portal finds %v by what it may not read, %v", step.what, found, err)
		}
		folded := s.folded(key)
		for _, resource := range []string{name, ledger, ledger + "/versions/0001", ledger + "/versions/0002", ledger + "/versions/0003"} {
			if diff := cmp.Diff(fields(t, read[resource]), folded[resource].AsMap()); diff != "" {
				t.Errorf("%s: a portal reads %s otherwise (-) than it folds (+):\n%s", step.what, resource, diff)
			}
		}
	}
}

// What a portal reads of a report, a campaign, an assignment, a unit and an inspection (暗访)
// is what it folds, too, and nothing of it is what nobody accepted or whom it names; it opens no file.
func TestAPortalReadsWhatItFolds(t *testing.T) {
	s := newScene(t)
	ctx, key := t.Context(), s.Machine(s.district, accessv1.Role_ROLE_PORTAL).Key
	campaign, assignment, file := s.done()
	_, report := s.reviewed()
	inspection := s.concluded()
	folded := s.folded(key)
	c, err := s.Campaign(key).GetCampaign(ctx, &campaignv1.GetCampaignRequest{Name: campaign})
	s.must(err)
	a, err := s.Campaign(key).GetAssignment(ctx, &campaignv1.GetAssignmentRequest{Name: assignment})
	s.must(err)
	r, err := s.Aggregation(key).GetReport(ctx, &aggregationv1.GetReportRequest{Name: report.GetName()})
	s.must(err)
	i, err := s.Rectification(key).GetInspection(ctx, &rectificationv1.GetInspectionRequest{Name: inspection.GetName()})
	s.must(err)
	u, err := s.Organization(key).GetUnit(ctx, &organizationv1.GetUnitRequest{Name: s.school})
	s.must(err)
	for _, untold := range []string{"rows", "progress"} {
		if _, told := folded[r.GetName()].GetFields()[untold]; told || len(r.GetRows()) == 0 {
			t.Errorf("events tell %s, or a portal reads none: %v", untold, r)
		}
	}
	for _, got := range []change.Record{c, a, r, u, i} {
		if diff := cmp.Diff(fields(t, got), folded[got.GetName()].AsMap()); diff != "" {
			t.Errorf("a portal reads %s otherwise (-) than it folds (+):\n%s", got.GetName(), diff)
		}
		got.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if feed.Label(f) != "" {
				t.Errorf("a portal reads %s as %v", f.FullName(), v)
			}
			return true
		})
	}
	for who, key := range map[string]string{"a viewer": s.eye.Key, "a portal": key} {
		_, err := s.Campaign(key).GetAttachment(ctx, &blobv1.GetAttachmentRequest{Name: file})
		if got := err == nil; got != (who == "a viewer") {
			t.Errorf("%s reads a file: %v", who, err)
		}
	}
	if inside, err := s.Campaign(s.eye.Key).GetAssignment(ctx, &campaignv1.GetAssignmentRequest{Name: assignment}); err != nil || inside.GetReturnReason() == "" {
		t.Errorf("a viewer reads %v, %v", inside, err)
	}
}

// done is a campaign with a leading group, and an assignment of it that was returned and then
// approved, with a file.
func (s *scene) done() (campaign, assignment, file string) {
	s.T.Helper()
	school := s.Campaign(s.clerk.Key)
	officer := s.Person(s.district, accessv1.Role_ROLE_CLERK)
	head := s.Campaign(s.Person(s.district, accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_LEADER).Key)
	c, err := s.Campaign(officer.Key).CreateCampaign(s.T.Context(), &campaignv1.CreateCampaignRequest{CampaignId: "done", Campaign: &campaignv1.Campaign{
		Owner: s.district, DisplayName: "演示活动", Scope: &campaignv1.Scope{Kinds: []organizationv1.Unit_Kind{organizationv1.Unit_KIND_SCHOOL}},
		LeadingGroup:  []*campaignv1.LeadingMember{{Post: campaignv1.LeadingMember_POST_HEAD, DisplayName: "示例组长"}},
		Phases:        []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-02-14", EndDate: "2026-03-05"}},
		EvidenceKinds: []*campaignv1.EvidenceKind{{Code: "paper", Name: "材料"}},
		Tasks:         []*campaignv1.Task{{Code: "T1", Title: "一", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: "2026-03-01", Evidence: []string{"paper"}}},
	}})
	s.must(err)
	_, err = head.PublishCampaign(s.T.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()})
	s.must(err)
	name := c.GetName() + "/assignments/t1-s1"
	_, err = school.ReceiveAssignment(s.T.Context(), &campaignv1.ReceiveAssignmentRequest{Name: name})
	s.must(err)
	submit := func(text string) {
		f, err := school.CreateAttachment(s.T.Context(), &blobv1.CreateAttachmentRequest{Parent: name, Attachment: &blobv1.Attachment{FileName: "材料.txt"}, Content: []byte(text)})
		s.must(err)
		file = f.GetName()
		_, err = school.SubmitAssignment(s.T.Context(), &campaignv1.SubmitAssignmentRequest{Name: name, Summary: text, Evidence: []*campaignv1.Evidence{{Kind: "paper", Attachment: file}}})
		s.must(err)
	}
	submit("第一次")
	_, err = head.ReturnAssignment(s.T.Context(), &campaignv1.ReturnAssignmentRequest{Name: name, Reason: "请补充"})
	s.must(err)
	submit("第二次")
	_, err = head.ApproveAssignment(s.T.Context(), &campaignv1.ApproveAssignmentRequest{Name: name})
	s.must(err)
	return c.GetName(), name, file
}

// read is what GET answers of a problem, its ledger and the versions of that; what it does
// not answer is left out.
func (s *scene) read(key, problem, ledger string) map[string]proto.Message {
	found, ctx, r := map[string]proto.Message{}, s.T.Context(), s.Rectification(key)
	if p, err := r.GetProblem(ctx, &rectificationv1.GetProblemRequest{Name: problem}); err == nil {
		found[problem] = p
	}
	if l, err := r.GetLedger(ctx, &rectificationv1.GetLedgerRequest{Name: ledger}); err == nil {
		found[ledger] = l
	}
	for _, version := range []string{"0001", "0002", "0003"} {
		name := ledger + "/versions/" + version
		if v, err := r.GetLedgerVersion(ctx, &rectificationv1.GetLedgerVersionRequest{Name: name}); err == nil {
			found[name] = v
		}
	}
	return found
}

// folded is the newest of each resource by the events, once all that is done so far is told.
func (s *scene) folded(key string) map[string]*structpb.Struct {
	last := s.concluded()
	all, _ := s.until(key, &eventv1.ListEventsRequest{}, at(last.GetName(), last.GetEtag()))
	newest := map[string]*structpb.Struct{}
	for _, e := range all {
		newest[e.GetSubject()] = e.GetData()
	}
	return newest
}

// fields are those of a resource that its entries have.
func fields(t testing.TB, m proto.Message) map[string]any {
	t.Helper()
	if m == nil {
		return (*structpb.Struct)(nil).AsMap()
	}
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	data := &structpb.Struct{}
	if err := protojson.Unmarshal(text, data); err != nil {
		t.Fatal(err)
	}
	all := m.ProtoReflect().Descriptor().Fields()
	for i := range all.Len() {
		if f := all.Get(i); !feed.Kept(f) {
			delete(data.Fields, f.JSONName())
		}
	}
	return data.AsMap()
}
