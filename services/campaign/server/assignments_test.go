package server_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

func TestAnAssignmentFromIssueToApproval(t *testing.T) {
	w := newWorld(t)
	name := w.submitted("c")
	school, above := w.Campaign(w.schoolClerk.Key), w.Campaign(w.supervisor.Key)
	a, err := school.GetAssignment(t.Context(), &campaignv1.GetAssignmentRequest{Name: name})
	if err != nil || a.GetState() != campaignv1.Assignment_STATE_SUBMITTED || a.GetLate() || a.GetSubmitter() != w.schoolClerk.Name {
		t.Fatalf("submitted = %v, %v", a, err)
	}
	a, err = above.ReturnAssignment(t.Context(), &campaignv1.ReturnAssignmentRequest{Name: name, Reason: "照片不清"})
	if err != nil || a.GetReturns() != 1 || a.GetReturnReason() != "照片不清" || a.GetReviewer() != w.supervisor.Name {
		t.Fatalf("returned = %v, %v", a, err)
	}
	_, err = school.SubmitAssignment(t.Context(), submitting(name, w.attach(w.schoolClerk, name, photo(t, 1))))
	if !errors.Is(err, campaign.ErrUnchanged) {
		t.Errorf("submitting the same photo again, under another name = %v", err)
	}
	w.SetTime(time.Date(2026, 3, 2, 0, 0, 0, 0, time.FixedZone("CST", 8*60*60)))
	a, err = school.SubmitAssignment(t.Context(), submitting(name, w.attach(w.schoolClerk, name, photo(t, 2))))
	if err != nil || !a.GetLate() || a.GetReturns() != 1 {
		t.Fatalf("submitted again after the due date = %v, %v", a, err)
	}
	a, err = above.ApproveAssignment(t.Context(), &campaignv1.ApproveAssignmentRequest{Name: name, Etag: a.GetEtag()})
	if err != nil || a.GetState() != campaignv1.Assignment_STATE_APPROVED || a.GetApproveTime() == nil {
		t.Fatalf("approved = %v, %v", a, err)
	}
	if _, err := above.ReturnAssignment(t.Context(), &campaignv1.ReturnAssignmentRequest{Name: name, Reason: "x"}); !errors.Is(err, campaign.ErrAssignmentIllegalMove) {
		t.Errorf("returning what was approved = %v", err)
	}
}

// calls are the methods that change an assignment, for the name of one.
func calls(w *world) map[string]func(context.Context, campaignv1.CampaignServiceClient, string) error {
	return map[string]func(context.Context, campaignv1.CampaignServiceClient, string) error{
		"receive": func(ctx context.Context, c campaignv1.CampaignServiceClient, name string) error {
			_, err := c.ReceiveAssignment(ctx, &campaignv1.ReceiveAssignmentRequest{Name: name, ValidateOnly: true})
			return err
		},
		"submit": func(ctx context.Context, c campaignv1.CampaignServiceClient, name string) error {
			_, err := c.SubmitAssignment(ctx, &campaignv1.SubmitAssignmentRequest{Name: name, Summary: "无", NilReturn: true, ValidateOnly: true})
			return err
		},
		"approve": func(ctx context.Context, c campaignv1.CampaignServiceClient, name string) error {
			_, err := c.ApproveAssignment(ctx, &campaignv1.ApproveAssignmentRequest{Name: name, ValidateOnly: true})
			return err
		},
		"return": func(ctx context.Context, c campaignv1.CampaignServiceClient, name string) error {
			_, err := c.ReturnAssignment(ctx, &campaignv1.ReturnAssignmentRequest{Name: name, Reason: "退回", ValidateOnly: true})
			return err
		},
		"attach": func(ctx context.Context, c campaignv1.CampaignServiceClient, name string) error {
			req := attaching(name, photo(w.T, 1))
			req.ValidateOnly = true
			_, err := c.CreateAttachment(ctx, req)
			return err
		},
	}
}

func TestWhoMayDoWhatToAnAssignment(t *testing.T) {
	w := newWorld(t)
	issued := w.publish("issued") + "/assignments/t1-s1"
	received, handedIn := w.received("received"), w.submitted("handed-in")
	at := map[string]string{"receive": issued, "submit": received, "attach": received, "approve": handedIn, "return": handedIn}
	people := map[string]suitetest.Person{
		"school clerk": w.Person(w.school, clerk), "school head": w.schoolHead, "school leader": w.Person(w.school, leader),
		"school viewer": w.Person(w.school, viewer), "school supervisor": w.Person(w.school, supervisor), "another school": w.secondClerk,
		"district clerk": w.clerk, "district leader": w.leader, "district head": w.head, "district supervisor": w.supervisor,
		"root leader": w.Person(w.Root, leader), "machine": w.Machine(w.district, viewer), "another district": w.otherHead,
	}
	own := []string{"school clerk", "school head", "school leader"}
	superior := []string{"district leader", "district head", "district supervisor", "root leader"}
	may := map[string][]string{"receive": own, "submit": own, "attach": own, "approve": superior, "return": superior}
	for move, call := range calls(w) {
		for who, person := range people {
			err := call(t.Context(), w.Campaign(person.Key), at[move])
			switch want := refusal(who, move); {
			case slices.Contains(may[move], who):
				if err != nil {
					t.Errorf("%s: %s = %v", who, move, err)
				}
			case !errors.Is(err, want):
				t.Errorf("%s: %s = %v, want %v", who, move, err, want)
			}
		}
	}
}

// refusal is what somebody who may not make a move is told: strangers learn
// nothing, unless they have no role for it anywhere.
func refusal(who, move string) error {
	reviews := move == "approve" || move == "return"
	if who == "another district" || who == "another school" && !reviews {
		return authz.ErrNotFound
	}
	return authz.ErrDenied
}

func TestNobodyReviewsWhatTheySubmitted(t *testing.T) {
	w := newWorld(t)
	name := w.received("c")
	both := w.Person(w.district, leader)
	lent := w.Grant(both.Name, w.school, clerk)
	client := w.Campaign(both.Key)
	_, err := client.SubmitAssignment(t.Context(), submitting(name, w.attach(both, name, photo(t, 1))))
	w.must(err)
	insider := w.Person(w.school)
	w.Grant(insider.Name, w.district, leader)
	for _, who := range []suitetest.Person{both, insider} {
		if _, err := w.Campaign(who.Key).ApproveAssignment(t.Context(), &campaignv1.ApproveAssignmentRequest{Name: name}); !errors.Is(err, authz.ErrInvolved) {
			t.Errorf("approving one's own unit's = %v", err)
		}
	}
	_, err = w.Organization(w.SecurityAdmin).DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: lent})
	w.must(err)
	w.CatchUp()
	if _, err := client.ApproveAssignment(t.Context(), &campaignv1.ApproveAssignmentRequest{Name: name}); !errors.Is(err, campaign.ErrSamePerson) {
		t.Errorf("approving one's own = %v", err)
	}
	if _, err := client.ReturnAssignment(t.Context(), &campaignv1.ReturnAssignmentRequest{Name: name, Reason: "x"}); !errors.Is(err, campaign.ErrSamePerson) {
		t.Errorf("returning one's own = %v", err)
	}
	_, err = w.Campaign(w.leader.Key).ReturnAssignment(t.Context(), &campaignv1.ReturnAssignmentRequest{Name: name, Reason: "缺少签到表"})
	w.must(err)
	_, err = w.Campaign(w.schoolClerk.Key).SubmitAssignment(t.Context(), submitting(name, w.attach(w.schoolClerk, name, photo(t, 2))))
	w.must(err)
	if _, err := client.ApproveAssignment(t.Context(), &campaignv1.ApproveAssignmentRequest{Name: name}); !errors.Is(err, campaign.ErrSamePerson) {
		t.Errorf("approving what one submitted before it was returned = %v", err)
	}
	_, err = w.Campaign(w.leader.Key).ApproveAssignment(t.Context(), &campaignv1.ApproveAssignmentRequest{Name: name})
	w.must(err)
}

func TestAClosedCampaignChangesNoMore(t *testing.T) {
	w := newWorld(t)
	name := w.received("c")
	handedIn := w.submitted("d")
	for _, who := range []suitetest.Person{w.clerk, w.supervisor, w.Person(w.Root, head), w.schoolClerk} {
		if _, err := w.Campaign(who.Key).CloseCampaign(t.Context(), &campaignv1.CloseCampaignRequest{Name: "campaigns/c"}); !errors.Is(err, authz.ErrDenied) {
			t.Errorf("%s closes: %v, want ErrDenied", who.Name, err)
		}
	}
	for _, c := range []string{"campaigns/c", "campaigns/d"} {
		closed, err := w.Campaign(w.leader.Key).CloseCampaign(t.Context(), &campaignv1.CloseCampaignRequest{Name: c})
		if err != nil || closed.GetState() != campaignv1.Campaign_STATE_CLOSED || closed.GetCloseTime() == nil || closed.GetCloser() != w.leader.Name {
			t.Fatalf("CloseCampaign = %v, %v", closed, err)
		}
	}
	at := map[string]string{"receive": name, "submit": name, "attach": name, "approve": handedIn, "return": handedIn}
	for move, call := range calls(w) {
		who := w.schoolClerk
		if at[move] == handedIn {
			who = w.supervisor
		}
		if err := call(t.Context(), w.Campaign(who.Key), at[move]); !errors.Is(err, campaign.ErrCampaignClosed) {
			t.Errorf("%s = %v, want ErrCampaignClosed", move, err)
		}
	}
	if _, err := w.Campaign(w.schoolClerk.Key).GetAssignment(t.Context(), &campaignv1.GetAssignmentRequest{Name: name}); err != nil {
		t.Errorf("reading it still: %v", err)
	}
}

func TestListingAssignments(t *testing.T) {
	w := newWorld(t)
	w.publish("a")
	w.publish("ab")
	w.received("b")
	list := func(who suitetest.Person, req *campaignv1.ListAssignmentsRequest) (names []string) {
		t.Helper()
		for {
			answer, err := w.Campaign(who.Key).ListAssignments(t.Context(), req)
			w.must(err)
			for _, a := range answer.GetAssignments() {
				names = append(names, a.GetName()[len("campaigns/"):])
			}
			if req.PageToken = answer.GetNextPageToken(); req.PageToken == "" {
				return names
			}
		}
	}
	a1, a2, ab1, ab2, b1, b2 := "a/assignments/t1-s1", "a/assignments/t1-s2", "ab/assignments/t1-s1", "ab/assignments/t1-s2", "b/assignments/t1-s1", "b/assignments/t1-s2"
	for name, test := range map[string]struct {
		who  suitetest.Person
		req  *campaignv1.ListAssignmentsRequest
		want []string
	}{
		"of a campaign":      {w.clerk, &campaignv1.ListAssignmentsRequest{Parent: "campaigns/a", PageSize: 1}, []string{a1, a2}},
		"of all":             {w.clerk, &campaignv1.ListAssignmentsRequest{Parent: "campaigns/-", PageSize: 2}, []string{a1, a2, ab1, ab2, b1, b2}},
		"of a unit":          {w.clerk, &campaignv1.ListAssignmentsRequest{Parent: "campaigns/-", Unit: w.school, PageSize: 1}, []string{a1, ab1, b1}},
		"of a unit in one":   {w.clerk, &campaignv1.ListAssignmentsRequest{Parent: "campaigns/ab", Unit: w.second}, []string{ab2}},
		"what a school sees": {w.schoolClerk, &campaignv1.ListAssignmentsRequest{Parent: "campaigns/-"}, []string{a1, ab1, b1}},
		"with a state":       {w.clerk, &campaignv1.ListAssignmentsRequest{Parent: "campaigns/-", Filter: "state = RECEIVED"}, []string{b1}},
		"by due date":        {w.clerk, &campaignv1.ListAssignmentsRequest{Parent: "campaigns/a", Filter: `due_date < "2026-03-01"`}, nil},
	} {
		if diff := cmp.Diff(test.want, list(test.who, test.req)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := w.Campaign(w.clerk.Key).ListAssignments(t.Context(), &campaignv1.ListAssignmentsRequest{Parent: "campaigns/none"}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("of a campaign that is not there = %v", err)
	}
	if _, err := w.Campaign(w.schoolClerk.Key).ListAssignments(t.Context(), &campaignv1.ListAssignmentsRequest{Parent: "campaigns/-", Unit: w.second}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("of a unit one does not see = %v", err)
	}
}

func TestAnArchivedUnitKeepsItsAssignmentsAndGetsNoNewOnes(t *testing.T) {
	w := newWorld(t)
	w.publish("before")
	_, err := w.Organization(w.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: w.school})
	w.must(err)
	w.publish("after")
	kept, err := w.Campaign(w.clerk.Key).ListAssignments(t.Context(), &campaignv1.ListAssignmentsRequest{Parent: "campaigns/-", Unit: w.school})
	if err != nil || len(kept.GetAssignments()) != 1 || kept.GetAssignments()[0].GetCampaign() != "campaigns/before" {
		t.Errorf("kept = %v, %v", kept, err)
	}
	_, err = w.Campaign(w.schoolClerk.Key).ReceiveAssignment(t.Context(), &campaignv1.ReceiveAssignmentRequest{Name: "campaigns/before/assignments/t1-s1"})
	if err != nil {
		t.Errorf("the archived unit goes on: %v", err)
	}
}

// What a merged unit was to do its heir receives, and nobody else does. The heir of
// an owner goes on with its campaign, which those whom it concerns still read.
func TestAMergedUnitsAssignmentsAreItsHeirs(t *testing.T) {
	w := newWorld(t)
	w.publish("c")
	merge := func(unit, into string) {
		t.Helper()
		_, err := w.Organization(w.SystemAdmin).MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: unit, Into: into})
		w.must(err)
		w.CatchUp()
	}
	receive := func(by suitetest.Person) error {
		_, err := w.Campaign(by.Key).ReceiveAssignment(t.Context(), &campaignv1.ReceiveAssignmentRequest{Name: "campaigns/c/assignments/t1-s1"})
		return err
	}
	merge(w.school, w.second)
	for who, by := range map[string]suitetest.Person{"of the school": w.schoolClerk, "above": w.clerk} {
		if err := receive(by); !errors.Is(err, authz.ErrDenied) {
			t.Errorf("the clerk %s receives: %v", who, err)
		}
	}
	w.must(receive(w.secondClerk))
	merge(w.district, w.other)
	_, err := w.Campaign(w.secondClerk.Key).GetCampaign(t.Context(), &campaignv1.GetCampaignRequest{Name: "campaigns/c"})
	w.must(err)
	_, err = w.Campaign(w.otherHead.Key).CloseCampaign(t.Context(), &campaignv1.CloseCampaignRequest{Name: "campaigns/c"})
	w.must(err)
}

// TestWhoHasAnAssignmentReadsItsCampaign, also from another district, and so does who
// stands above them there.
func TestWhoHasAnAssignmentReadsItsCampaign(t *testing.T) {
	w := newWorld(t)
	w.publish("c")
	reads := func(by suitetest.Person) error {
		_, err := w.Campaign(by.Key).GetCampaign(t.Context(), &campaignv1.GetCampaignRequest{Name: "campaigns/c"})
		return err
	}
	third := w.Unit("s3", w.other, organizationv1.Unit_KIND_SCHOOL)
	stranger := w.Person(third, accessv1.Role_ROLE_CLERK)
	if err := reads(stranger); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("another district's school reads it: %v", err)
	}
	absent := func(when string) {
		t.Helper()
		if err := reads(w.otherHead); !errors.Is(err, authz.ErrNotFound) {
			t.Errorf("another district reads it %s: %v", when, err)
		}
	}
	absent("beside it")
	w.SetTime(suitetest.Start.AddDate(0, 1, 0))
	_, err := w.Organization(w.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: w.department(w.district, "moved"), Parent: w.other})
	w.must(err)
	w.CatchUp()
	absent("with a department that it is not about")
	_, err = w.Organization(w.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: w.second, Parent: w.other})
	w.must(err)
	w.CatchUp()
	w.must(reads(w.secondClerk))
	w.must(reads(w.otherHead))
	list, err := w.Campaign(w.otherHead.Key).ListCampaigns(t.Context(), &campaignv1.ListCampaignsRequest{})
	if err != nil || len(list.GetCampaigns()) != 1 {
		t.Errorf("who stands above a school that was moved lists %v, %v", list, err)
	}
	if _, err := w.Campaign(w.otherHead.Key).CloseCampaign(t.Context(), &campaignv1.CloseCampaignRequest{Name: "campaigns/c"}); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("who stands above a school that was moved closes it: %v", err)
	}
	if err := reads(stranger); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("the neighbour of a school that was moved reads it: %v", err)
	}
	_, err = w.Organization(w.SystemAdmin).MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: w.school, Into: third})
	w.must(err)
	w.CatchUp()
	w.must(reads(stranger))
}

// On a clock that stands still a unit is moved at the instant at which a campaign was
// published: what came first is told by the assignments.
func TestAMoveAtTheInstantOfPublishingHidesNoCampaign(t *testing.T) {
	w := newWorld(t)
	move := func(unit string) {
		t.Helper()
		_, err := w.Organization(w.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: unit, Parent: w.other})
		w.must(err)
		w.CatchUp()
	}
	w.draft("later")
	move(w.second)
	before := w.publish("c")
	move(w.school)
	later, err := w.Campaign(w.head.Key).GetCampaign(t.Context(), &campaignv1.GetCampaignRequest{Name: "campaigns/later"})
	w.must(err)
	for name, c := range map[string]struct {
		who      suitetest.Person
		campaign string
		want     error
	}{
		"of what was moved then":            {w.schoolClerk, before, nil},
		"who came to stand above it":        {w.otherHead, before, nil},
		"of what was moved before":          {w.secondClerk, before, authz.ErrNotFound},
		"of what was moved, of a draft yet": {w.schoolClerk, later.GetName(), authz.ErrNotFound},
	} {
		if _, err := w.Campaign(c.who.Key).GetCampaign(t.Context(), &campaignv1.GetCampaignRequest{Name: c.campaign}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
