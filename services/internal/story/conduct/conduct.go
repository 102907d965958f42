// Package conduct plays a conduct evaluation (行风评议): a round is opened, ballots
// are cast with one-time codes, counted and published, and every result is held
// against what the ballots come to.
package conduct

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"net/http"
	"strconv"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// Round is the round of a stage.
type Round struct {
	*stage.Stage
	// Owner is the code of the unit that has those beneath it rated that are of the
	// kind Subjects.
	Owner, Subjects string

	ballots []*ballot
}

const round = "rounds/conduct-2026"

// raters are who rates, as the conduct scheme has them: how many codes each
// group gets, how many of them are cast, and its weight.
var raters = []struct {
	group         string
	issued, casts int
	weight        float64
}{{"served", 20, 18, 50}, {"monitors", 8, 8, 25}, {"society", 12, 9, 25}}

var (
	indicators = []string{"lawful", "fees", "openness", "service", "integrity"}
	options    = []string{"satisfied", "fairly", "unsatisfied"}
	points     = map[string]float64{"satisfied": 100, "fairly": 75, "unsatisfied": 55}
)

// A ballot is what one rater says, the code to say it with, the request id that
// the rater's device drew, and the receipt once it is cast.
type ballot struct {
	group             int
	code, id, receipt string
	*evaluationv1.CastBallotRequest
}

// Vote opens the conduct evaluation (行风评议) of the districts, issues one-time
// paper codes, and casts most of them. Nobody casts twice.
func (s *Round) Vote(ctx context.Context) error {
	r := &evaluationv1.Round{
		Owner: cast.Name(s.Owner), DisplayName: "2026年行风评议（演示）", Scheme: "evaluationSchemes/conduct",
		StartDate: "2026-09-08", EndDate: "2026-09-30",
	}
	for _, u := range s.Working(s.Subjects) {
		r.Subjects = append(r.Subjects, u.Name())
	}
	for _, g := range raters {
		r.Groups = append(r.Groups, &evaluationv1.RaterGroup{Code: g.group, Credentials: int32(g.issued)})
	}
	leader := s.By(s.Owner, "leader")
	if err := leader.Post(ctx, stage.Query("/v1/rounds", "roundId", "conduct-2026"), r, r); err != nil {
		return err
	}
	if err := leader.Do(ctx, "open", &evaluationv1.OpenRoundRequest{Name: round}, r); err != nil {
		return err
	}
	ballots, err := s.drawn(ctx, r.GetSubjects())
	if err != nil {
		return err
	}
	if err := stage.Each(ctx, s.Stage, ballots, s.cast); err != nil {
		return err
	}
	s.ballots = ballots
	return s.castAgain(ctx, ballots[0])
}

// drawn has the registrar issue the codes, and draws what is said with those
// that are cast.
func (s *Round) drawn(ctx context.Context, subjects []string) (list []*ballot, err error) {
	for i, g := range raters {
		issued := &evaluationv1.IssueCredentialsResponse{}
		req := &evaluationv1.IssueCredentialsRequest{Parent: round, Group: g.group, Count: int32(g.issued)}
		if err := s.By(s.Owner, "registrar").Post(ctx, "/v1/"+round+"/credentials", req, issued); err != nil {
			return nil, err
		}
		if err := stage.Same("codes issued to "+g.group, len(issued.GetCodes()), g.issued); err != nil {
			return nil, err
		}
		for _, code := range issued.GetCodes()[:g.casts] {
			b := &ballot{group: i, code: code, id: rand.Text(), CastBallotRequest: &evaluationv1.CastBallotRequest{Parent: round, Code: code}}
			for n, subject := range subjects {
				b.Answers = append(b.Answers, s.opinion(subject, n)...)
			}
			list = append(list, b)
		}
	}
	return list, nil
}

// opinion draws what one rater says of one unit.
func (s *Round) opinion(subject string, n int) (list []*evaluationv1.Answer) {
	for _, indicator := range indicators {
		option := options[min(s.Random.IntN(10+n%4)/7, 2)]
		list = append(list, &evaluationv1.Answer{Subject: subject, Indicator: indicator, Value: &evaluationv1.Answer_Option{Option: option}})
	}
	return list
}

func (s *Round) cast(ctx context.Context, b *ballot) error {
	answer := &evaluationv1.CastBallotResponse{}
	if err := s.Client.As("").Once(b.id).Post(ctx, "/v1/"+round+"/ballots", b.CastBallotRequest, answer); err != nil {
		return err
	}
	b.receipt = answer.GetReceipt()
	return stage.Same("digits of a receipt", len(answer.GetReceipt()), 64)
}

// castAgain has the rater repeat a ballot, as when the answer was lost, and
// somebody who saw the paper try the spent code, with that ballot and another.
func (s *Round) castAgain(ctx context.Context, b *ballot) error {
	other := &evaluationv1.CastBallotRequest{Parent: round, Code: b.code}
	for _, a := range b.Answers {
		other.Answers = append(other.Answers, &evaluationv1.Answer{
			Subject: a.GetSubject(), Indicator: a.GetIndicator(), Value: &evaluationv1.Answer_NotKnown{NotKnown: true},
		})
	}
	for _, guess := range []*evaluationv1.CastBallotRequest{b.CastBallotRequest, other} {
		err := s.Client.As("").Post(ctx, "/v1/"+round+"/ballots", guess, &evaluationv1.CastBallotResponse{})
		if err := stage.Refused("a spent code is cast again", err, http.StatusBadRequest, "BALLOT_CODE_SPENT"); err != nil {
			return err
		}
	}
	first := b.receipt
	if err := s.cast(ctx, b); err != nil {
		return err
	}
	return stage.Same("the receipt of a ballot that is repeated", b.receipt, first)
}

// Tally closes, counts and publishes the round, and holds every result against
// the story's own computation from the ballots.
func (s *Round) Tally(ctx context.Context) error {
	r := &evaluationv1.Round{}
	supervisor := s.By(s.Owner, "supervisor1")
	if err := supervisor.Do(ctx, "close", &evaluationv1.CloseRoundRequest{Name: round}, r); err != nil {
		return err
	}
	if err := supervisor.Do(ctx, "tally", &evaluationv1.TallyRoundRequest{Name: round}, r); err != nil {
		return err
	}
	if err := s.By(s.Owner, "head").Do(ctx, "publish", &evaluationv1.PublishRoundRequest{Name: round}, r); err != nil {
		return err
	}
	list := &evaluationv1.ListResultsResponse{}
	if err := s.By(s.Owner, "viewer").Get(ctx, "/v1/"+round+"/results", list); err != nil {
		return err
	}
	if err := stage.Same("results", len(list.GetResults()), len(r.GetSubjects())); err != nil {
		return err
	}
	for _, result := range list.GetResults() {
		got, err := strconv.ParseFloat(result.GetComposite(), 64)
		if want := s.score(result.GetUnit()); err != nil || math.Abs(got-want) > 0.006 {
			return fmt.Errorf("the composite of %s is %q, want %.3f", result.GetUnit(), result.GetComposite(), want)
		}
	}
	return nil
}

// score computes a unit's composite from the ballots that the story cast: the
// mean of a group's answers, all indicators weighing alike, by the groups'
// weights.
func (s *Round) score(unit string) (sum float64) {
	for i, g := range raters {
		total, n := 0.0, 0.0
		for _, b := range s.ballots {
			for _, a := range b.Answers {
				if b.group == i && a.GetSubject() == unit {
					total += points[a.GetOption()]
					n++
				}
			}
		}
		sum += total / n * g.weight / 100
	}
	return sum
}
