package evaluation_test

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
)

// A mistyped year would keep the units from being rated until it has passed.
func TestTheWindowLiesWithinAYear(t *testing.T) {
	r := round(t, "conduct", 1)
	today := day("2026-03-11")
	make := func(first, last string) error {
		asked := proto.CloneOf(r)
		asked.StartDate, asked.EndDate = first, last
		_, err := evaluation.NewRound("rounds/r", asked, r.GetFrozenScheme(), func(unit string) evaluation.Place {
			return evaluation.Place{Path: []string{unit, "units/bureau"}, Active: true}
		}, today)
		return err
	}
	for _, c := range []struct {
		first, last string
		want        *fault.Fault
		field       string
	}{
		{"2026-03-11", "2026-03-11", nil, ""},
		{"2026-03-11", "2026-09-06", nil, ""}, // 180 days
		{"2026-03-11", "2026-09-07", evaluation.ErrWindowOutside, "round.end_date"},
		{"2026-03-11", "2062-03-20", evaluation.ErrWindowOutside, "round.end_date"},
		{"2026-03-11", "9999-12-31", evaluation.ErrWindowOutside, "round.end_date"},
		{"2027-03-01", "2027-03-11", nil, ""},
		{"2027-03-01", "2027-03-12", evaluation.ErrWindowOutside, "round.end_date"},
		{"2026-03-10", "2026-03-20", evaluation.ErrWindowOutside, "round.start_date"},
		{"1900-01-01", "2026-03-20", evaluation.ErrWindowOutside, "round.start_date"},
		{"2026-03-11", "2026-03-10", evaluation.ErrWindowInvalid, "round.end_date"},
		{"1926-03-11", "1926-03-20", evaluation.ErrWindowInvalid, "round.end_date"},
	} {
		err := make(c.first, c.last)
		if c.want == nil && err == nil {
			continue
		}
		if f := fault.As(err); c.want == nil || !errors.Is(err, c.want) || len(f.Fields) != 1 || f.Fields[0].Path != c.field {
			t.Errorf("from %s to %s: %v, want %v at %q", c.first, c.last, err, c.want, c.field)
		}
	}
}

// A draft that an earlier program took is not opened with such a window, and one whose
// first day has passed is.
func TestADraftOpensWithinItsBounds(t *testing.T) {
	for last, want := range map[string]error{"2026-03-31": nil, "2026-09-01": evaluation.ErrWindowOutside, "2062-03-20": evaluation.ErrWindowOutside} {
		r := round(t, "conduct", 1) // from 2026-03-01
		window("2026-03-01", last)(r)
		if _, err := evaluation.Open(r, calendar.Date{}, "", day("2026-03-02")); !errors.Is(err, want) {
			t.Errorf("to %s: %v, want %v", last, err, want)
		}
	}
	r := round(t, "conduct", 1)
	window("2027-03-01", "2027-03-02")(r)
	if _, err := evaluation.Open(r, calendar.Date{}, "", day("2026-03-01")); !errors.Is(err, evaluation.ErrWindowOutside) {
		t.Errorf("a year and a day ahead: %v", err)
	}
	if _, err := evaluation.Open(r, calendar.Date{}, "", day("2026-03-02")); err != nil {
		t.Errorf("a year ahead: %v", err)
	}
	if r.GetState() != evaluationv1.Round_STATE_DRAFT {
		t.Error("opening changed its argument")
	}
}

// An open round is taken back by another than who opened it, as long as nobody has a code.
func TestAMistakeIsVoided(t *testing.T) {
	const opener, other = "units/bureau/members/l", "units/bureau/members/h"
	draft := round(t, "conduct", 1)
	if r, err := evaluation.Void(draft, opener); err != nil || r.GetState() != evaluationv1.Round_STATE_VOIDED {
		t.Errorf("a draft: %v, %v", r, err)
	}
	open, err := evaluation.Open(draft, calendar.Date{}, opener, day("2026-03-02"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := evaluation.Void(open, opener); !errors.Is(err, evaluation.ErrOpenerVoids) {
		t.Errorf("by who opened it: %v", err)
	}
	if _, err := evaluation.Void(open, other); err != nil {
		t.Errorf("by another: %v", err)
	}
	issued, err := evaluation.Issue(open, evaluation.Codes{By: issuer, Group: "served", Count: 1}, day("2026-03-02"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := evaluation.Void(issued, other); !errors.Is(err, evaluation.ErrVoidRefused) {
		t.Errorf("with a code: %v", err)
	}
}
