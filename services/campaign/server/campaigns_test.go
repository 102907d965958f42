package server_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
)

const workStyle = "campaignTemplates/work-style"

func TestAnyoneWithAGrantReadsTemplates(t *testing.T) {
	w := newWorld(t)
	reader := w.Campaign(w.Person(w.second, viewer).Key)
	list, err := reader.ListCampaignTemplates(t.Context(), &campaignv1.ListCampaignTemplatesRequest{})
	if err != nil || len(list.GetCampaignTemplates()) != 1 || list.GetCampaignTemplates()[0].GetName() != workStyle {
		t.Fatalf("ListCampaignTemplates = %v, %v", list, err)
	}
	none, err := reader.ListCampaignTemplates(t.Context(), &campaignv1.ListCampaignTemplatesRequest{Filter: `version = "0"`})
	if err != nil || len(none.GetCampaignTemplates()) != 0 {
		t.Errorf("filtered = %v, %v", none, err)
	}
	this, err := reader.GetCampaignTemplate(t.Context(), &campaignv1.GetCampaignTemplateRequest{Name: workStyle})
	if err != nil || this.GetCampaign().GetFiling().GetDueDate() != "2026-04-05" || len(this.GetDepartments()) != 9 {
		t.Errorf("GetCampaignTemplate = %v, %v", this.GetCampaign().GetFiling(), err)
	}
	next, err := reader.GetCampaignTemplate(t.Context(), &campaignv1.GetCampaignTemplateRequest{Name: workStyle, Year: 2027})
	if err != nil || next.GetCampaign().GetFiling().GetDueDate() != "2027-04-05" {
		t.Errorf("of 2027 = %v, %v", next.GetCampaign().GetFiling(), err)
	}
	if _, err := reader.GetCampaignTemplate(t.Context(), &campaignv1.GetCampaignTemplateRequest{Name: "campaignTemplates/none"}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("a template that is not there = %v", err)
	}
	nobody := w.Campaign(w.Person(w.second).Key)
	if _, err := nobody.ListCampaignTemplates(t.Context(), &campaignv1.ListCampaignTemplatesRequest{}); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("without a grant = %v", err)
	}
}

func TestTheWorkStyleCampaignRunsWithNothingButData(t *testing.T) {
	w := newWorld(t)
	c, err := w.Campaign(w.clerk.Key).CreateCampaign(t.Context(), &campaignv1.CreateCampaignRequest{
		CampaignId: "ws", Template: workStyle, Campaign: &campaignv1.Campaign{Owner: w.district, Objective: "本县目标"},
	})
	w.must(err)
	if c.GetObjective() != "本县目标" || c.GetYear() != 2026 || c.GetTemplate() != workStyle || c.GetState() != campaignv1.Campaign_STATE_DRAFT {
		t.Errorf("the draft = %v", c)
	}
	if lead := c.GetActions()[0].GetLead(); lead.GetUnit() != "units/d-personnel" {
		t.Errorf("the lead of the first action = %v", lead)
	}
	publish := &campaignv1.PublishCampaignRequest{Name: c.GetName(), ValidateOnly: true}
	if _, err := w.Campaign(w.head.Key).PublishCampaign(t.Context(), publish); !errors.Is(err, campaign.ErrIncomplete) {
		t.Errorf("without the eight items = %v", err)
	}
	w.enterItems(c)
	publish.ValidateOnly = false
	c, err = w.Campaign(w.head.Key).PublishCampaign(t.Context(), publish)
	w.must(err)
	omitted := map[string]string{}
	for _, o := range c.GetOmittedTasks() {
		omitted[o.GetCode()] = o.GetCause().String()
	}
	want := map[string]string{"T371": "CAUSE_DUTY", "T372": "CAUSE_DUTY"}
	if diff := cmp.Diff(want, omitted); diff != "" {
		t.Errorf("omitted (-want +got):\n%s", diff)
	}
	mine, err := w.Campaign(w.schoolClerk.Key).ListAssignments(t.Context(), &campaignv1.ListAssignmentsRequest{Parent: c.GetName(), Unit: w.school})
	w.must(err)
	var tasks []string
	for _, a := range mine.GetAssignments() {
		tasks = append(tasks, a.GetTask())
	}
	// Read off the file: what applies to SCHOOL without the omitted ones.
	school := []string{"T101", "T102", "T201", "T202", "T203", "T204", "T205", "T302", "T312", "T321", "T322", "T332", "T351", "T381", "T401", "T404"}
	if diff := cmp.Diff(school, tasks); diff != "" {
		t.Errorf("the school's tasks (-want +got):\n%s", diff)
	}
	if mine.GetAssignments()[1].GetRequired()[0].GetCount() != 2 {
		t.Errorf("the quota T102 asks for %v", mine.GetAssignments()[1].GetRequired())
	}
}

func TestACampaignOfYearsAgoIsNotPublished(t *testing.T) {
	w := newWorld(t)
	c, err := w.Campaign(w.clerk.Key).CreateCampaign(t.Context(), &campaignv1.CreateCampaignRequest{
		Template: workStyle, Year: 2020, Campaign: &campaignv1.Campaign{Owner: w.district},
	})
	w.must(err)
	w.enterItems(c)
	if _, err = w.Campaign(w.head.Key).PublishCampaign(t.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()}); !errors.Is(err, campaign.ErrDatesOver) {
		t.Errorf("one of 2020 = %v", err)
	}
	list, err := w.Campaign(w.clerk.Key).ListAssignments(t.Context(), &campaignv1.ListAssignmentsRequest{Parent: c.GetName()})
	if err != nil || len(list.GetAssignments()) != 0 {
		t.Errorf("it gave %v, %v", list, err)
	}
}

func TestWhatCreatingRefuses(t *testing.T) {
	w := newWorld(t)
	w.draft("c")
	mine := w.Campaign(w.clerk.Key)
	for name, test := range map[string]struct {
		client campaignv1.CampaignServiceClient
		req    *campaignv1.CreateCampaignRequest
		want   error
	}{
		"an id in use":              {mine, &campaignv1.CreateCampaignRequest{CampaignId: "c", Campaign: &campaignv1.Campaign{Owner: w.district}}, campaign.ErrExists},
		"no owner":                  {mine, &campaignv1.CreateCampaignRequest{Campaign: &campaignv1.Campaign{}}, change.ErrFields},
		"an unknown template":       {mine, &campaignv1.CreateCampaignRequest{Template: "campaignTemplates/none", Campaign: &campaignv1.Campaign{Owner: w.district}}, campaign.ErrTemplateUnknown},
		"a year without a template": {mine, &campaignv1.CreateCampaignRequest{Year: 2026, Campaign: &campaignv1.Campaign{Owner: w.district}}, campaign.ErrYearInvalid},
		"a year long ago":           {mine, &campaignv1.CreateCampaignRequest{Year: 1949, Template: workStyle, Campaign: &campaignv1.Campaign{Owner: w.district}}, campaign.ErrYearInvalid},
		"an owner elsewhere":        {mine, &campaignv1.CreateCampaignRequest{Campaign: &campaignv1.Campaign{Owner: w.other}}, authz.ErrNotFound},
		"a unit elsewhere": {mine, &campaignv1.CreateCampaignRequest{Campaign: &campaignv1.Campaign{
			Owner: w.district, Scope: &campaignv1.Scope{Units: []string{w.other}},
		}}, campaign.ErrUnitOutside},
		"a viewer":     {w.Campaign(w.Person(w.district, viewer).Key), &campaignv1.CreateCampaignRequest{Campaign: &campaignv1.Campaign{Owner: w.district}}, authz.ErrDenied},
		"a unit above": {w.Campaign(w.Person(w.Root, head).Key), &campaignv1.CreateCampaignRequest{Campaign: &campaignv1.Campaign{Owner: w.district}}, authz.ErrDenied},
	} {
		if _, err := test.client.CreateCampaign(t.Context(), test.req); !errors.Is(err, test.want) {
			t.Errorf("%s = %v, want %v", name, err, test.want)
		}
	}
}

func TestADraftChangesAndAPublishedCampaignDoesNot(t *testing.T) {
	w := newWorld(t)
	c := w.draft("c")
	mine := w.Campaign(w.clerk.Key)
	changed, err := mine.UpdateCampaign(t.Context(), &campaignv1.UpdateCampaignRequest{
		Campaign: &campaignv1.Campaign{Name: c.GetName(), DisplayName: "新名称", Objective: "不改"}, UpdateMask: mask("display_name"),
	})
	if err != nil || changed.GetDisplayName() != "新名称" || changed.GetObjective() != "" || len(changed.GetTasks()) != 1 {
		t.Fatalf("UpdateCampaign = %v, %v", changed, err)
	}
	update := func(client campaignv1.CampaignServiceClient, field, etag string) error {
		_, err := client.UpdateCampaign(t.Context(), &campaignv1.UpdateCampaignRequest{
			Campaign: &campaignv1.Campaign{Name: c.GetName(), DisplayName: "又改", Owner: w.other, Etag: etag}, UpdateMask: mask(field),
		})
		return err
	}
	if err := update(mine, "display_name", "1"); !errors.Is(err, change.ErrEtagStale) {
		t.Errorf("with an old etag = %v", err)
	}
	if err := update(mine, "owner", ""); !errors.Is(err, change.ErrFields) {
		t.Errorf("changing the owner = %v", err)
	}
	if err := update(w.Campaign(w.schoolClerk.Key), "display_name", ""); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("a school on a draft = %v", err)
	}
	if err := update(w.Campaign(w.supervisor.Key), "display_name", ""); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("a supervisor = %v", err)
	}
	_, err = w.Campaign(w.leader.Key).PublishCampaign(t.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()})
	w.must(err)
	if err := update(mine, "display_name", ""); !errors.Is(err, campaign.ErrIllegalMove) {
		t.Errorf("once published = %v", err)
	}
	if err := update(w.Campaign(w.schoolClerk.Key), "display_name", ""); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("a school on what it reads = %v", err)
	}
}

func TestPublishingIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	c := w.draft("c")
	w.department(w.district, "lost")
	mine := w.Campaign(w.head.Key)
	publish := func(client campaignv1.CampaignServiceClient, req *campaignv1.PublishCampaignRequest) error {
		req.Name = c.GetName()
		_, err := client.PublishCampaign(t.Context(), req)
		return err
	}
	for name, test := range map[string]struct {
		err  error
		want error
	}{
		"a clerk":      {publish(w.Campaign(w.clerk.Key), &campaignv1.PublishCampaignRequest{}), authz.ErrDenied},
		"a unit above": {publish(w.Campaign(w.Person(w.Root, head).Key), &campaignv1.PublishCampaignRequest{}), authz.ErrDenied},
		"a stranger":   {publish(w.Campaign(w.otherHead.Key), &campaignv1.PublishCampaignRequest{}), authz.ErrNotFound},
		"a machine":    {publish(w.Campaign(w.Machine(w.district, viewer).Key), &campaignv1.PublishCampaignRequest{}), authz.ErrDenied},
		"an old etag":  {publish(mine, &campaignv1.PublishCampaignRequest{Etag: "7"}), change.ErrEtagStale},
		"a trial":      {publish(mine, &campaignv1.PublishCampaignRequest{ValidateOnly: true}), nil},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s = %v, want %v", name, test.err, test.want)
		}
	}
	got, err := mine.GetCampaign(t.Context(), &campaignv1.GetCampaignRequest{Name: c.GetName()})
	if err != nil || !proto.Equal(got, c) {
		t.Errorf("after refusals the draft is %v, %v; want %v", got, err, c)
	}
	for range 2 { // a repeat gives nothing out again
		if err := publish(mine, &campaignv1.PublishCampaignRequest{RequestId: "p"}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := mine.ListAssignments(t.Context(), &campaignv1.ListAssignmentsRequest{Parent: c.GetName()})
	if err != nil || len(list.GetAssignments()) != 2 || list.GetAssignments()[0].GetEtag() != "1" {
		t.Errorf("assignments = %v, %v", list, err)
	}
	if err := publish(mine, &campaignv1.PublishCampaignRequest{}); !errors.Is(err, campaign.ErrIllegalMove) {
		t.Errorf("publishing twice = %v", err)
	}
}

// Who leads a campaign is a member in office where its publisher reaches, or a name: whoever
// is elsewhere is told from nobody by nothing.
func TestWhoLeadsACampaignIsInOffice(t *testing.T) {
	w := newWorld(t)
	c := w.draft("led")
	lead := func(members ...string) error {
		var group []*campaignv1.LeadingMember
		for _, m := range members {
			group = append(group, &campaignv1.LeadingMember{Post: campaignv1.LeadingMember_POST_HEAD, DisplayName: "示例组长", Member: m})
		}
		_, err := w.Campaign(w.clerk.Key).UpdateCampaign(t.Context(), &campaignv1.UpdateCampaignRequest{
			Campaign: &campaignv1.Campaign{Name: c.GetName(), LeadingGroup: group}, UpdateMask: mask("leading_group"),
		})
		w.must(err)
		_, err = w.Campaign(w.head.Key).PublishCampaign(t.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()})
		return err
	}
	for who, member := range map[string]string{
		"nobody": w.district + "/members/gone", "somebody elsewhere": w.otherHead.Name, "nobody elsewhere": w.other + "/members/gone", "of no unit": "units/none/members/gone",
	} {
		f := fault.As(lead("", w.schoolHead.Name, member))
		if f == nil || !f.Is(campaign.ErrLeaderUnknown) || len(f.Fields) != 1 || f.Fields[0].Path != "campaign.leading_group[2].member" {
			t.Errorf("led by %s: %v", who, f)
		}
	}
	w.must(lead("", w.schoolHead.Name, w.head.Name))
}

func TestAUnitThatWasJustCreatedIsInScope(t *testing.T) {
	w := newWorld(t)
	c := w.draft("c")
	late := w.Unit("late", w.district, organizationv1.Unit_KIND_SCHOOL)
	published, err := w.Campaign(w.head.Key).PublishCampaign(t.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()})
	if err != nil || published.GetAssignmentCount() != 3 {
		t.Errorf("with %s: %d assignments, %v", late, published.GetAssignmentCount(), err)
	}
}

func TestWhoReadsACampaign(t *testing.T) {
	w := newWorld(t)
	teaching := w.department(w.school, "teaching")
	draft, name := w.draft("draft").GetName(), w.publish("c")
	narrow := func(unit string) suitetest.Person {
		p := w.Person(w.school, clerk)
		w.Grant(p.Name, w.other, clerk)
		k, err := w.Organization(w.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
			ApiKey: &organizationv1.ApiKey{Principal: p.Name, Unit: unit},
		})
		w.must(err)
		return suitetest.Person{Name: p.Name, Key: k.GetSecret()}
	}
	for who, test := range map[string]struct {
		person           suitetest.Person
		draft, published bool
	}{
		"the owner":                 {w.clerk, true, true},
		"above the owner":           {w.Person(w.Root, viewer), true, true},
		"a school in scope":         {w.schoolClerk, false, true},
		"a department in it":        {w.Person(teaching, clerk), false, true},
		"a department of the owner": {w.Person("units/d-office", clerk), false, true},
		"another district":          {w.otherHead, false, false},
		"a key for its school":      {narrow(w.school), false, true},
		"a key for a department":    {narrow(teaching), false, true},
		"a key for elsewhere":       {narrow(w.other), false, false},
	} {
		for name, want := range map[string]bool{draft: test.draft, name: test.published} {
			_, err := w.Campaign(test.person.Key).GetCampaign(t.Context(), &campaignv1.GetCampaignRequest{Name: name})
			if want != (err == nil) || !want && !errors.Is(err, authz.ErrNotFound) {
				t.Errorf("%s reads %s: %v, want %v", who, name, err, want)
			}
		}
	}
	list, err := w.Campaign(w.schoolClerk.Key).ListCampaigns(t.Context(), &campaignv1.ListCampaignsRequest{})
	if err != nil || len(list.GetCampaigns()) != 1 || list.GetCampaigns()[0].GetName() != name {
		t.Errorf("a school lists %v, %v", list, err)
	}
}

func TestListingCampaigns(t *testing.T) {
	w := newWorld(t)
	w.draft("a")
	w.publish("b")
	mine := w.Campaign(w.clerk.Key)
	list := func(req *campaignv1.ListCampaignsRequest) (names []string) {
		t.Helper()
		for {
			answer, err := mine.ListCampaigns(t.Context(), req)
			w.must(err)
			for _, c := range answer.GetCampaigns() {
				names = append(names, c.GetName())
			}
			if req.PageToken = answer.GetNextPageToken(); req.PageToken == "" {
				return names
			}
		}
	}
	for name, test := range map[string]struct {
		req  *campaignv1.ListCampaignsRequest
		want []string
	}{
		"all":          {&campaignv1.ListCampaignsRequest{PageSize: 1}, []string{"campaigns/a", "campaigns/b"}},
		"of an owner":  {&campaignv1.ListCampaignsRequest{Owner: w.district, PageSize: 1}, []string{"campaigns/a", "campaigns/b"}},
		"of another":   {&campaignv1.ListCampaignsRequest{Owner: w.other}, nil},
		"with a state": {&campaignv1.ListCampaignsRequest{Filter: "state = PUBLISHED"}, []string{"campaigns/b"}},
	} {
		if diff := cmp.Diff(test.want, list(test.req)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestServicesReadACampaign(t *testing.T) {
	w := newWorld(t)
	name := w.draft("c").GetName()
	read := func(role string) error {
		_, err := campaignv1.NewCampaignServiceClient(w.Conn(role)).GetCampaign(t.Context(), &campaignv1.GetCampaignRequest{Name: name})
		return err
	}
	if err := read("rectification"); err != nil {
		t.Error(err)
	}
	for _, role := range []string{"organization", "aggregation", "evaluation"} {
		if read(role) == nil {
			t.Errorf("%s reads it, which the rule does not name", role)
		}
	}
}

// A draft may become part of a campaign of an installation above, never of one here
// or of what is no campaign; publishing settles it.
func TestACampaignIsPartOfOneAbove(t *testing.T) {
	w := newWorld(t)
	c := w.draft("c")
	part := func(of string) error {
		_, err := w.Campaign(w.clerk.Key).UpdateCampaign(t.Context(), &campaignv1.UpdateCampaignRequest{Campaign: &campaignv1.Campaign{Name: c.GetName(), Parent: of}})
		return err
	}
	for of, want := range map[string]error{
		"campaigns/c":                          change.ErrFields,
		"installations/51/campaigns/p/tasks/t": change.ErrFields,
		"installations/duban/campaigns/c":      campaign.ErrParentInvalid,
		"installations/51/campaigns/p":         nil,
	} {
		if err := part(of); !errors.Is(err, want) {
			t.Errorf("part of %q = %v, want %v", of, err, want)
		}
	}
	published, err := w.Campaign(w.head.Key).PublishCampaign(t.Context(), &campaignv1.PublishCampaignRequest{Name: c.GetName()})
	if err != nil || published.GetParent() != "installations/51/campaigns/p" {
		t.Errorf("published: %v, %v", published, err)
	}
	if err := part("installations/51/campaigns/q"); !errors.Is(err, campaign.ErrIllegalMove) {
		t.Errorf("another parent once it is published = %v", err)
	}
}
