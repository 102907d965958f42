package server_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification/server"
)

const (
	clerk      = accessv1.Role_ROLE_CLERK
	leader     = accessv1.Role_ROLE_LEADER
	head       = accessv1.Role_ROLE_HEAD
	supervisor = accessv1.Role_ROLE_SUPERVISOR
	viewer     = accessv1.Role_ROLE_VIEWER
)

// world is a bureau with two schools and the people in them.
type world struct {
	*suitetest.Suite
	bureau, school, other, office string

	clerk, leader, head      suitetest.Person // of the school
	supervisor, bureauLeader suitetest.Person // of the bureau
	viewer                   suitetest.Person // of the school
	stranger                 suitetest.Person // holds every role at the other school
}

func begin(t *testing.T) *world {
	t.Helper()
	w := &world{Suite: suitetest.Run(t)}
	w.bureau = w.Unit("bureau", w.Root, organizationv1.Unit_KIND_DISTRICT)
	w.school = w.Unit("school", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	w.other = w.Unit("other", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	w.office = w.Unit("office", w.school, organizationv1.Unit_KIND_DEPARTMENT)
	w.clerk, w.leader, w.head = w.Person(w.school, clerk), w.Person(w.school, leader), w.Person(w.school, head)
	w.viewer = w.Person(w.school, viewer)
	w.supervisor, w.bureauLeader = w.Person(w.bureau, supervisor), w.Person(w.bureau, leader)
	w.stranger = w.Person(w.other, clerk, leader, head, supervisor)
	return w
}

// as returns the service as a person calls it.
func (w *world) as(p suitetest.Person) rectificationv1.RectificationServiceClient {
	return w.Rectification(p.Key)
}

// service returns the service as another service calls it in its own name.
func (w *world) service(name string) rectificationv1.RectificationServiceClient {
	return rectificationv1.NewRectificationServiceClient(w.Conn(name))
}

// want fails the test unless the error is the one wanted.
func want(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// at says whether what is wrong is wrong at these fields.
func at(t *testing.T, err error, fields ...string) {
	t.Helper()
	var paths []string
	for _, f := range fault.As(err).Fields {
		paths = append(paths, f.Path)
	}
	if diff := cmp.Diff(fields, paths); diff != "" {
		t.Errorf("%v is wrong elsewhere (-want +got):\n%s", err, diff)
	}
}

func (w *world) ledger(t *testing.T) *rectificationv1.Ledger {
	t.Helper()
	return suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.clerk).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{
		Ledger: &rectificationv1.Ledger{Unit: w.school},
	}))
}

func selfCheck(description string) *rectificationv1.Problem {
	return &rectificationv1.Problem{
		Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SELF_CHECK, Description: description,
	}
}

func (w *world) problem(t *testing.T, by suitetest.Person, ledger string, p *rectificationv1.Problem) *rectificationv1.Problem {
	t.Helper()
	return suitetest.OK[*rectificationv1.Problem](t)(w.as(by).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: ledger, Problem: p}))
}

func (w *world) plan(t *testing.T, name, deadline string) *rectificationv1.Problem {
	t.Helper()
	return w.planAs(t, &rectificationv1.PlanProblemRequest{
		Name: name, Cause: "原因", Measures: "措施", Deadline: deadline, LeaderResponsible: w.leader.Name, PersonResponsible: w.clerk.Name,
	})
}

func (w *world) planAs(t *testing.T, plan *rectificationv1.PlanProblemRequest) *rectificationv1.Problem {
	t.Helper()
	return suitetest.OK[*rectificationv1.Problem](t)(w.as(w.clerk).PlanProblem(t.Context(), plan))
}

// sign has the head read and sign.
func (w *world) sign(t *testing.T, name string) *rectificationv1.Ledger {
	t.Helper()
	read := suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.head).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: name}))
	return suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.head).SignLedger(t.Context(), &rectificationv1.SignLedgerRequest{
		Name: name, ContentDigest: read.GetContentDigest(), Seal: "演示学校（公章）",
	}))
}

func (w *world) file(t *testing.T, name string) *rectificationv1.Ledger {
	t.Helper()
	w.sign(t, name)
	return suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.clerk).FileLedger(t.Context(), &rectificationv1.FileLedgerRequest{Name: name}))
}

// submit has the clerk work on a problem, begun or not, until it is submitted.
func (w *world) submit(t *testing.T, name string) *rectificationv1.Problem {
	t.Helper()
	done := suitetest.OK[*rectificationv1.Problem](t)
	p := done(w.as(w.clerk).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: name}))
	if p.GetState() != rectificationv1.Problem_STATE_RECTIFYING {
		done(w.as(w.clerk).StartProblem(t.Context(), &rectificationv1.StartProblemRequest{Name: name}))
	}
	file := suitetest.OK[*blobv1.Attachment](t)(w.as(w.clerk).CreateAttachment(t.Context(), &blobv1.CreateAttachmentRequest{
		Parent: name, Attachment: &blobv1.Attachment{FileName: "记录.txt"}, Content: fmt.Appendf(nil, "整改记录%d-%d", p.GetReturns(), p.GetReopens()),
	}))
	return done(w.as(w.clerk).SubmitProblem(t.Context(), &rectificationv1.SubmitProblemRequest{Name: name, Evidence: []string{file.GetName()}}))
}

// campaign publishes a campaign of the bureau, with one category, or leaves it a
// draft.
func (w *world) campaign(t *testing.T, id string, publish bool) string {
	t.Helper()
	c := suitetest.OK[*campaignv1.Campaign](t)(w.Campaign(w.bureauLeader.Key).CreateCampaign(t.Context(), &campaignv1.CreateCampaignRequest{
		CampaignId: id, Campaign: &campaignv1.Campaign{
			Owner: w.bureau, DisplayName: "演示活动",
			Phases:     []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: "2026-02-14", EndDate: "2026-04-30"}},
			Categories: []*campaignv1.Category{{Code: "SLOW", Name: "慢", Items: []*campaignv1.Item{{Code: "SLOW-1", Text: "拖拉"}}}},
			Filing:     &campaignv1.Filing{DueDate: "2026-04-05"},
			Tasks: []*campaignv1.Task{{
				Code: "T1", Title: "任务", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: "2026-04-01", NilReturn: true,
			}},
		},
	}))
	if publish {
		suitetest.OK[*campaignv1.Campaign](t)(w.Campaign(w.bureauLeader.Key).PublishCampaign(t.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()}))
	}
	return c.GetName()
}

// day is a morning in China.
func day(t *testing.T, date string) time.Time {
	t.Helper()
	return suitetest.OK[time.Time](t)(time.Parse(time.RFC3339, date+"T09:00:00+08:00"))
}

// sound stops the suite and holds its records against the feed.
func (w *world) sound(t *testing.T) {
	t.Helper()
	cp := suitetest.OK[*feedv1.Checkpoint](t)(feedv1.NewFeedServiceClient(w.As(w.Auditor)).GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/rectification"}))
	verifier := suitetest.OK[note.Verifier](t)(note.NewVerifier(cp.GetVerifierKey()))
	w.Stop()
	engine := suitetest.OK[store.Engine](t)(bolt.Open(w.Store("rectification"), bolt.Options{}))
	defer func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	}()
	report := suitetest.OK[fsck.Report](t)(fsck.Check(t.Context(), engine, fsck.Expect{Verifier: verifier, Schema: server.Schema}))
	if report.Wrong > 0 || report.Entries != cp.GetSize() || report.Entries == 0 {
		t.Errorf("feed and records disagree: %+v, first %+v", report, report.First)
	}
}
