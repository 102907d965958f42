package server_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
)

func TestARoundFromDraftToPublication(t *testing.T) {
	w := newWorld(t)
	ctx, bureau := t.Context(), w.Evaluation(w.supervisor.Key)
	name := w.open("first")
	w.voted(name, "served", 6, "satisfied", "fairly")
	w.voted(name, "society", 5, "fairly", "")
	opened := suitetest.OK[*evaluationv1.Round](t)(bureau.GetRound(ctx, &evaluationv1.GetRoundRequest{Name: name}))
	if g := opened.GetGroups()[0]; g.GetIssued() != 6 || g.GetCast() != 0 {
		t.Errorf("while open, group = %v; want 6 issued and nothing of the casts", g)
	}
	if opened.GetCredentialStrength() != evaluation.Strength || opened.GetCredentialNotice().GetZh() == "" || opened.GetFrozenScheme().GetVersion() != opened.GetSchemeVersion() {
		t.Errorf("the round does not say by what it goes: %v", opened)
	}
	w.closed(name) // every code is spent
	w.tallied(name)

	got := suitetest.OK[*evaluationv1.Result](t)(bureau.GetResult(ctx, result(name, w.school1)))
	// 50 at 100 and 25 at 75 share the weight of the monitors, who were not asked.
	if got.GetComposite() != "91.67" || got.GetRank() != 1 || got.GetGrade() != "excellent" || got.GetSatisfactionRate() != "100.00" || !got.GetRedistributed() {
		t.Errorf("the result of s1 = %v", got)
	}
	if second := suitetest.OK[*evaluationv1.Result](t)(bureau.GetResult(ctx, result(name, w.school2))); second.GetComposite() != "75.00" || second.GetRank() != 2 {
		t.Errorf("the result of s2 = %v", second)
	}
	for _, key := range []string{w.school1Head.Key, w.stranger.Key} {
		if _, err := w.Evaluation(key).GetRound(ctx, &evaluationv1.GetRoundRequest{Name: name}); !errors.Is(err, authz.ErrNotFound) {
			t.Errorf("a round before publication = %v, want ErrNotFound", err)
		}
		if _, err := w.Evaluation(key).GetResult(ctx, result(name, w.school1)); !errors.Is(err, authz.ErrNotFound) {
			t.Errorf("a result before publication = %v, want ErrNotFound", err)
		}
	}
	w.published(name)
	school := w.Evaluation(w.school1Head.Key)
	round := suitetest.OK[*evaluationv1.Round](t)(school.GetRound(ctx, &evaluationv1.GetRoundRequest{Name: name}))
	if round.GetState() != evaluationv1.Round_STATE_PUBLISHED || round.GetPublishTime() == nil || round.GetAverage() != "83.34" {
		t.Errorf("published = %s, %v, average %s", round.GetState(), round.GetPublishTime(), round.GetAverage())
	}
	if got := suitetest.OK[*evaluationv1.Result](t)(school.GetResult(ctx, result(name, w.school1))); got.GetPublishTime() == nil {
		t.Error("a published result does not say when")
	}
	if _, err := school.CloseRound(ctx, &evaluationv1.CloseRoundRequest{Name: name}); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("a unit rated closes the round it sees = %v, want ErrDenied", err)
	}
	if _, err := w.Evaluation(w.stranger.Key).GetRound(ctx, &evaluationv1.GetRoundRequest{Name: name}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("another bureau reads the round = %v, want ErrNotFound", err)
	}
}

func TestWhoSeesWhoseResults(t *testing.T) {
	w := newWorld(t)
	w.found(w.school1, 1)
	w.found(w.school2, 1)
	public := w.open("public")
	w.voted(public, "served", 5, "satisfied", "fairly")
	private := w.open("private", func(r *evaluationv1.Round) {
		r.Scheme, r.Groups = "evaluationSchemes/special", []*evaluationv1.RaterGroup{{Code: "supervisors", Credentials: 9}}
	})
	w.scored(private)
	w.closed(public)
	w.closed(private)
	w.tallied(public)
	suitetest.OK[*evaluationv1.Round](t)(w.tallies(private, w.entered("80")...))
	w.published(public)
	w.published(private)
	for _, c := range []struct {
		round, key string
		want       []string
	}{
		{public, w.supervisor.Key, []string{w.school1, w.school2}},
		{public, w.school1Head.Key, []string{w.school1, w.school2}},
		{private, w.viewer.Key, []string{w.school1, w.school2}},
		{private, w.school1Head.Key, []string{w.school1}},
		{private, w.school2Head.Key, []string{w.school2}},
	} {
		list, err := w.Evaluation(c.key).ListResults(t.Context(), &evaluationv1.ListResultsRequest{Parent: c.round})
		var units []string
		for _, r := range list.GetResults() {
			units = append(units, r.GetUnit())
		}
		if err != nil || !slices.Equal(units, c.want) {
			t.Errorf("results of %s = %v, %v; want %v", c.round, units, err, c.want)
		}
	}
	if _, err := w.Evaluation(w.stranger.Key).ListResults(t.Context(), &evaluationv1.ListResultsRequest{Parent: public}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("another bureau lists results = %v", err)
	}
	if got := suitetest.OK[*evaluationv1.Result](t)(w.Evaluation(w.school1Head.Key).GetResult(t.Context(), result(private, w.school1))); got.GetComposite() != "70.30" || len(got.GetMeasures()) != 2 {
		t.Errorf("scores and measures give %v, want 70.30", got) // 0.6×90.5 + 0.2×80 + 0.2×0
	}
	list := suitetest.OK[*evaluationv1.ListRoundsResponse](t)(w.Evaluation(w.school2Head.Key).ListRounds(t.Context(), &evaluationv1.ListRoundsRequest{Subject: w.school2, Filter: "state = PUBLISHED"}))
	if len(list.GetRounds()) != 2 {
		t.Errorf("the school lists %d rounds, want 2", len(list.GetRounds()))
	}
	if own := suitetest.OK[*evaluationv1.ListRoundsResponse](t)(w.Evaluation(w.supervisor.Key).ListRounds(t.Context(), &evaluationv1.ListRoundsRequest{Owner: w.bureau})); len(own.GetRounds()) != 2 {
		t.Errorf("the bureau lists %d rounds of its own, want 2", len(own.GetRounds()))
	}
	if _, err := w.Evaluation(w.supervisor.Key).ListRounds(t.Context(), &evaluationv1.ListRoundsRequest{Owner: w.bureau, Subject: w.school1}); !errors.Is(err, change.ErrFields) {
		t.Errorf("owner and subject together = %v", err)
	}
}

// TestWrongRoles calls every method that changes something as those who may not.
func TestWrongRoles(t *testing.T) {
	w := newWorld(t)
	name := w.draft("first")
	clerk, machine := w.Person(w.bureau, accessv1.Role_ROLE_CLERK), w.Machine(w.bureau, accessv1.Role_ROLE_VIEWER)
	above := w.Person(w.Root, accessv1.Role_ROLE_SUPERVISOR, accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_REGISTRAR)
	for _, c := range []struct {
		name    string
		allowed suiteRoles
		call    func(evaluationv1.EvaluationServiceClient) error
	}{
		{"create", suiteRoles{w.supervisor.Key, w.leader.Key}, func(e evaluationv1.EvaluationServiceClient) error {
			req := w.asked("second")
			req.ValidateOnly = true
			_, err := e.CreateRound(t.Context(), req)
			return err
		}},
		{"open", suiteRoles{w.supervisor.Key, w.leader.Key}, func(e evaluationv1.EvaluationServiceClient) error {
			_, err := e.OpenRound(t.Context(), &evaluationv1.OpenRoundRequest{Name: name, ValidateOnly: true})
			return err
		}},
		{"issue", suiteRoles{w.registrar.Key}, func(e evaluationv1.EvaluationServiceClient) error {
			_, err := e.IssueCredentials(t.Context(), &evaluationv1.IssueCredentialsRequest{Parent: name, Group: "served", Count: 1, ValidateOnly: true})
			return err
		}},
		{"close", suiteRoles{w.supervisor.Key, w.leader.Key}, func(e evaluationv1.EvaluationServiceClient) error {
			_, err := e.CloseRound(t.Context(), &evaluationv1.CloseRoundRequest{Name: name, ValidateOnly: true})
			return err
		}},
		{"tally", suiteRoles{w.supervisor.Key, w.leader.Key}, func(e evaluationv1.EvaluationServiceClient) error {
			_, err := e.TallyRound(t.Context(), &evaluationv1.TallyRoundRequest{Name: name, ValidateOnly: true})
			return err
		}},
		{"publish", suiteRoles{w.head.Key, w.leader.Key}, func(e evaluationv1.EvaluationServiceClient) error {
			_, err := e.PublishRound(t.Context(), &evaluationv1.PublishRoundRequest{Name: name, ValidateOnly: true})
			return err
		}},
	} {
		for _, key := range []string{w.supervisor.Key, w.leader.Key, w.head.Key, w.registrar.Key, w.viewer.Key, clerk.Key, machine.Key, above.Key} {
			err := c.call(w.Evaluation(key))
			if allowed := slices.Contains(c.allowed, key); allowed == errors.Is(err, authz.ErrDenied) {
				t.Errorf("%s: %v with a key that is allowed: %t", c.name, err, allowed)
			}
		}
		for _, key := range []string{w.school1Head.Key, w.stranger.Key} {
			if err := c.call(w.Evaluation(key)); !errors.Is(err, authz.ErrNotFound) && !errors.Is(err, authz.ErrDenied) {
				t.Errorf("%s from outside = %v", c.name, err)
			}
		}
		if err := c.call(w.Evaluation("")); !errors.Is(err, authn.ErrUnauthenticated) {
			t.Errorf("%s without a key = %v", c.name, err)
		}
	}
	if _, err := w.Evaluation(w.stranger.Key).OpenRound(t.Context(), &evaluationv1.OpenRoundRequest{Name: name}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("another bureau opens the round = %v, want ErrNotFound", err)
	}
}

type suiteRoles []string

func TestOfManyCastsWithOneCodeOneCounts(t *testing.T) {
	w := newWorld(t)
	name := w.open("race")
	code := w.codes(name, "served", 1)[0]
	options := []string{"satisfied", "fairly", "unsatisfied", ""}
	var wg sync.WaitGroup
	receipts, errs := make([]string, 64), make([]error, 64)
	for i := range 64 {
		wg.Go(func() {
			id := fmt.Sprintf("the-device-of-rater-%02d", i%16)
			receipts[i], errs[i] = w.castAs(id, name, code, w.answers(options[i%4], options[i/4%4]))
		})
	}
	wg.Wait()
	won := map[string][]int{}
	for i, err := range errs {
		switch {
		case err == nil:
			won[receipts[i]] = append(won[receipts[i]], i%16)
		case !errors.Is(err, evaluation.ErrCodeSpent):
			t.Errorf("cast %d = %v", i, err)
		}
	}
	if len(won) != 1 {
		t.Fatalf("receipts of %d ballots, want one", len(won))
	}
	for _, same := range won {
		if len(same) != 4 || len(slices.Compact(same)) != 1 {
			t.Errorf("ballots %v got the receipt of one; want the four equal ones", same)
		}
	}
	w.closed(name)
	set := suitetest.OK[*evaluationv1.BallotSet](t)(w.Evaluation("").GetBallotSet(t.Context(), &evaluationv1.GetBallotSetRequest{Name: name + "/ballotSet"}))
	if set.GetCount() != 1 || len(set.GetReceipts()) != 1 || won[set.GetReceipts()[0]] == nil {
		t.Errorf("the published set = %v", set)
	}
}

func TestCodesAreShownOnce(t *testing.T) {
	w := newWorld(t)
	name := w.open("once")
	registrar := w.Evaluation(w.registrar.Key)
	req := &evaluationv1.IssueCredentialsRequest{Parent: name, Group: "society", Count: 100, RequestId: "r"}
	first := suitetest.OK[*evaluationv1.IssueCredentialsResponse](t)(registrar.IssueCredentials(t.Context(), req))
	again := suitetest.OK[*evaluationv1.IssueCredentialsResponse](t)(registrar.IssueCredentials(t.Context(), req))
	if len(first.GetCodes()) != 100 || len(again.GetCodes()) != 0 || !proto.Equal(first.GetRound(), again.GetRound()) {
		t.Errorf("%d codes, and %d when repeated", len(first.GetCodes()), len(again.GetCodes()))
	}
	distinct := slices.Clone(first.GetCodes())
	slices.Sort(distinct)
	if len(slices.Compact(distinct)) != 100 {
		t.Error("a code was issued twice")
	}
	req = &evaluationv1.IssueCredentialsRequest{Parent: name, Group: "served", Count: 3, ValidateOnly: true}
	if dry := suitetest.OK[*evaluationv1.IssueCredentialsResponse](t)(registrar.IssueCredentials(t.Context(), req)); len(dry.GetCodes()) != 0 {
		t.Errorf("validating showed %d codes that open nothing", len(dry.GetCodes()))
	}
}

func TestARaterFindsTheReceipt(t *testing.T) {
	w := newWorld(t)
	name := w.open("set")
	_, receipts := w.voted(name, "served", 7, "fairly", "satisfied")
	get := func(size int32, token string) (*evaluationv1.BallotSet, error) {
		return w.Evaluation("").GetBallotSet(t.Context(), &evaluationv1.GetBallotSetRequest{Name: name + "/ballotSet", PageSize: size, PageToken: token})
	}
	if _, err := get(0, ""); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("the set of an open round = %v, want ErrNotFound", err)
	}
	w.closed(name)
	var found []string
	token := ""
	for range 4 {
		page := suitetest.OK[*evaluationv1.BallotSet](t)(get(2, token))
		if found = append(found, page.GetReceipts()...); page.GetCount() != 7 {
			t.Errorf("count = %d, want 7", page.GetCount())
		}
		token = page.GetNextPageToken()
	}
	slices.Sort(receipts)
	if token != "" || !slices.Equal(found, receipts) {
		t.Errorf("the set, page by page = %v, want %v", found, receipts)
	}
}

func TestSchemesAreRead(t *testing.T) {
	w := newWorld(t)
	e := w.Evaluation(w.school1Head.Key)
	list := suitetest.OK[*evaluationv1.ListEvaluationSchemesResponse](t)(e.ListEvaluationSchemes(t.Context(), &evaluationv1.ListEvaluationSchemesRequest{PageSize: 2}))
	rest := suitetest.OK[*evaluationv1.ListEvaluationSchemesResponse](t)(e.ListEvaluationSchemes(t.Context(), &evaluationv1.ListEvaluationSchemesRequest{PageSize: 2, PageToken: list.GetNextPageToken()}))
	if len(list.GetEvaluationSchemes()) != 2 || len(rest.GetEvaluationSchemes()) != 1 || rest.GetNextPageToken() != "" {
		t.Errorf("pages of %d and %d schemes", len(list.GetEvaluationSchemes()), len(rest.GetEvaluationSchemes()))
	}
	if some := suitetest.OK[*evaluationv1.ListEvaluationSchemesResponse](t)(e.ListEvaluationSchemes(t.Context(), &evaluationv1.ListEvaluationSchemesRequest{Filter: "publish = SUBJECTS"})); len(some.GetEvaluationSchemes()) != 1 {
		t.Errorf("filtered = %v", some)
	}
	got := suitetest.OK[*evaluationv1.EvaluationScheme](t)(e.GetEvaluationScheme(t.Context(), &evaluationv1.GetEvaluationSchemeRequest{Name: "evaluationSchemes/conduct", Version: "2026.1"}))
	if got.GetDisplayName().GetZh() != "行风评议" {
		t.Errorf("conduct = %v", got)
	}
	if _, err := e.GetEvaluationScheme(t.Context(), &evaluationv1.GetEvaluationSchemeRequest{Name: "evaluationSchemes/conduct", Version: "1"}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("another version = %v", err)
	}
	if _, err := w.Evaluation("").ListEvaluationSchemes(t.Context(), &evaluationv1.ListEvaluationSchemesRequest{}); !errors.Is(err, authn.ErrUnauthenticated) {
		t.Errorf("schemes without a key = %v", err)
	}
}

func reason(err error) string {
	if f := fault.As(err); f != nil {
		return f.Reason
	}
	return ""
}
