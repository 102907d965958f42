package server_test

import (
	"errors"
	"strings"
	"testing"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// late is a window whose last day is the day from which rounds after one that was
// closed on suitetest.Start may be opened.
func late(r *evaluationv1.Round) { r.StartDate, r.EndDate = "2026-02-09", "2026-03-11" }

// TestARoundIsNotAskedAgainSoon: of panels A, B and both with one more rater, which
// together tell what that one said, one alone is asked in thirty days; and not
// because a tally is missing, or a unit was added.
func TestARoundIsNotAskedAgainSoon(t *testing.T) {
	w := newWorld(t)
	first := w.open("a")
	both, more := w.draft("b", late), w.draft("more", late, func(r *evaluationv1.Round) {
		r.Subjects = []string{w.Unit("s3", w.bureau, organizationv1.Unit_KIND_SCHOOL), w.school2}
	})
	w.voted(first, "served", 6, "satisfied", "fairly")
	w.tooSoon(both, "2026-03-15") // as long as the window of the first may be used
	w.closed(first)
	w.tooSoon(both, "2026-03-11")
	w.tallied(first)
	w.tooSoon(both, "2026-03-11")
	w.published(first)
	w.tooSoon(more, "2026-03-11")
	w.SetTime(suitetest.Start.AddDate(0, 0, 29))
	w.tooSoon(both, "2026-03-11")
	w.SetTime(suitetest.Start.AddDate(0, 0, 30))
	suitetest.OK[*evaluationv1.Round](t)(w.opens(both))
	w.tooSoon(more, "2026-04-10")
}

// TestARoundOfFewBarsNone: a round of which nothing can be shown, for fewer than k cast
// a ballot, does not keep another from being asked.
func TestARoundOfFewBarsNone(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"first", "second"} {
		name := w.open(id)
		w.voted(name, "served", 4, "satisfied", "fairly")
		w.closed(name)
	}
	w.open("third")
}

// TestAVoidedRoundBarsNone: one that was opened by mistake is taken back by another, its box
// with it, and the units are rated in its place.
func TestAVoidedRoundBarsNone(t *testing.T) {
	w := newWorld(t)
	mistaken, right := w.open("mistaken", late), w.draft("right")
	w.tooSoon(right, "2026-04-10")
	if err := w.voids(w.head, mistaken); err != nil {
		t.Fatal(err)
	}
	suitetest.OK[*evaluationv1.Round](t)(w.opens(right))
	if _, err := w.opens(mistaken); reason(err) != "ROUND_ILLEGAL_MOVE" {
		t.Errorf("what was voided is opened: %v", err)
	}
	if err := w.voids(w.leader, w.draft("never")); err != nil {
		t.Errorf("a draft: %v", err)
	}
}

// TestARoundThatIsOverByThenIsNotSaidToOpenLater: obeying what a refusal says leads somewhere.
func TestARoundThatIsOverByThenIsNotSaidToOpenLater(t *testing.T) {
	w := newWorld(t)
	w.open("first")
	over, lasts := w.draft("over", func(r *evaluationv1.Round) { r.StartDate, r.EndDate = "2026-03-01", "2026-03-14" }), w.draft("lasts", func(r *evaluationv1.Round) {
		r.StartDate, r.EndDate = "2026-03-01", "2026-03-15"
	})
	for round, want := range map[string]string{over: "make another round with a window from 2026-03-15 on", lasts: "open it from 2026-03-15 on"} {
		w.tooSoon(round, "2026-03-15")
		_, err := w.opens(round)
		if why := fault.As(err).Fields[0].En; !strings.HasSuffix(why, want) {
			t.Errorf("%s %s, want: %s", round, why, want)
		}
	}
}

// TestMergersHideNoRound: neither of the owner into another, nor of the unit rated.
func TestMergersHideNoRound(t *testing.T) {
	w := newWorld(t)
	first := w.open("first")
	w.voted(first, "served", 6, "satisfied", "fairly")
	w.closed(first)
	w.merge(w.school1, w.school2)
	w.tooSoon(w.draft("unit", func(r *evaluationv1.Round) { r.Subjects = []string{w.school2} }), "2026-03-11")
	w.merge(w.bureau, w.other)
	w.supervisor = w.stranger
	w.tooSoon(w.draft("owner", func(r *evaluationv1.Round) { r.Owner, r.Subjects = w.other, []string{w.school2} }), "2026-03-11")
}

func (w *world) tooSoon(round, day string) {
	w.T.Helper()
	_, err := w.opens(round)
	f := fault.As(err)
	if reason(err) != "ROUND_REPEATED" || len(f.Fields) != 1 || f.Fields[0].Path != "name" || f.Facts["day"] != day {
		w.T.Errorf("opening %s: %+v, want ROUND_REPEATED until %s", round, f, day)
	}
}

// TestARoundIsOpenedBeforeItsWindowAndTakesNoBallotYet: so that its codes are issued in time.
func TestARoundIsOpenedBeforeItsWindowAndTakesNoBallotYet(t *testing.T) {
	w := newWorld(t)
	early := w.draft("early", func(r *evaluationv1.Round) { r.StartDate, r.EndDate = "2026-02-12", "2026-02-20" })
	opened := suitetest.OK[*evaluationv1.Round](t)(w.opens(early))
	for days, want := range map[int]error{0: evaluation.ErrBallotNotTaken, 2: evaluation.ErrBallotNotTaken, 3: nil} {
		if err := evaluation.Taking(opened, suitetest.Start.AddDate(0, 0, days)); !errors.Is(err, want) {
			t.Errorf("after %d days: %v, want %v", days, err, want)
		}
	}
}
