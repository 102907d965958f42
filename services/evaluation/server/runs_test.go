package server_test

import (
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestTheEvaluatedDoNothingButVote: whoever belongs to a unit rated, or beneath one, or
// holds a grant there, does not run the round, whatever they are at the owner; of
// another round they do.
func TestTheEvaluatedDoNothingButVote(t *testing.T) {
	w := newWorld(t)
	dept := w.Unit("dept", w.school1, organizationv1.Unit_KIND_DEPARTMENT)
	insiders := map[string]suitetest.Person{"of a unit rated": w.Person(w.school1), "from beneath one": w.Person(dept), "with a grant there": w.Person(w.bureau)}
	w.Grant(insiders["with a grant there"].Name, w.school2, accessv1.Role_ROLE_VIEWER)
	for _, p := range insiders {
		w.Grant(p.Name, w.bureau, accessv1.Role_ROLE_SUPERVISOR)
		w.Grant(p.Name, w.bureau, accessv1.Role_ROLE_LEADER)
	}
	name := w.draft("first")
	none := func(what string, act func(evaluationv1.EvaluationServiceClient) error) {
		t.Helper()
		for who, p := range insiders {
			if err := act(w.Evaluation(p.Key)); reason(err) != "ROUND_EVALUATED_INVOLVED" {
				t.Errorf("somebody %s may %s: %v", who, what, err)
			}
		}
	}
	none("create", func(e evaluationv1.EvaluationServiceClient) error {
		_, err := e.CreateRound(t.Context(), w.asked("second"))
		return err
	})
	none("open", func(e evaluationv1.EvaluationServiceClient) error {
		_, err := e.OpenRound(t.Context(), &evaluationv1.OpenRoundRequest{Name: name})
		return err
	})
	suitetest.OK[*evaluationv1.Round](t)(w.opens(name))
	w.voted(name, "served", 5, "satisfied", "fairly")
	none("close", func(e evaluationv1.EvaluationServiceClient) error {
		_, err := e.CloseRound(t.Context(), &evaluationv1.CloseRoundRequest{Name: name})
		return err
	})
	w.closed(name)
	none("tally", func(e evaluationv1.EvaluationServiceClient) error {
		_, err := e.TallyRound(t.Context(), &evaluationv1.TallyRoundRequest{Name: name, Vetoes: []*evaluationv1.Veto{{Subject: w.school2, Code: "accident", Document: "无"}}})
		return err
	})
	w.tallied(name)
	none("publish", func(e evaluationv1.EvaluationServiceClient) error {
		_, err := e.PublishRound(t.Context(), &evaluationv1.PublishRoundRequest{Name: name})
		return err
	})
	w.published(name)

	elsewhere := w.asked("elsewhere")
	w.another("s3")(elsewhere.Round)
	suitetest.OK[*evaluationv1.Round](t)(w.Evaluation(insiders["of a unit rated"].Key).CreateRound(t.Context(), elsewhere))
	moved := w.Person(w.bureau, accessv1.Role_ROLE_SUPERVISOR)
	w.current()
	w.Grant(moved.Name, w.school1, accessv1.Role_ROLE_VIEWER) // a moment ago
	if _, err := w.Evaluation(moved.Key).CloseRound(t.Context(), &evaluationv1.CloseRoundRequest{Name: name}); reason(err) != "ROUND_EVALUATED_INVOLVED" {
		t.Errorf("who came among the evaluated a moment ago closes: %v", err)
	}
}

// TestOnePersonDoesNotMakeAResult: who issues the codes, and casts them all, neither closes
// the round early nor tallies or publishes it, whatever they hold; others do.
func TestOnePersonDoesNotMakeAResult(t *testing.T) {
	w := newWorld(t)
	name := w.open("first")
	w.Grant(w.registrar.Name, w.bureau, accessv1.Role_ROLE_LEADER)
	w.current()
	w.voted(name, "served", 5, "satisfied", "fairly")
	alone := w.Evaluation(w.registrar.Key)
	if _, err := alone.CloseRound(t.Context(), &evaluationv1.CloseRoundRequest{Name: name}); reason(err) != "ROUND_ISSUER_INVOLVED" {
		t.Errorf("who issued closes early: %v", err)
	}
	w.closed(name)
	if _, err := alone.TallyRound(t.Context(), &evaluationv1.TallyRoundRequest{Name: name}); reason(err) != "ROUND_ISSUER_INVOLVED" {
		t.Errorf("who issued tallies: %v", err)
	}
	w.tallied(name)
	if _, err := alone.PublishRound(t.Context(), &evaluationv1.PublishRoundRequest{Name: name}); reason(err) != "ROUND_ISSUER_INVOLVED" {
		t.Errorf("who issued publishes: %v", err)
	}
	w.published(name)
	r := suitetest.OK[*evaluationv1.Round](t)(alone.GetRound(t.Context(), &evaluationv1.GetRoundRequest{Name: name}))
	if got := r.GetIssuers(); len(got) != 1 || got[0] != w.registrar.Name {
		t.Errorf("issued by %v", got)
	}
}

// TestWhoTalliedDoesNotPublish: a second person looks at what is shown, and both stand
// in the round.
func TestWhoTalliedDoesNotPublish(t *testing.T) {
	w := newWorld(t)
	name := w.open("first")
	w.voted(name, "served", 5, "satisfied", "fairly")
	w.closed(name)
	w.tallied(name)
	publish := &evaluationv1.PublishRoundRequest{Name: name}
	if _, err := w.Evaluation(w.leader.Key).PublishRound(t.Context(), publish); reason(err) != "ROUND_PUBLISHER_INVOLVED" {
		t.Errorf("who tallied publishes: %v", err)
	}
	r := suitetest.OK[*evaluationv1.Round](t)(w.Evaluation(w.head.Key).PublishRound(t.Context(), publish))
	if r.GetTalliedBy() != w.leader.Name || r.GetPublishedBy() != w.head.Name {
		t.Errorf("published: %v", r)
	}
}
