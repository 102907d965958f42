package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/rectification"
)

func TestALedgerIsSignedFiledAndAcknowledgedVersionByVersion(t *testing.T) {
	w := begin(t)
	ledger := suitetest.OK[*rectificationv1.Ledger](t)
	l := w.ledger(t)
	one := w.problem(t, w.clerk, l.GetName(), selfCheck("第一个问题"))
	w.plan(t, one.GetName(), "2026-03-31")

	read := ledger(w.as(w.head).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: l.GetName()}))
	two := w.problem(t, w.clerk, l.GetName(), selfCheck("第二个问题"))
	_, err := w.as(w.head).SignLedger(t.Context(), &rectificationv1.SignLedgerRequest{Name: l.GetName(), ContentDigest: read.GetContentDigest()})
	want(t, "signing what has changed since", err, rectification.ErrLedgerDigestStale)

	read = ledger(w.as(w.head).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: l.GetName()}))
	_, err = w.as(w.head).SignLedger(t.Context(), &rectificationv1.SignLedgerRequest{Name: l.GetName(), ContentDigest: read.GetContentDigest()})
	want(t, "signing what has no plan", err, rectification.ErrLedgerPlanMissing)
	w.plan(t, two.GetName(), "2026-03-31")

	signed := w.sign(t, l.GetName())
	sig := signed.GetSignature()
	if sig.GetSigner() != w.head.Name || sig.GetRole() != accessv1.Role_ROLE_HEAD || sig.GetUnit() != w.school || sig.GetApiKey() == "" || sig.GetTime() == nil {
		t.Errorf("the signature says %v", sig)
	}
	w.plan(t, two.GetName(), "2026-04-30")
	if l = ledger(w.as(w.clerk).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: l.GetName()})); l.GetState() != rectificationv1.Ledger_STATE_OPEN || l.GetSignature() != nil {
		t.Errorf("after a change the signed ledger is %v, signed by %v", l.GetState(), l.GetSignature())
	}
	_, err = w.as(w.clerk).FileLedger(t.Context(), &rectificationv1.FileLedgerRequest{Name: l.GetName()})
	want(t, "filing without a signature", err, rectification.ErrLedgerIllegalMove)

	if l = w.file(t, l.GetName()); l.GetVersion() != 1 || l.GetPendingChanges() || l.GetFiledLate() {
		t.Errorf("filed = %v", l)
	}
	measures := suitetest.OK[*rectificationv1.Problem](t)(w.as(w.leader).UpdateProblem(t.Context(), &rectificationv1.UpdateProblemRequest{
		Problem: &rectificationv1.Problem{Name: one.GetName(), Measures: "更好的措施"},
	}))
	if measures.GetFiledVersion() != 0 || measures.GetAccepted() {
		t.Errorf("a changed problem = %v", measures)
	}
	l = ledger(w.as(w.bureauLeader).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()}))
	if l.GetState() != rectificationv1.Ledger_STATE_ACKNOWLEDGED || l.GetAcknowledgedVersion() != 1 || !l.GetPendingChanges() {
		t.Errorf("acknowledged = %v", l)
	}
	if l = w.file(t, l.GetName()); l.GetVersion() != 2 || l.GetAcknowledgedVersion() != 1 {
		t.Errorf("the supplementary version = %v", l)
	}
	for version, measures := range map[string]string{"0001": "措施", "0002": "更好的措施"} {
		filed := suitetest.OK[*rectificationv1.ListFiledProblemsResponse](t)(w.as(w.viewer).ListFiledProblems(t.Context(), &rectificationv1.ListFiledProblemsRequest{
			Parent: l.GetName() + "/versions/" + version,
		})).GetFiledProblems()
		if len(filed) != 2 || filed[0].GetMeasures() != measures || filed[1].GetDescription() != "第二个问题" || filed[0].GetLeaderResponsible() != w.leader.Name {
			t.Errorf("version %s = %v", version, filed)
		}
	}
	w.paged(t, l.GetName()+"/versions/0002", "第一个问题", "第二个问题")
	versions := suitetest.OK[*rectificationv1.ListLedgerVersionsResponse](t)(w.as(w.viewer).ListLedgerVersions(t.Context(), &rectificationv1.ListLedgerVersionsRequest{Parent: l.GetName()})).GetLedgerVersions()
	if len(versions) != 2 || versions[0].GetState() != rectificationv1.LedgerVersion_STATE_ACKNOWLEDGED || versions[1].GetState() != rectificationv1.LedgerVersion_STATE_FILED {
		t.Fatalf("versions = %v", versions)
	}
	if v := versions[0]; v.GetSignature().GetDigest() != v.GetContentDigest() || v.GetDecider() != w.bureauLeader.Name || v.GetFiler() != w.clerk.Name {
		t.Errorf("version 1 = %v", v)
	}
	accepted := suitetest.OK[*rectificationv1.Problem](t)(w.as(w.viewer).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: one.GetName()}))
	if !accepted.GetAccepted() || accepted.GetFiledVersion() != 2 {
		t.Errorf("the problem of an acknowledged version = %v", accepted)
	}
	w.sound(t)
}

// paged reads a version one problem at a time. Their contents were filed in
// different versions, so their names are not in the order of their numbers.
func (w *world) paged(t *testing.T, version string, want ...string) {
	t.Helper()
	var got []string
	req := &rectificationv1.ListFiledProblemsRequest{Parent: version, PageSize: 1}
	for range len(want) + 1 {
		page := suitetest.OK[*rectificationv1.ListFiledProblemsResponse](t)(w.as(w.viewer).ListFiledProblems(t.Context(), req))
		for _, p := range page.GetFiledProblems() {
			got = append(got, p.GetDescription())
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page by page (-want +got):\n%s", diff)
	}
}

func TestAReturnedLedgerIsChangedAndFiledAgain(t *testing.T) {
	w := begin(t)
	l := w.ledger(t)
	p := w.problem(t, w.clerk, l.GetName(), selfCheck("问题"))
	w.plan(t, p.GetName(), "2026-03-31")
	w.file(t, l.GetName())
	returned := suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.supervisor).ReturnLedger(t.Context(), &rectificationv1.ReturnLedgerRequest{Name: l.GetName(), Reason: "措施不具体"}))
	if returned.GetState() != rectificationv1.Ledger_STATE_RETURNED || returned.GetReturnReason() != "措施不具体" {
		t.Errorf("returned = %v", returned)
	}
	w.planAs(t, &rectificationv1.PlanProblemRequest{Name: p.GetName(), Measures: "具体措施"})
	w.file(t, l.GetName())
	v := suitetest.OK[*rectificationv1.LedgerVersion](t)(w.as(w.viewer).GetLedgerVersion(t.Context(), &rectificationv1.GetLedgerVersionRequest{Name: l.GetName() + "/versions/0001"}))
	if v.GetState() != rectificationv1.LedgerVersion_STATE_RETURNED || v.GetReturnReason() != "措施不具体" {
		t.Errorf("version 1 = %v", v)
	}
	w.plan(t, w.problem(t, w.clerk, l.GetName(), selfCheck("又一个")).GetName(), "2026-03-31")
	w.file(t, l.GetName())
	v = suitetest.OK[*rectificationv1.LedgerVersion](t)(w.as(w.viewer).GetLedgerVersion(t.Context(), &rectificationv1.GetLedgerVersionRequest{Name: l.GetName() + "/versions/0002"}))
	if v.GetState() != rectificationv1.LedgerVersion_STATE_SUPERSEDED {
		t.Errorf("a version that nobody decided on is %v after the next", v.GetState())
	}
}

func TestACampaignsLedgerTakesItsDateAndCategories(t *testing.T) {
	w := begin(t)
	published, draft := w.campaign(t, "c", true), w.campaign(t, "d", false)
	create := func(campaign string) (*rectificationv1.Ledger, error) {
		return w.as(w.clerk).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{
			Ledger: &rectificationv1.Ledger{Unit: w.school, Campaign: campaign},
		})
	}
	_, err := create("campaigns/none")
	want(t, "a campaign that is not there", err, rectification.ErrLedgerCampaignUnknown)
	_, err = create(draft)
	want(t, "a draft, which the school may not know of", err, rectification.ErrLedgerCampaignUnknown)
	l := suitetest.OK[*rectificationv1.Ledger](t)(create(published))
	if l.GetFilingDueDate() != "2026-04-05" || l.GetCategories()[0].GetItems()[0] != "SLOW-1" {
		t.Errorf("ledger = %v", l)
	}
	_, err = create(published)
	want(t, "a second ledger", err, rectification.ErrLedgerExists)
	if standing := w.ledger(t); standing.GetName() == l.GetName() {
		t.Error("the standing ledger is the campaign's")
	}

	p := selfCheck("问题")
	p.Category = "HARD"
	_, err = w.as(w.clerk).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: p})
	want(t, "a category that the campaign has not", err, rectification.ErrProblemCategoryUnknown)
	at(t, err, "problem.category")
	p.Category, p.Item = "SLOW", "SLOW-1"
	if p = w.problem(t, w.clerk, l.GetName(), p); p.GetCampaign() != published || p.GetNumber() != 1 {
		t.Errorf("problem = %v", p)
	}
	w.plan(t, p.GetName(), "2026-04-30")
	w.SetTime(day(t, "2026-04-06")) // a holiday: the date stands as written
	if l = w.file(t, l.GetName()); !l.GetFiledLate() {
		t.Error("filed a day late, and not recorded so")
	}
}

func TestTheTopmostUnitRecordsWhatItsSuperiorReplied(t *testing.T) {
	w := begin(t)
	top := w.Person(w.Root, head, clerk)
	l := suitetest.OK[*rectificationv1.Ledger](t)(w.as(top).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: w.Root}}))
	file := func() {
		read := suitetest.OK[*rectificationv1.Ledger](t)(w.as(top).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: l.GetName()}))
		suitetest.OK[*rectificationv1.Ledger](t)(w.as(top).SignLedger(t.Context(), &rectificationv1.SignLedgerRequest{Name: l.GetName(), ContentDigest: read.GetContentDigest()}))
		suitetest.OK[*rectificationv1.Ledger](t)(w.as(top).FileLedger(t.Context(), &rectificationv1.FileLedgerRequest{Name: l.GetName()}))
	}
	reply := func(name, reason string) (*rectificationv1.Ledger, error) {
		return w.as(top).RecordLedgerReply(t.Context(), &rectificationv1.RecordLedgerReplyRequest{Name: name, DocumentNumber: "示例函〔2026〕1号", ReturnReason: reason})
	}
	file()
	_, err := w.as(top).AcknowledgeLedger(t.Context(), &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()})
	want(t, "acknowledging one's own", err, authz.ErrDenied)
	if got := suitetest.OK[*rectificationv1.Ledger](t)(reply(l.GetName(), "再议")); got.GetState() != rectificationv1.Ledger_STATE_RETURNED {
		t.Errorf("returned from outside = %v", got)
	}
	file()
	if got := suitetest.OK[*rectificationv1.Ledger](t)(reply(l.GetName(), "")); got.GetAcknowledgedVersion() != 2 {
		t.Errorf("acknowledged from outside = %v", got)
	}
	v := suitetest.OK[*rectificationv1.LedgerVersion](t)(w.as(top).GetLedgerVersion(t.Context(), &rectificationv1.GetLedgerVersionRequest{Name: l.GetName() + "/versions/0002"}))
	if v.GetDocumentNumber() != "示例函〔2026〕1号" {
		t.Errorf("version = %v", v)
	}
	school := w.ledger(t)
	w.file(t, school.GetName())
	_, err = w.as(w.head).RecordLedgerReply(t.Context(), &rectificationv1.RecordLedgerReplyRequest{Name: school.GetName(), DocumentNumber: "1"})
	want(t, "a school that answers for its superior", err, rectification.ErrLedgerHasSuperior)
}

func TestAnArchivedUnitGetsNoNewWork(t *testing.T) {
	w := begin(t)
	gone := w.Unit("gone", w.school, organizationv1.Unit_KIND_DEPARTMENT)
	l := suitetest.OK[*rectificationv1.Ledger](t)(w.service("complaint").EnsureLedger(t.Context(), &rectificationv1.EnsureLedgerRequest{Unit: gone}))
	suitetest.OK[*organizationv1.Unit](t)(w.Organization(w.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: gone}))
	// A refusal has the tree caught up with.
	_, err := w.service("complaint").EnsureLedger(t.Context(), &rectificationv1.EnsureLedgerRequest{Unit: "units/none"})
	want(t, "a ledger of no unit", err, authz.ErrNotFound)
	_, err = w.as(w.clerk).CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: selfCheck("新问题")})
	want(t, "a problem of an archived unit", err, rectification.ErrLedgerUnitArchived)
}

func TestLedgersAreListedByUnitCampaignAndSight(t *testing.T) {
	w := begin(t)
	c := w.campaign(t, "c", true)
	w.issued(t, 2)
	school := w.ledger(t)
	other := suitetest.OK[*rectificationv1.Ledger](t)(w.as(w.stranger).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: w.other, Campaign: c}}))
	list := func(key string, req *rectificationv1.ListLedgersRequest) []string {
		var names []string
		for _, l := range suitetest.OK[*rectificationv1.ListLedgersResponse](t)(w.Rectification(key).ListLedgers(t.Context(), req)).GetLedgers() {
			names = append(names, l.GetName())
		}
		return names
	}
	for what, c := range map[string]struct {
		key  string
		req  *rectificationv1.ListLedgersRequest
		want int
	}{
		"the bureau sees":        {w.supervisor.Key, &rectificationv1.ListLedgersRequest{}, 3},
		"a school sees":          {w.viewer.Key, &rectificationv1.ListLedgersRequest{}, 2},
		"of a unit":              {w.supervisor.Key, &rectificationv1.ListLedgersRequest{Unit: w.other}, 1},
		"of a campaign":          {w.supervisor.Key, &rectificationv1.ListLedgersRequest{Campaign: c}, 2},
		"of both":                {w.supervisor.Key, &rectificationv1.ListLedgersRequest{Unit: w.school, Campaign: c}, 1},
		"of both, of which none": {w.supervisor.Key, &rectificationv1.ListLedgersRequest{Unit: w.school, Campaign: "campaigns/d"}, 0},
		"of a campaign, unseen":  {w.viewer.Key, &rectificationv1.ListLedgersRequest{Campaign: c}, 1},
		"that a filter lets by":  {w.supervisor.Key, &rectificationv1.ListLedgersRequest{Filter: "filing_due_date <= \"2026-04-05\" AND filing_due_date != \"\" AND issued = false"}, 1},
	} {
		if got := list(c.key, c.req); len(got) != c.want {
			t.Errorf("%s: %v, want %d", what, got, c.want)
		}
	}
	if diff := cmp.Diff([]string{school.GetName()}, list(w.viewer.Key, &rectificationv1.ListLedgersRequest{Filter: "campaign = \"\""})); diff != "" {
		t.Errorf("the school's own (-want +got):\n%s", diff)
	}
	for _, unit := range []string{w.other, "units/none"} {
		_, err := w.as(w.viewer).ListLedgers(t.Context(), &rectificationv1.ListLedgersRequest{Unit: unit})
		if f := fault.As(err); f == nil || !f.Is(authz.ErrNotFound) || len(f.Fields) != 1 || f.Fields[0].Path != "unit" {
			t.Errorf("of %s, which the caller does not see: %v", unit, err)
		}
	}
	_, err := w.as(w.viewer).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: other.GetName()})
	want(t, "reading an invisible ledger", err, authz.ErrNotFound)
}

// What a search passes over counts as looked at, so that no page costs more than
// the limit, however few records the caller asks for.
func TestASearchThatPassesOverManyEndsItsPage(t *testing.T) {
	w := begin(t)
	w.Stop()
	w.crowd(t, 10_001, "campaigns/crowded")
	w.crowd(t, 1, "campaigns/rare")
	client := suitetest.RunIn(t, w.Folder).Rectification(w.viewer.Key)
	req := &rectificationv1.ListLedgersRequest{Unit: w.school, Campaign: "campaigns/rare"}
	first := suitetest.OK[*rectificationv1.ListLedgersResponse](t)(client.ListLedgers(t.Context(), req))
	if len(first.GetLedgers()) > 0 || first.GetNextPageToken() == "" {
		t.Fatalf("the first page has %d ledgers and the token %q, want none and one", len(first.GetLedgers()), first.GetNextPageToken())
	}
	req.PageToken = first.GetNextPageToken()
	second := suitetest.OK[*rectificationv1.ListLedgersResponse](t)(client.ListLedgers(t.Context(), req))
	if len(second.GetLedgers()) != 1 || second.GetNextPageToken() != "" {
		t.Errorf("the second page = %v, want the one ledger", second)
	}
}

// crowd enters n ledgers of the school into the store of a suite that has
// stopped, behind those that are there.
func (w *world) crowd(t *testing.T, n int, campaign string) {
	t.Helper()
	engine := suitetest.OK[store.Engine](t)(bolt.Open(w.Store("rectification"), bolt.Options{}))
	ledgers := store.Table[*rectificationv1.Ledger]{
		Bucket: "duban.rectification.v1.Ledger", Key: (*rectificationv1.Ledger).GetName,
		Indexes: []string{"unit", "campaign"},
	}
	err := engine.Update(t.Context(), func(tx store.Tx) (err error) {
		for i := range n {
			name := fmt.Sprintf("ledgers/%s-%05d", strings.TrimPrefix(campaign, "campaigns/"), i)
			err = errors.Join(err, ledgers.Put(tx, &rectificationv1.Ledger{Name: name, Unit: w.school, Campaign: campaign}))
		}
		return err
	})
	if err = errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestWhoSignsIsInOffice: the signature keeps the post, and whose post has ended signs
// nothing, whatever role is still granted.
func TestWhoSignsIsInOffice(t *testing.T) {
	w := begin(t)
	name := w.ledger(t).GetName()
	w.plan(t, w.problem(t, w.clerk, name, selfCheck("问题")).GetName(), "2026-03-31")
	serves := func(posts ...*organizationv1.Post) {
		t.Helper()
		if _, err := w.Organization(w.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{
			Member: &organizationv1.Member{Name: w.head.Name, Posts: posts},
		}); err != nil {
			t.Fatal(err)
		}
		w.CatchUp()
	}
	sign := func() (*rectificationv1.Ledger, error) {
		read, err := w.as(w.head).GetLedger(t.Context(), &rectificationv1.GetLedgerRequest{Name: name})
		if err != nil {
			return nil, err
		}
		return w.as(w.head).SignLedger(t.Context(), &rectificationv1.SignLedgerRequest{Name: name, ContentDigest: read.GetContentDigest()})
	}
	head := &organizationv1.Post{Unit: w.school, Kind: organizationv1.Post_KIND_HEAD, Title: "校长", EndDate: "2026-01-31"}
	serves(head)
	_, err := sign()
	want(t, "signing after the post's end", err, authz.ErrPostsOver)
	serves(&organizationv1.Post{Unit: w.bureau, Kind: organizationv1.Post_KIND_STAFF})
	_, err = sign()
	want(t, "signing by who serves elsewhere", err, rectification.ErrLedgerSignerOutside)
	head.EndDate = ""
	serves(head)
	signed, err := sign()
	if sig := signed.GetSignature(); err != nil || sig.GetPostKind() != head.GetKind() || sig.GetPostTitle() != head.GetTitle() {
		t.Errorf("signed in office by %v, %v", sig, err)
	}
}
