package services_test

import (
	"slices"
	"strings"

	protobuf "google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

// roundRecords are rounds of the home that rate a unit beneath it.
type roundRecords struct {
	draft, open, tallied, published string
	tallyOf, resultOf               string // results of the last two
	code                            string // that casts a ballot in the open one
}

// noRounds are none; the code is one of a round that is there.
func noRounds(code string) roundRecords {
	return roundRecords{
		code:  code,
		draft: "rounds/none", open: "rounds/none", tallied: "rounds/none", published: "rounds/none",
		tallyOf: "rounds/none/results/none", resultOf: "rounds/none/results/none",
	}
}

func (m *matrix) rounds(role accessv1.Role, unit string) evaluationv1.EvaluationServiceClient {
	return m.suite.Evaluation(m.key(role, unit))
}

func (m *matrix) keepRounds(home string) (r roundRecords) {
	if home == province {
		return noRounds("")
	}
	child := places[home]["child"]
	result := "/results/" + strings.TrimPrefix(child, "units/")
	r.draft = m.round(home, child)
	r.tallied = m.tallied(home, child)
	r.published = m.tallied(home, child)
	done[*evaluationv1.Round](m)(m.rounds(accessv1.Role_ROLE_HEAD, home).PublishRound(m.suite.T.Context(), &evaluationv1.PublishRoundRequest{Name: r.published}))
	r.open, r.code = m.opened(home, child)
	r.tallyOf, r.resultOf = r.tallied+result, r.published+result
	return r
}

func rating(owner, subject string) *evaluationv1.CreateRoundRequest {
	return &evaluationv1.CreateRoundRequest{Round: &evaluationv1.Round{
		Owner: owner, DisplayName: "行风评议", Scheme: "evaluationSchemes/conduct", Subjects: []string{subject},
		Groups:    []*evaluationv1.RaterGroup{{Code: "served", Credentials: 10}},
		StartDate: "2026-02-09", EndDate: "2026-02-13",
	}}
}

func (m *matrix) round(owner, subject string) string {
	supervisor := m.rounds(accessv1.Role_ROLE_SUPERVISOR, owner)
	return done[*evaluationv1.Round](m)(supervisor.CreateRound(m.suite.T.Context(), rating(owner, subject))).GetName()
}

// opened is a round with a code that nobody has used.
func (m *matrix) opened(owner, subject string) (round, code string) {
	ctx := m.suite.T.Context()
	round = m.round(owner, subject)
	done[*evaluationv1.Round](m)(m.rounds(accessv1.Role_ROLE_SUPERVISOR, owner).OpenRound(ctx, &evaluationv1.OpenRoundRequest{Name: round}))
	issued := done[*evaluationv1.IssueCredentialsResponse](m)(m.rounds(accessv1.Role_ROLE_REGISTRAR, owner).IssueCredentials(ctx,
		&evaluationv1.IssueCredentialsRequest{Parent: round, Group: "served", Count: 1}))
	return round, issued.GetCodes()[0]
}

func (m *matrix) tallied(owner, subject string) string {
	ctx, supervisor := m.suite.T.Context(), m.rounds(accessv1.Role_ROLE_SUPERVISOR, owner)
	round, code := m.opened(owner, subject)
	done[*evaluationv1.CastBallotResponse](m)(m.suite.Evaluation("").CastBallot(ctx, ballot(round, code, subject)))
	done[*evaluationv1.Round](m)(supervisor.CloseRound(ctx, &evaluationv1.CloseRoundRequest{Name: round}))
	done[*evaluationv1.Round](m)(supervisor.TallyRound(ctx, &evaluationv1.TallyRoundRequest{Name: round}))
	return round
}

// ballot says of the unit that nothing is known of it.
func ballot(round, code, subject string) *evaluationv1.CastBallotRequest {
	req := &evaluationv1.CastBallotRequest{Parent: round, Code: code}
	for _, indicator := range []string{"lawful", "fees", "openness", "service", "integrity"} {
		req.Answers = append(req.Answers, &evaluationv1.Answer{Subject: subject, Indicator: indicator, Value: &evaluationv1.Answer_NotKnown{NotKnown: true}})
	}
	return req
}

func evaluationFixtures() map[string][]fixture {
	all := roundFixtures()
	for name, list := range resultFixtures() {
		all[name] = list
	}
	return all
}

// runs is asks for what whoever belongs to a unit rated, such as those beneath the home,
// does not do.
func runs(ask func(records) protobuf.Message, others ...exception) fixture {
	return fixture{ask: ask, except: append(others, exception{"who belongs to a unit rated does not run the round", func(c caller, home string) bool {
		runs := []accessv1.Role{accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_SUPERVISOR}
		return slices.Contains(runs, c.role) && c.unit == home && c.from != home && within(c.from, home)
	}, denied})}
}

// published is a fixture for rounds that are, of the bureau.
func published(f fixture) fixture {
	f.note, f.homes = "published", []string{bureau}
	return f
}

func roundFixtures() map[string][]fixture {
	shows := func(r records) string { return r.rounds.draft }
	rated := []exception{{"a published round is read by the units rated", beneath, granted}}
	return map[string][]fixture{
		"ListEvaluationSchemes": {{homes: nowhere, ask: func(records) protobuf.Message { return &evaluationv1.ListEvaluationSchemesRequest{} }}},
		"GetEvaluationScheme": {{homes: nowhere, ask: func(records) protobuf.Message {
			return &evaluationv1.GetEvaluationSchemeRequest{Name: "evaluationSchemes/conduct"}
		}}},
		"CreateRound": {runs(func(r records) protobuf.Message {
			req := rating(r.unit, r.child)
			req.ValidateOnly = true
			return req
		})},
		"GetRound": {
			{except: draft(), ask: func(r records) protobuf.Message { return &evaluationv1.GetRoundRequest{Name: r.rounds.tallied} }},
			{note: "published", homes: []string{bureau}, except: rated, ask: func(r records) protobuf.Message {
				return &evaluationv1.GetRoundRequest{Name: r.rounds.published}
			}},
		},
		"ListRounds": {
			{note: "all", sifts: true, except: draft(), shows: shows, ask: func(records) protobuf.Message { return &evaluationv1.ListRoundsRequest{PageSize: 1000} }},
			{note: "of an owner", sifts: true, except: draft(), shows: shows, ask: func(r records) protobuf.Message { return &evaluationv1.ListRoundsRequest{Owner: r.unit} }},
			{note: "of a unit rated", sifts: true, except: draft(), shows: shows, ask: func(r records) protobuf.Message { return &evaluationv1.ListRoundsRequest{Subject: r.child} }},
		},
		"OpenRound": {runs(func(r records) protobuf.Message {
			return &evaluationv1.OpenRoundRequest{Name: r.rounds.draft, ValidateOnly: true}
		})},
		"VoidRound": {runs(func(r records) protobuf.Message {
			return &evaluationv1.VoidRoundRequest{Name: r.rounds.draft, ValidateOnly: true}
		})},
		"IssueCredentials": {asks(func(r records) protobuf.Message {
			return &evaluationv1.IssueCredentialsRequest{Parent: r.rounds.open, Group: "served", Count: 1, ValidateOnly: true}
		})},
		"CastBallot": {{homes: nowhere, ask: func(r records) protobuf.Message {
			req := ballot(r.rounds.open, r.rounds.code, r.child)
			req.ValidateOnly = true
			return req
		}}},
		"CloseRound": {
			runs(func(r records) protobuf.Message {
				return &evaluationv1.CloseRoundRequest{Name: r.rounds.open, ValidateOnly: true}
			}),
			published(runs(func(r records) protobuf.Message {
				return &evaluationv1.CloseRoundRequest{Name: r.rounds.published, ValidateOnly: true}
			}, exception{"a published round is seen by the units rated", beneath, denied})),
		},
		"TallyRound": {runs(func(r records) protobuf.Message {
			return &evaluationv1.TallyRoundRequest{Name: r.rounds.open, ValidateOnly: true}
		})},
		"PublishRound": {runs(func(r records) protobuf.Message {
			return &evaluationv1.PublishRoundRequest{Name: r.rounds.tallied, ValidateOnly: true}
		})},
	}
}

func resultFixtures() map[string][]fixture {
	own := []exception{{"a published result is read by the unit that it is of", beneath, granted}}
	return map[string][]fixture{
		"GetBallotSet": {{homes: nowhere, ask: func(r records) protobuf.Message {
			return &evaluationv1.GetBallotSetRequest{Name: r.rounds.published + "/ballotSet"}
		}}},
		"GetResult": {
			{except: draft(), ask: func(r records) protobuf.Message { return &evaluationv1.GetResultRequest{Name: r.rounds.tallyOf} }},
			{note: "published", homes: []string{bureau}, except: own, ask: func(r records) protobuf.Message {
				return &evaluationv1.GetResultRequest{Name: r.rounds.resultOf}
			}},
		},
		"ListResults": {
			{except: draft(), shows: func(r records) string { return r.rounds.tallyOf }, ask: func(r records) protobuf.Message {
				return &evaluationv1.ListResultsRequest{Parent: r.rounds.tallied}
			}},
			{note: "published", homes: []string{bureau}, except: own, shows: func(r records) string { return r.rounds.resultOf }, ask: func(r records) protobuf.Message {
				return &evaluationv1.ListResultsRequest{Parent: r.rounds.published}
			}},
		},
	}
}
