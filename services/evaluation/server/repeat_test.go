package server_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// The request ids of a rater's device, and of somebody else's.
const (
	mine   = "0f8fad5b-d9cb-469f-a165-70867728950e"
	theirs = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
)

// TestASpentCodeAnswersNoGuess casts every ballot that there is with a spent code,
// as who saw the paper does who wants to know how it was used: all get one answer.
func TestASpentCodeAnswersNoGuess(t *testing.T) {
	w := newWorld(t)
	name := w.open("guess")
	codes := w.codes(name, "served", 2)
	suitetest.OK[string](t)(w.castAs(mine, name, codes[0], w.answers("satisfied", "unsatisfied")))
	suitetest.OK[string](t)(w.cast(name, codes[1], w.answers("satisfied", "unsatisfied")))
	options := []string{"satisfied", "fairly", "unsatisfied", "unknown", "none"}
	var first error
	for i := range 5 * 5 * 2 * 3 * 2 {
		_, err := w.Evaluation("").CastBallot(t.Context(), &evaluationv1.CastBallotRequest{
			Parent: name, Answers: w.answers(options[i%5], options[i/5%5]), ValidateOnly: i/25%2 == 1,
			RequestId: []string{"", theirs, strings.ToUpper(mine)}[i/50%3], Code: codes[i/150],
		})
		if first == nil {
			first = err
		}
		if !errors.Is(err, evaluation.ErrCodeSpent) || !proto.Equal(status.Convert(err).Proto(), status.Convert(first).Proto()) {
			t.Fatalf("guess %d: %v, the first: %v", i, err, first)
		}
	}
}

// TestALostAnswerIsHadAgain: to the rater alone, who has the request id.
func TestALostAnswerIsHadAgain(t *testing.T) {
	w := newWorld(t)
	name := w.open("again")
	code := w.codes(name, "served", 1)[0]
	ballot := w.answers("satisfied", "unknown")
	validate := func() (*evaluationv1.CastBallotResponse, error) {
		return w.Evaluation("").CastBallot(t.Context(), &evaluationv1.CastBallotRequest{Parent: name, Code: code, Answers: ballot, RequestId: mine, ValidateOnly: true})
	}
	if dry := suitetest.OK[*evaluationv1.CastBallotResponse](t)(validate()); dry.GetReceipt() != "" {
		t.Errorf("validating = %q", dry.GetReceipt())
	}
	inHeader := metadata.AppendToOutgoingContext(t.Context(), "idempotency-key", mine)
	first := suitetest.OK[*evaluationv1.CastBallotResponse](t)(w.Evaluation("").CastBallot(inHeader, &evaluationv1.CastBallotRequest{Parent: name, Code: code, Answers: ballot})).GetReceipt()
	turned := w.answers("satisfied", "") // NOT_KNOWN says the same as the option 不了解
	slices.Reverse(turned)
	if again := suitetest.OK[string](t)(w.castAs(mine, name, strings.ToLower(strings.ReplaceAll(code, "-", " ")), turned)); again != first || len(again) != 64 {
		t.Errorf("the same ballot again = %q, want %q", again, first)
	}
	if dry := suitetest.OK[*evaluationv1.CastBallotResponse](t)(validate()); dry.GetReceipt() != "" {
		t.Errorf("validating the ballot that was cast = %q", dry.GetReceipt())
	}
	if _, err := w.castAs(mine, name, code, w.answers("fairly", "fairly")); !errors.Is(err, evaluation.ErrCodeSpent) {
		t.Errorf("another ballot = %v, want ErrCodeSpent", err)
	}
	if _, err := w.castAs(theirs, name, code, ballot); !errors.Is(err, evaluation.ErrCodeSpent) {
		t.Errorf("the same ballot from another device = %v, want ErrCodeSpent", err)
	}
	if _, err := w.Evaluation("").CastBallot(inHeader, &evaluationv1.CastBallotRequest{Parent: name, Code: code, Answers: ballot, RequestId: theirs}); reason(err) != "FIELDS_INVALID" {
		t.Errorf("two request ids = %v", err)
	}
}

// TestAnIDThatWasNotDrawnIsRefused: at its field and before anything is cast, so that
// the code may be used with one that was.
func TestAnIDThatWasNotDrawnIsRefused(t *testing.T) {
	w := newWorld(t)
	name := w.open("drawn")
	code := w.codes(name, "served", 1)[0]
	for _, id := range []string{
		strings.Repeat("a", 22), "00000000-0000-4000-8000-000000000001", "0190163d-8694-739b-aea5-966c26f8ad91", "12345678901234567890123",
		code, strings.ToLower(code) + "-1", "x_" + strings.ReplaceAll(code, "-", ""),
	} {
		for _, key := range []string{"", w.viewer.Key} {
			_, err := w.Evaluation(key).CastBallot(t.Context(), &evaluationv1.CastBallotRequest{Parent: name, Code: code, Answers: w.answers("satisfied", "fairly"), RequestId: id})
			if f := fault.As(err); reason(err) != "FIELDS_INVALID" || len(f.Fields) != 1 || f.Fields[0].Path != "request_id" || f.Fields[0].Zh == "" || f.Fields[0].En == "" {
				t.Errorf("%s, with the key %q, is refused by %v", id, key, err)
			}
		}
	}
	suitetest.OK[string](t)(w.castAs(mine, name, code, w.answers("satisfied", "fairly")))
}
