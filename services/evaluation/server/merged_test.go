package server_test

import (
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

func (w *world) merge(unit, into string) {
	w.T.Helper()
	suitetest.OK[*organizationv1.Unit](w.T)(w.Organization(w.SystemAdmin).MergeUnit(w.T.Context(), &organizationv1.MergeUnitRequest{Name: unit, Into: into}))
	w.CatchUp()
}

// Those of the school that a school rated was merged into, through as many mergers
// as follow, are among the evaluated: they issue no codes.
func TestTheHeirOfAUnitRatedIssuesNothing(t *testing.T) {
	w := newWorld(t)
	round := w.open("r")
	between := w.Unit("between", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	heir := w.Unit("heir", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	organ := w.Unit("organ", heir, organizationv1.Unit_KIND_DEPARTMENT)
	registrars := map[string]string{
		"from the heir": w.insider(heir, w.bureau), "with a role there": w.insider(w.bureau, heir), "from its department": w.insider(organ, w.bureau),
	}
	issue := func(key string) string {
		_, err := w.Evaluation(key).IssueCredentials(t.Context(), &evaluationv1.IssueCredentialsRequest{Parent: round, Group: "served", Count: 1})
		return reason(err)
	}
	for from, key := range registrars {
		if got := issue(key); got != "" {
			t.Errorf("before the merger a registrar %s is refused with %s", from, got)
		}
	}
	w.merge(w.school1, between)
	w.merge(between, heir)
	for from, key := range registrars {
		if got := issue(key); got != "CREDENTIAL_ISSUER_INVOLVED" {
			t.Errorf("a registrar %s issues a code: %q", from, got)
		}
	}
	if got := issue(w.registrar.Key); got != "" {
		t.Errorf("a registrar with no part in it is refused with %s", got)
	}
}

// A round of a bureau that was merged away is gone on with by those of its heir, and
// by nobody above; the schools rated have moved along and read their results.
func TestARoundOfAMergedBureauIsItsHeirs(t *testing.T) {
	w := newWorld(t)
	round := w.open("r")
	codes := w.codes(round, "served", 6)
	above := w.Person(w.Root, accessv1.Role_ROLE_SUPERVISOR, accessv1.Role_ROLE_LEADER)
	w.merge(w.bureau, w.other)
	heir := w.Evaluation(w.stranger.Key)
	for _, code := range codes {
		suitetest.OK[string](t)(w.cast(round, code, w.answers("satisfied", "fairly")))
	}
	w.SetTime(afterwards)
	closing, tallying := &evaluationv1.CloseRoundRequest{Name: round}, &evaluationv1.TallyRoundRequest{Name: round}
	if _, err := w.Evaluation(above.Key).CloseRound(t.Context(), closing); reason(err) != "PERMISSION_DENIED" {
		t.Errorf("closing from above: %v", err)
	}
	suitetest.OK[*evaluationv1.Round](t)(heir.CloseRound(t.Context(), closing))
	suitetest.OK[*evaluationv1.Round](t)(heir.TallyRound(t.Context(), tallying))
	suitetest.OK[*evaluationv1.Round](t)(w.Evaluation(w.Person(w.other, accessv1.Role_ROLE_LEADER).Key).PublishRound(t.Context(), &evaluationv1.PublishRoundRequest{Name: round}))
	results := suitetest.OK[*evaluationv1.ListResultsResponse](t)(w.Evaluation(w.school1Head.Key).ListResults(t.Context(), &evaluationv1.ListResultsRequest{Parent: round}))
	if len(results.GetResults()) == 0 {
		t.Error("a school rated reads no results")
	}
}
