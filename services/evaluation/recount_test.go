package evaluation_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/internal/fault"
)

func asFault(err error) *fault.Fault {
	if f := fault.As(err); f != nil {
		return f
	}
	return &fault.Fault{}
}

// TestARecountAgrees counts random rounds again from the ballots as the box keeps
// them, slowly and by another way: one list of points per question, and no
// weight but the percentages as they stand in the scheme.
func TestARecountAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom([]string{"conduct", "social", "special"}).Draw(t, "scheme")
		r := randomRound(t, id)
		stored, measures := randomBallots(t, r), randomMeasures(t, r)
		count := evaluation.NewCount(r)
		for _, b := range stored {
			o := &evaluationv1.BallotOpening{}
			if err := proto.Unmarshal(b, o); err != nil {
				t.Fatal(err)
			}
			r.Groups[o.GetGroup()].Cast++
			if err := count.Add(o); err != nil {
				t.Fatal(err)
			}
		}
		_, results, err := evaluation.Tally(r, count, measures, day("2026-04-01"))
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range results {
			compare(t, recount(t, r, result, stored, slices.Concat(measures.Measures, measures.Figures)), result)
		}
		ranks(t, results)
	})
}

func randomRound(t *rapid.T, id string) *evaluationv1.Round {
	all := rapid.IntRange(1, 4).Draw(t, "subjects")
	r := round(t, id, all, func(s *evaluationv1.EvaluationScheme) {
		s.TrimPercent = int32(rapid.SampledFrom([]int{0, 0, 10, 34, 49}).Draw(t, "trim"))
		s.LeastBallots = int32(rapid.IntRange(1, 4).Draw(t, "least"))
		s.Unanswered = evaluationv1.EvaluationScheme_Unanswered(rapid.IntRange(1, 2).Draw(t, "unanswered"))
		s.Rounding = &evaluationv1.Rounding{
			Mode:   evaluationv1.Rounding_Mode(rapid.IntRange(1, 2).Draw(t, "mode")),
			Digits: int32(rapid.IntRange(0, 3).Draw(t, "digits")),
		}
	})
	r.State = evaluationv1.Round_STATE_CLOSED
	if len(r.Groups) > 1 && rapid.Bool().Draw(t, "without the first group") {
		r.Groups = r.Groups[1:]
	}
	return r
}

// columnsOf lists the questions of a ballot with their percentage of the whole.
func columnsOf(s *evaluationv1.EvaluationScheme, from ...evaluationv1.Indicator_From) (list []*evaluationv1.Indicator, percent []*big.Rat) {
	for _, top := range s.GetIndicators() {
		children := top.GetChildren()
		if children == nil {
			children = []*evaluationv1.Indicator{{Code: top.GetCode(), Weight: 100, Scale: top.GetScale(), From: top.GetFrom()}}
		}
		for _, c := range children {
			if slices.Contains(from, c.GetFrom()) {
				list = append(list, c)
				percent = append(percent, big.NewRat(int64(top.GetWeight())*int64(c.GetWeight()), 100))
			}
		}
	}
	return list, percent
}

func randomBallots(t *rapid.T, r *evaluationv1.Round) (stored [][]byte) {
	columns, _ := columnsOf(r.GetFrozenScheme(), evaluationv1.Indicator_FROM_BALLOT)
	for range rapid.IntRange(0, 12).Draw(t, "ballots") {
		o := &evaluationv1.BallotOpening{Group: uint32(rapid.IntRange(0, len(r.GetGroups())-1).Draw(t, "group"))}
		for range r.GetSubjects() {
			for _, c := range columns {
				choice := rapid.Uint32Range(0, 3)
				if c.GetScale() == "score" {
					choice = rapid.OneOf(rapid.Just[uint32](0), rapid.Uint32Range(1, 100_001))
				}
				o.Choices = append(o.Choices, choice.Draw(t, "choice"))
			}
		}
		b, err := proto.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, b)
	}
	return stored
}

// randomMeasures are figures entered and read, of which some are shares of nothing.
func randomMeasures(t *rapid.T, r *evaluationv1.Round) (beside evaluation.Beside) {
	columns, _ := columnsOf(r.GetFrozenScheme(), evaluationv1.Indicator_FROM_ENTERED)
	for _, subject := range r.GetSubjects() {
		for _, c := range columns {
			beside.Measures = append(beside.Measures, &evaluationv1.Measure{Subject: subject, Indicator: c.GetCode(), Basis: "演示〔2026〕1 号", Value: fmt.Sprintf("%d.%d", rapid.IntRange(0, 99).Draw(t, "value"), rapid.IntRange(0, 9).Draw(t, "tenth"))})
		}
	}
	for _, m := range evaluation.ToRead(r) {
		of := rapid.Int64Range(0, 30).Draw(t, "denominator")
		beside.Figures = append(beside.Figures, evaluation.Read(m, rapid.Int64Range(0, of).Draw(t, "numerator"), of))
	}
	return beside
}

// truth is what a recount finds.
type truth struct {
	scheme    *evaluationv1.EvaluationScheme
	means     map[string]*big.Rat
	ballots   map[string]int
	cast      map[string]int
	composite *big.Rat
	rate      *big.Rat
}

// together are the groups of a scheme as they count: those that the result holds
// back as one, all others alone.
func together(s *evaluationv1.EvaluationScheme, result *evaluationv1.Result) (parts [][]string, weights []int64) {
	held := -1
	for i, g := range s.GetGroups() {
		switch suppressed := result.GetGroups()[i].GetSuppressed(); {
		case suppressed && held >= 0:
			parts[held] = append(parts[held], g.GetCode())
			weights[held] += int64(g.GetWeight())
			continue
		case suppressed:
			held = len(parts)
		}
		parts, weights = append(parts, []string{g.GetCode()}), append(weights, int64(g.GetWeight()))
	}
	return parts, weights
}

func recount(t *rapid.T, r *evaluationv1.Round, result *evaluationv1.Result, stored [][]byte, measures []*evaluationv1.Measure) truth {
	s, line := r.GetFrozenScheme(), slices.Index(r.GetSubjects(), result.GetUnit())
	redistribute := s.GetUnanswered() == evaluationv1.EvaluationScheme_UNANSWERED_REDISTRIBUTE
	columns, percent := columnsOf(s, evaluationv1.Indicator_FROM_BALLOT)
	found := truth{scheme: s, means: map[string]*big.Rat{}, ballots: map[string]int{}, cast: map[string]int{}}
	good, all := int64(0), int64(0)
	opinion, weights := new(big.Rat), new(big.Rat)
	missing := false
	parts, shares := together(s, result)
	for i, part := range parts {
		lists := make([][]*big.Rat, len(columns))
		for _, b := range stored {
			o := &evaluationv1.BallotOpening{}
			if err := proto.Unmarshal(b, o); err != nil {
				t.Fatal(err)
			}
			code := r.GetGroups()[o.GetGroup()].GetCode()
			if !slices.Contains(part, code) {
				continue
			}
			found.cast[code]++
			mine, some := o.GetChoices()[line*len(columns):(line+1)*len(columns)], false
			for i, choice := range mine {
				if choice == 0 {
					continue
				}
				some = true
				all++
				if columns[i].GetScale() == "score" {
					lists[i] = append(lists[i], big.NewRat(int64(choice)-1, 1000))
					continue
				}
				lists[i] = append(lists[i], big.NewRat([]int64{100, 75, 55}[choice-1], 1))
				if choice <= 2 {
					good++
				}
			}
			if some {
				found.ballots[code]++
			}
		}
		total, held, gap := new(big.Rat), new(big.Rat), false
		for i, list := range lists {
			slices.SortFunc(list, (*big.Rat).Cmp)
			drop := len(list) * int(s.GetTrimPercent()) / 100
			list = list[drop : len(list)-drop]
			if len(list) == 0 {
				gap = true
				continue
			}
			add := new(big.Rat)
			for _, points := range list {
				add.Add(add, points)
			}
			add.Quo(add, big.NewRat(int64(len(list)), 1))
			total.Add(total, add.Mul(add, percent[i]))
			held.Add(held, percent[i])
		}
		if held.Sign() == 0 || gap && !redistribute {
			missing = true
			continue
		}
		found.means[part[0]] = total.Quo(total, held)
		weight := big.NewRat(shares[i], 1)
		opinion.Add(opinion, new(big.Rat).Mul(weight, total))
		weights.Add(weights, weight)
	}
	if s.GetSatisfactionRate() != nil && all > 0 {
		found.rate = big.NewRat(100*good, all)
	}
	if weights.Sign() == 0 || missing && !redistribute {
		return found
	}
	rest := big.NewRat(100, 1)
	metrics, percents := columnsOf(s, evaluationv1.Indicator_FROM_METRIC, evaluationv1.Indicator_FROM_ENTERED)
	found.composite = new(big.Rat)
	for i, c := range metrics {
		for _, m := range measures {
			if m.GetSubject() == r.GetSubjects()[line] && m.GetIndicator() == c.GetCode() {
				v, ok := new(big.Rat).SetString(m.GetValue())
				if !ok && redistribute {
					continue
				}
				if !ok {
					found.composite = nil
					return found
				}
				found.composite.Add(found.composite, v.Mul(v, percents[i]))
				rest.Sub(rest, percents[i])
			}
		}
	}
	opinion.Quo(opinion, weights)
	found.composite.Add(found.composite, opinion.Mul(opinion, rest))
	found.composite.Quo(found.composite, big.NewRat(100, 1))
	return found
}

// compare holds what is shown against the truth.
func compare(t *rapid.T, want truth, got *evaluationv1.Result) {
	k, total, cast, small, hidden, heard := int(want.scheme.GetLeastBallots()), 0, 0, false, 0, 0
	for _, g := range got.GetGroups() {
		n, c := want.ballots[g.GetCode()], want.cast[g.GetCode()]
		total, cast = total+n, cast+c
		few := n > 0 && n < k || c > 0 && c < k
		if small = small || few; few && !g.GetSuppressed() {
			t.Fatalf("%s of %v shows %d ballots, %d with something to say, of at least %d", g.GetCode(), got, c, n, k)
		}
		if g.GetSuppressed() {
			hidden, heard = hidden+c, heard+n
		}
	}
	suppressed := got.GetOutcome() == evaluationv1.Result_OUTCOME_SUPPRESSED
	if !suppressed && (hidden > 0 && !small || hidden > 0 && hidden < k || heard > 0 && heard < k) {
		t.Fatalf("%v holds back %d ballots, %d with something to say; at least %d", got, hidden, heard, k)
	}
	switch incomplete := got.GetOutcome() == evaluationv1.Result_OUTCOME_INCOMPLETE; {
	case suppressed != (total < k && (total > 0 || cast > 0 && cast < k)), !suppressed && incomplete != (want.composite == nil):
		t.Fatalf("%v of %d ballots, %d with something to say; at least %d", got, cast, total, k)
	case suppressed:
		if got.CompositeMilli != nil || got.SatisfactionRateMilli != nil || got.GetGrade() != "" || got.GetRank() != 0 {
			t.Fatalf("suppressed: %v", got)
		}
		return
	}
	same(t, want, "composite", want.composite, got.GetComposite(), got.CompositeMilli)
	if total > 0 {
		same(t, want, "satisfaction", want.rate, got.GetSatisfactionRate(), got.SatisfactionRateMilli)
	}
	for _, g := range got.GetGroups() {
		if !g.GetSuppressed() {
			same(t, want, g.GetCode(), want.means[g.GetCode()], g.GetMean(), g.MeanMilli)
		}
	}
}

// same compares a figure shown with its exact value: it may be off by half of the
// last digit.
func same(t *rapid.T, want truth, what string, exact *big.Rat, text string, milli *int64) {
	if exact == nil || milli == nil || text == "" {
		if exact != nil || milli != nil || text != "" {
			t.Fatalf("%s: %v, shown as %q", what, exact, text)
		}
		return
	}
	shown, ok := new(big.Rat).SetString(text)
	if !ok || shown.Cmp(big.NewRat(*milli, 1000)) != 0 {
		t.Fatalf("%s: %q and %d thousandths", what, text, *milli)
	}
	half := big.NewRat(1, 2)
	for range want.scheme.GetRounding().GetDigits() {
		half.Quo(half, big.NewRat(10, 1))
	}
	if off := new(big.Rat).Sub(shown, exact); off.Abs(off).Cmp(half) > 0 {
		t.Fatalf("%s: %s shown as %s", what, exact.FloatString(6), text)
	}
}

// ranks says who stands before whom: as many as are better, and one.
func ranks(t *rapid.T, results []*evaluationv1.Result) {
	for _, a := range results {
		if a.CompositeMilli == nil {
			continue
		}
		better := int32(0)
		for _, b := range results {
			if b.CompositeMilli != nil && *b.CompositeMilli > *a.CompositeMilli {
				better++
			}
		}
		if a.GetRank() != better+1 {
			t.Fatalf("%s has rank %d and %d are better", a.GetName(), a.GetRank(), better)
		}
	}
}
