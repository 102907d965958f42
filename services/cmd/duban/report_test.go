package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// lineCount is how many lines a report has, of two values each: some twenty pages,
// which the worker does in several transactions.
const lineCount = 4_200

// sender is an installation and who reports to it and accepts.
type sender struct {
	t       *testing.T
	dice    *rand.Rand
	c       suite.Config
	d       *child
	keys    admins // of whom the clerk accepts
	machine string // the key of the system that reports
	midway  int    // kills that came when some pages were done and others not
}

func newSender(t *testing.T) *sender {
	s := &sender{t: t, dice: dice(t), c: settings(t.TempDir())}
	s.d = boot(t, s.c)
	s.keys = initialize(t, s.d)
	on := s.d.as(s.keys)
	s.unit("d", "units/root", organizationv1.Unit_KIND_DISTRICT)
	s.unit("s1", "units/d", organizationv1.Unit_KIND_SCHOOL)
	s.unit("s2", "units/d", organizationv1.Unit_KIND_SCHOOL)
	m, err := on.org().CreateMachine(t.Context(), &organizationv1.CreateMachineRequest{Machine: &organizationv1.Machine{DisplayName: "演示系统", Unit: "units/d"}})
	if err != nil {
		t.Fatal(err)
	}
	on.grant(t, m.GetName(), accessv1.Role_ROLE_REPORTER, "units/d")
	on.grant(t, s.keys.name, accessv1.Role_ROLE_SUPERVISOR, "units/root")
	on.grant(t, s.keys.name, accessv1.Role_ROLE_LEADER, "units/root")
	k, err := on.security().CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: m.GetName()}})
	if err != nil {
		t.Fatal(err)
	}
	s.machine = k.GetSecret()
	return s
}

func (s *sender) unit(id, parent string, kind organizationv1.Unit_Kind) {
	s.t.Helper()
	_, err := s.d.as(s.keys).org().CreateUnit(s.t.Context(), &organizationv1.CreateUnitRequest{
		UnitId: id, Unit: &organizationv1.Unit{DisplayName: id, Kind: kind, Parent: parent},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// grant gives a role on a unit.
func (c caller) grant(t *testing.T, principal string, role accessv1.Role, unit string) {
	t.Helper()
	_, err := c.security().CreateRoleGrant(t.Context(), &organizationv1.CreateRoleGrantRequest{
		RoleGrant: &organizationv1.RoleGrant{Principal: principal, Role: role, Unit: unit},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTortureReports kills duban while it judges a report of many rows, and again
// while it counts it. Sent and accepted once more the report is the same, every
// row has the one verdict that it must have, and the figures are those of a
// process that was never killed. DUBAN_TORTURE says how often.
func TestTortureReports(t *testing.T) {
	t.Parallel()
	s, n := newSender(t), number(t, "DUBAN_TORTURE", 1)
	for round := range n {
		s.campaign(fmt.Sprintf("r%d", round+1))
		file := s.upload(int64(round + 1))
		r := s.survives(func(ctx context.Context) (*aggregationv1.Report, error) { return s.reporting().UploadReport(ctx, file) })
		s.judged(r)
		accept := &aggregationv1.AcceptReportRequest{Name: r.GetName(), RequestId: "accept " + r.GetName()}
		r = s.survives(func(ctx context.Context) (*aggregationv1.Report, error) {
			return s.d.as(s.keys).figures().AcceptReport(ctx, accept)
		})
		if r.GetState() != aggregationv1.Report_STATE_ACCEPTED || r.GetTotals().GetCounted() != 4*lineCount/3 {
			t.Errorf("accepted: %v", r)
		}
		s.counts(int64(round+1) * 2 * (2 * lineCount / 3))
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	s.d.stop()
	clean(t, s.c)
	if err := upkeep.Recount(t.Context(), s.c); err != nil {
		t.Error(err)
	}
	t.Logf("%d of %d kills came midway", s.midway, 2*n)
	if n >= 20 && s.midway == 0 {
		t.Error("nothing was tried")
	}
}

func (s *sender) reporting() aggregationv1.AggregationServiceClient {
	return aggregationv1.NewAggregationServiceClient(keyed{s.d.dial(), s.machine})
}

// campaign publishes one that takes any category, and returns when reports may name
// it.
func (s *sender) campaign(id string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 4*patience)
	defer cancel()
	day := func(after int) string { return time.Now().AddDate(0, 0, after).Format(time.DateOnly) }
	on := campaignv1.NewCampaignServiceClient(keyed{s.d.dial(), s.keys.clerk})
	c, err := on.CreateCampaign(ctx, &campaignv1.CreateCampaignRequest{CampaignId: id, Campaign: &campaignv1.Campaign{
		Owner: "units/root", DisplayName: "演示活动",
		Phases: []*campaignv1.Phase{{Code: "ONE", Name: "一", StartDate: day(0), EndDate: day(60)}},
		Tasks: []*campaignv1.Task{{
			Code: "T1", Title: "一", Kind: campaignv1.Task_KIND_ONE_OFF, Phase: "ONE", DueDate: day(30),
			AppliesTo: &campaignv1.Applicability{Kinds: []organizationv1.Unit_Kind{organizationv1.Unit_KIND_SCHOOL}},
		}},
	}})
	if err == nil {
		_, err = on.PublishCampaign(ctx, &campaignv1.PublishCampaignRequest{Name: c.GetName()})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	cp, err := s.d.as(s.keys).feed().GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/campaign"})
	if err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "the campaign is known to who judges", func() bool {
		status, err := s.d.as(s.keys).figures().GetStatus(ctx, &aggregationv1.GetStatusRequest{Name: "units/root"})
		if err != nil {
			s.t.Fatal(err)
		}
		return current(status, "campaign", cp.GetSize())
	})
}

// upload is a report of which a third of the lines names no unit.
func (s *sender) upload(sequence int64) *aggregationv1.UploadReportRequest {
	var b strings.Builder
	b.WriteString("unit,category,campaign,found,closed\n")
	for i := range lineCount {
		fmt.Fprintf(&b, "%s,c%d,campaigns/r%d,2,1\n", []string{"units/s1", "units/s2", "units/none"}[i%3], i/3, sequence)
	}
	return &aggregationv1.UploadReportRequest{
		Report:  &aggregationv1.Report{Form: "reportForms/ledger-monthly", Unit: "units/d", Period: "2026-01", Source: "eis", Sequence: sequence},
		Content: []byte(b.String()), Format: aggregationv1.UploadReportRequest_FORMAT_CSV,
	}
}

// survives makes a call that begins long work, kills duban at any moment from then
// on, repeats the call, and answers with the report when no work on it is left.
func (s *sender) survives(call func(context.Context) (*aggregationv1.Report, error)) *aggregationv1.Report {
	s.t.Helper()
	begun, on, page := make(chan struct{}), s.d.as(s.keys), s.dice.Int32N(20)
	go func() {
		defer close(begun)
		if r, err := call(s.t.Context()); err == nil {
			s.midway += on.follow(s.t.Context(), r.GetName(), page)
		}
	}()
	latest := patience // the report comes to some page
	if s.dice.IntN(3) == 0 {
		latest = moment(s.dice, 10*time.Millisecond, 1500*time.Millisecond) // or the moment does
	}
	select {
	case <-begun:
	case <-time.After(latest):
	}
	s.d.kill()
	<-begun
	s.d = boot(s.t, s.c)
	r, err := call(s.t.Context())
	if err != nil {
		s.t.Fatalf("repeating the call: %v", err)
	}
	return s.finished(r.GetName())
}

// follow returns when that page of a report is done, and 1 if others are not.
func (c caller) follow(ctx context.Context, name string, page int32) int {
	for {
		r, err := c.figures().GetReport(ctx, &aggregationv1.GetReportRequest{Name: name})
		if err != nil || r.GetProgress() == nil {
			return 0
		}
		if p := r.GetProgress(); p.GetDone() >= min(page, p.GetTotal()-1) && p.GetDone() > 0 {
			return 1
		}
	}
}

// finished returns the report once no work on it is left.
func (s *sender) finished(name string) *aggregationv1.Report {
	s.t.Helper()
	over, on := time.After(4*patience), s.d.as(s.keys)
	for {
		r, err := on.figures().GetReport(s.t.Context(), &aggregationv1.GetReportRequest{Name: name})
		if err != nil {
			s.t.Fatal(err)
		}
		if r.GetProgress() == nil {
			return r
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-over:
			s.d.signal(syscall.SIGQUIT) // it then tells where it is
			<-s.d.ended
			s.t.Fatalf("the work does not end: %v\n%s", r, s.d.log)
		}
	}
}

// judged checks that every value of every line has the verdict that it must have,
// once.
func (s *sender) judged(r *aggregationv1.Report) {
	s.t.Helper()
	if got := r.GetTotals(); got.GetRows() != 2*lineCount || got.GetCreated()+got.GetQuarantined() != 2*lineCount {
		s.t.Errorf("totals = %v", got)
	}
	seen, rows, on := map[string]bool{}, 0, s.d.as(s.keys)
	req := &aggregationv1.ListReportRowsRequest{Parent: r.GetName(), PageSize: 1000}
	for more := true; more; more = req.PageToken != "" {
		page, err := on.figures().ListReportRows(s.t.Context(), req)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, row := range page.GetRows() {
			s.verdict(row)
			seen[fmt.Sprint(row.GetLine(), row.GetField())] = true
		}
		rows += len(page.GetRows())
		req.PageToken = page.GetNextPageToken()
	}
	if len(seen) != 2*lineCount || rows != 2*lineCount {
		s.t.Errorf("%d values have %d verdicts, want %d", len(seen), rows, 2*lineCount)
	}
}

func (s *sender) verdict(row *aggregationv1.Report_Row) {
	s.t.Helper()
	want := aggregationv1.Report_VERDICT_CREATED
	if (row.GetLine()-2)%3 == 2 { // the names of the columns are line 1
		want = aggregationv1.Report_VERDICT_QUARANTINED
	}
	if row.GetVerdict() != want {
		s.t.Errorf("line %d: %s, want %s", row.GetLine(), row.GetVerdict(), want)
	}
}

// counts checks how many problems the reports have found.
func (s *sender) counts(want int64) {
	s.t.Helper()
	status, err := s.d.as(s.keys).figures().GetStatus(s.t.Context(), &aggregationv1.GetStatusRequest{Name: "units/d"})
	if err != nil {
		s.t.Fatal(err)
	}
	if got := found(status); got != want {
		s.t.Errorf("%d problems were found, want %d", got, want)
	}
}
