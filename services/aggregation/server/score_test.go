package server_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// juror is a unit that has others rated, and its people.
type juror struct {
	*scene
	unit                  string
	lead, head, registrar suitetest.Person
}

func (s *scene) juror(unit string) juror {
	return juror{s, unit, s.Person(unit, accessv1.Role_ROLE_SUPERVISOR), s.Person(unit, accessv1.Role_ROLE_HEAD), s.Person(unit, accessv1.Role_ROLE_REGISTRAR)}
}

// rates has so many raters say the same of the school today, and publishes it.
func (j juror) rates(now time.Time, n int32, option string) string {
	j.T.Helper()
	j.SetTime(now)
	ctx, lead, today := j.T.Context(), j.Evaluation(j.lead.Key), calendar.On(now).String()
	r := suitetest.OK[*evaluationv1.Round](j.T)(lead.CreateRound(ctx, &evaluationv1.CreateRoundRequest{Round: &evaluationv1.Round{
		Owner: j.unit, DisplayName: "行风评议", Scheme: "evaluationSchemes/conduct", Subjects: []string{j.school},
		Groups: []*evaluationv1.RaterGroup{{Code: "monitors", Credentials: n}}, StartDate: today, EndDate: today,
	}})).GetName()
	suitetest.OK[*evaluationv1.Round](j.T)(lead.OpenRound(ctx, &evaluationv1.OpenRoundRequest{Name: r}))
	codes := suitetest.OK[*evaluationv1.IssueCredentialsResponse](j.T)(j.Evaluation(j.registrar.Key).IssueCredentials(ctx,
		&evaluationv1.IssueCredentialsRequest{Parent: r, Group: "monitors", Count: n})).GetCodes()
	for _, code := range codes {
		ballot := &evaluationv1.CastBallotRequest{Parent: r, Code: code}
		for _, i := range []string{"lawful", "fees", "openness", "service", "integrity"} {
			ballot.Answers = append(ballot.Answers, &evaluationv1.Answer{Subject: j.school, Indicator: i, Value: &evaluationv1.Answer_Option{Option: option}})
		}
		suitetest.OK[*evaluationv1.CastBallotResponse](j.T)(j.Evaluation("").CastBallot(ctx, ballot))
	}
	suitetest.OK[*evaluationv1.Round](j.T)(lead.CloseRound(ctx, &evaluationv1.CloseRoundRequest{Name: r}))
	suitetest.OK[*evaluationv1.Round](j.T)(lead.TallyRound(ctx, &evaluationv1.TallyRoundRequest{Name: r}))
	suitetest.OK[*evaluationv1.Round](j.T)(j.Evaluation(j.head.Key).PublishRound(ctx, &evaluationv1.PublishRoundRequest{Name: r}))
	j.settled()
	return r + "/results/s1"
}

// TestTheHighestOwnersRoundOfTheYearCounts: a district does not put its own round over
// that of its superior, until a year has none of the superior.
func TestTheHighestOwnersRoundOfTheYearCounts(t *testing.T) {
	s := newScene(t)
	root, district := s.juror(s.Root), s.juror(s.district)
	counts := func(when string, asOf *timestamppb.Timestamp, want int64, origin string) {
		t.Helper()
		figures := s.status(s.reviewer.Key, s.school, &aggregationv1.Cut{AsOf: asOf}).GetFigures()
		score, rank := figure(figures, "evaluation_score"), figure(figures, "evaluation_rank")
		if score.GetValue() != want || score.GetOrigin() != origin || rank.GetValue() != 1 || rank.GetOrigin() != origin {
			t.Errorf("%s: score %v, rank %v; want %d of %s", when, score, rank, want, origin)
		}
	}
	early := district.rates(suitetest.Start, 5, "fairly")
	counts("the district's alone", nil, 75_000, early)
	upper := root.rates(suitetest.Start.AddDate(0, 1, 0), 12, "unsatisfied")
	counts("after the superior's", nil, 55_000, upper)
	district.rates(suitetest.Start.AddDate(0, 2, 0), 6, "satisfied")
	counts("after the district's again", nil, 55_000, upper)
	newest := root.rates(suitetest.Start.AddDate(0, 3, 0), 7, "fairly")
	counts("after the superior's again", nil, 75_000, newest)
	next := district.rates(suitetest.Start.AddDate(1, 0, 0), 6, "satisfied")
	counts("in the next year", nil, 100_000, next)
	counts("as of the first", timestamppb.New(suitetest.Start.AddDate(0, 0, 7)), 75_000, early)
	counts("as of the third", timestamppb.New(suitetest.Start.AddDate(0, 2, 7)), 55_000, upper)
	counts("as of the fourth", timestamppb.New(suitetest.Start.AddDate(0, 3, 7)), 75_000, newest)

	series := suitetest.OK[*aggregationv1.StatusSeries](t)(s.Aggregation(s.reviewer.Key).GetStatusSeries(t.Context(), &aggregationv1.GetStatusSeriesRequest{
		Name: s.school, Metric: "metrics/evaluation_score", Cut: &aggregationv1.Cut{StartDate: "2026-01-01", EndDate: "2026-05-31"},
	}))
	var got []string
	for _, p := range series.GetPoints() {
		got = append(got, p.GetFigure().GetOrigin())
	}
	if want := []string{"", early, upper, upper, newest}; !series.GetAsKnownThen() || !slices.Equal(got, want) {
		t.Errorf("at the ends of months the score is from %v, want %v", got, want)
	}
}
