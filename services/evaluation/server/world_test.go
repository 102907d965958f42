package server_test

import (
	"fmt"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// world is a bureau with two schools, another bureau, and their people.
type world struct {
	*suitetest.Suite
	bureau, school1, school2, other string

	supervisor, leader, head, registrar, viewer suitetest.Person // of the bureau
	school1Head, school2Head, stranger          suitetest.Person
}

func newWorld(t *testing.T) *world { return populate(suitetest.Run(t)) }

func populate(s *suitetest.Suite) *world {
	w := &world{Suite: s}
	w.bureau = w.Unit("bureau", w.Root, organizationv1.Unit_KIND_DISTRICT)
	w.other = w.Unit("other", w.Root, organizationv1.Unit_KIND_DISTRICT)
	w.school1 = w.Unit("s1", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	w.school2 = w.Unit("s2", w.bureau, organizationv1.Unit_KIND_SCHOOL)
	w.supervisor = w.Person(w.bureau, accessv1.Role_ROLE_SUPERVISOR)
	w.leader = w.Person(w.bureau, accessv1.Role_ROLE_LEADER)
	w.head = w.Person(w.bureau, accessv1.Role_ROLE_HEAD)
	w.registrar = w.Person(w.bureau, accessv1.Role_ROLE_REGISTRAR)
	w.viewer = w.Person(w.bureau, accessv1.Role_ROLE_VIEWER)
	w.school1Head = w.Person(w.school1, accessv1.Role_ROLE_HEAD)
	w.school2Head = w.Person(w.school2, accessv1.Role_ROLE_HEAD)
	w.stranger = w.Person(w.other, accessv1.Role_ROLE_SUPERVISOR, accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_REGISTRAR)
	return w
}

// current brings the tree and the grants up to date for whoever calls next: a
// request for a round does so before anything else.
func (w *world) current() {
	w.T.Helper()
	req := w.asked("current")
	req.ValidateOnly = true
	suitetest.OK[*evaluationv1.Round](w.T)(w.Evaluation(w.supervisor.Key).CreateRound(w.T.Context(), req))
}

// afterwards is past the window of draft's rounds.
var afterwards = suitetest.Start.Add(6 * 24 * time.Hour)

// asked is a request for a round of conduct that rates both schools.
func (w *world) asked(id string) *evaluationv1.CreateRoundRequest {
	return &evaluationv1.CreateRoundRequest{RoundId: id, Round: &evaluationv1.Round{
		Owner: w.bureau, DisplayName: "行风评议", Scheme: "evaluationSchemes/conduct",
		Subjects:  []string{w.school1, w.school2},
		Groups:    []*evaluationv1.RaterGroup{{Code: "served", Credentials: 100}, {Code: "society", Credentials: 100}},
		StartDate: "2026-02-09", EndDate: "2026-02-13",
	}}
}

// draft creates the round asked for.
func (w *world) draft(id string, edit ...func(*evaluationv1.Round)) string {
	w.T.Helper()
	req := w.asked(id)
	for _, e := range edit {
		e(req.Round)
	}
	return suitetest.OK[*evaluationv1.Round](w.T)(w.Evaluation(w.supervisor.Key).CreateRound(w.T.Context(), req)).GetName()
}

// open creates and opens a round.
func (w *world) open(id string, edit ...func(*evaluationv1.Round)) string {
	w.T.Helper()
	name := w.draft(id, edit...)
	suitetest.OK[*evaluationv1.Round](w.T)(w.opens(name))
	return name
}

func (w *world) opens(name string) (*evaluationv1.Round, error) {
	return w.Evaluation(w.supervisor.Key).OpenRound(w.T.Context(), &evaluationv1.OpenRoundRequest{Name: name})
}

// another has a round rate a new school alone.
func (w *world) another(id string) func(*evaluationv1.Round) {
	unit := w.Unit(id, w.bureau, organizationv1.Unit_KIND_SCHOOL)
	return func(r *evaluationv1.Round) { r.Subjects = []string{unit} }
}

// codes issues so many codes to a group.
func (w *world) codes(round, group string, n int32) []string {
	w.T.Helper()
	return suitetest.OK[*evaluationv1.IssueCredentialsResponse](w.T)(w.Evaluation(w.registrar.Key).IssueCredentials(w.T.Context(),
		&evaluationv1.IssueCredentialsRequest{Parent: round, Group: group, Count: n})).GetCodes()
}

// answers gives the same option for every indicator of each school.
func (w *world) answers(first, second string) (list []*evaluationv1.Answer) {
	for i, option := range []string{first, second} {
		for _, indicator := range []string{"lawful", "fees", "openness", "service", "integrity"} {
			a := &evaluationv1.Answer{Subject: []string{w.school1, w.school2}[i], Indicator: indicator, Value: &evaluationv1.Answer_Option{Option: option}}
			if option == "" {
				a.Value = &evaluationv1.Answer_NotKnown{NotKnown: true}
			}
			list = append(list, a)
		}
	}
	return list
}

// cast casts a ballot as the public does.
func (w *world) cast(round, code string, answers []*evaluationv1.Answer) (string, error) {
	return w.castAs("", round, code, answers)
}

// castAs casts a ballot under a request id.
func (w *world) castAs(id, round, code string, answers []*evaluationv1.Answer) (string, error) {
	req := &evaluationv1.CastBallotRequest{Parent: round, Code: code, Answers: answers, RequestId: id}
	resp, err := w.Evaluation("").CastBallot(w.T.Context(), req)
	return resp.GetReceipt(), err
}

// voted issues n codes to the group, casts equal ballots with them and returns
// codes and receipts.
func (w *world) voted(round, group string, n int32, first, second string) (codes, receipts []string) {
	w.T.Helper()
	codes = w.codes(round, group, n)
	for _, code := range codes {
		receipts = append(receipts, suitetest.OK[string](w.T)(w.cast(round, code, w.answers(first, second))))
	}
	return codes, receipts
}

func (w *world) closed(name string) {
	w.T.Helper()
	suitetest.OK[*evaluationv1.Round](w.T)(w.Evaluation(w.supervisor.Key).CloseRound(w.T.Context(), &evaluationv1.CloseRoundRequest{Name: name}))
}

func (w *world) voids(by suitetest.Person, name string) error {
	_, err := w.Evaluation(by.Key).VoidRound(w.T.Context(), &evaluationv1.VoidRoundRequest{Name: name})
	return err
}

func (w *world) tallied(name string) {
	w.T.Helper()
	suitetest.OK[*evaluationv1.Round](w.T)(w.Evaluation(w.leader.Key).TallyRound(w.T.Context(), &evaluationv1.TallyRoundRequest{Name: name}))
}

func (w *world) published(name string) {
	w.T.Helper()
	suitetest.OK[*evaluationv1.Round](w.T)(w.Evaluation(w.head.Key).PublishRound(w.T.Context(), &evaluationv1.PublishRoundRequest{Name: name}))
}

func result(round, unit string) *evaluationv1.GetResultRequest {
	return &evaluationv1.GetResultRequest{Name: fmt.Sprintf("%s/results/%s", round, unit[len("units/"):])}
}
