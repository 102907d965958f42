package evaluation

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

// Tally makes a result for every unit rated, out of what was counted and of
// what is said beside it: measures and vetoes (计票).
func Tally(r *evaluationv1.Round, c *Count, measures []*evaluationv1.Measure, vetoes []*evaluationv1.Veto, now time.Time) (*evaluationv1.Round, []*evaluationv1.Result, error) {
	r, err := moved(r, Tallying)
	if err != nil {
		return nil, nil, err
	}
	for i, g := range r.GetGroups() {
		if g.GetCast() != c.cast[i] {
			return nil, nil, fmt.Errorf("group %s cast %d ballots and the box has %d", g.GetCode(), g.GetCast(), c.cast[i])
		}
	}
	t := &tally{round: r, scheme: r.GetFrozenScheme(), count: c, vetoes: vetoes}
	if t.measured, err = measured(r, measures); err != nil {
		return nil, nil, err
	}
	if err := checkVetoes(r, vetoes); err != nil {
		return nil, nil, err
	}
	r.TallyTime = timestamppb.New(now)
	return r, t.results(), nil
}

// tally is one run.
type tally struct {
	round    *evaluationv1.Round
	scheme   *evaluationv1.EvaluationScheme
	count    *Count
	measured map[string][]value // by subject
	vetoes   []*evaluationv1.Veto
}

// value is a measure and its share of the composite.
type value struct {
	*evaluationv1.Measure
	exact, share *big.Rat
}

// measured sorts the measures by subject, in the order of the scheme.
func measured(r *evaluationv1.Round, measures []*evaluationv1.Measure) (map[string][]value, error) {
	found := map[string][]value{}
	given := map[[2]string]*evaluationv1.Measure{}
	for i, m := range measures {
		key := [2]string{m.GetSubject(), m.GetIndicator()}
		if given[key] != nil {
			return nil, ErrMeasureInvalid.At(fmt.Sprintf("measures[%d]", i), "重复", "is named twice")
		}
		given[key] = m
	}
	for _, subject := range r.GetSubjects() {
		for _, l := range leaves(r.GetFrozenScheme(), evaluationv1.Indicator_FROM_METRIC) {
			m := given[[2]string{subject, l.GetCode()}]
			milli, ok := thousandths(m.GetValue())
			if !ok || !within(l.scale, milli) {
				return nil, ErrMeasureInvalid.At("measures", subject+" 的 "+l.GetCode()+" 缺少或超出范围", l.GetCode()+" of "+subject+" is missing or out of range")
			}
			found[subject] = append(found[subject], value{m, big.NewRat(milli, 1000), l.share})
			delete(given, [2]string{subject, l.GetCode()})
		}
	}
	if len(given) > 0 {
		return nil, ErrMeasureInvalid.At("measures", "有不属于本轮的单位或指标", "name a unit or indicator that the round does not measure")
	}
	return found, nil
}

func checkVetoes(r *evaluationv1.Round, vetoes []*evaluationv1.Veto) error {
	seen := map[[2]string]bool{}
	for i, v := range vetoes {
		key := [2]string{v.GetSubject(), v.GetCode()}
		known := slices.Contains(r.GetSubjects(), v.GetSubject()) && slices.Contains(codesOf(r.GetFrozenScheme().GetVetoes()), v.GetCode())
		if !known || seen[key] {
			return ErrVetoInvalid.At(fmt.Sprintf("vetoes[%d]", i), "单位或情形不在本轮之内，或重复", "names a unit or code that the round does not have, or one twice")
		}
		seen[key] = true
	}
	return nil
}

// finding is what was found about one unit, before anything is hidden.
type finding struct {
	means     []*big.Rat // of the scheme's groups; nil for none
	ballots   []int      // of the scheme's groups
	composite *figure    // nil if incomplete
	shifted   bool       // weights were redistributed
}

// results makes the results and sets the round's average.
func (t *tally) results() []*evaluationv1.Result {
	findings := make([]finding, len(t.round.GetSubjects()))
	counts, complete := make([][]int, len(findings)), make([]bool, len(findings))
	for line := range findings {
		findings[line] = t.find(line)
		counts[line], complete[line] = findings[line].ballots, findings[line].composite != nil
	}
	show := show(counts, complete, int(t.scheme.GetLeastBallots()))
	results := make([]*evaluationv1.Result, len(findings))
	for line, f := range findings {
		results[line] = t.result(line, f, show)
	}
	if t.scheme.GetRanking().GetRanked() {
		rank(results)
	}
	if show.average {
		t.average(findings)
	}
	return results
}

// find combines what the groups said about a unit with its measures.
func (t *tally) find(line int) (f finding) {
	groups := newMean()
	for _, g := range t.scheme.GetGroups() {
		var said *big.Rat
		ballots := 0
		if at := GroupAt(t.round, g.GetCode()); at >= 0 {
			var shifted bool
			said, shifted = t.count.groupMean(line, at)
			f.shifted = f.shifted || shifted
			ballots = t.count.cells[line][at].ballots
		}
		f.means, f.ballots = append(f.means, said), append(f.ballots, ballots)
		groups.add(said, big.NewRat(int64(g.GetWeight()), whole))
	}
	opinion := groups.value(t.scheme)
	if opinion == nil {
		return f
	}
	f.shifted = f.shifted || groups.lacking
	total, rest := new(big.Rat), big.NewRat(1, 1)
	for _, m := range t.measured[t.round.GetSubjects()[line]] {
		total.Add(total, new(big.Rat).Mul(m.exact, m.share))
		rest.Sub(rest, m.share)
	}
	composite := round(total.Add(total, opinion.Mul(opinion, rest)), t.scheme.GetRounding())
	f.composite = &composite
	return f
}

// result shows of a finding what may be shown.
func (t *tally) result(line int, f finding, show shown) *evaluationv1.Result {
	unit := t.round.GetSubjects()[line]
	result := &evaluationv1.Result{
		Name:  t.round.GetName() + "/results/" + strings.TrimPrefix(unit, "units/"),
		Round: t.round.GetName(), Unit: unit,
		Scheme: t.round.GetScheme(), SchemeVersion: t.round.GetSchemeVersion(),
		Outcome:            evaluationv1.Result_OUTCOME_SUPPRESSED,
		CredentialStrength: t.round.GetCredentialStrength(), CredentialNotice: t.round.GetCredentialNotice(),
	}
	for i, g := range t.scheme.GetGroups() {
		result.Groups = append(result.Groups, t.group(g, f.means[i], f.ballots[i], show.groups[line][i]))
	}
	for _, m := range t.measured[unit] {
		result.Measures = append(result.Measures, m.Measure)
	}
	for _, v := range t.vetoes {
		if v.GetSubject() == unit {
			result.Vetoes = append(result.Vetoes, v)
		}
	}
	ballots := sum(f.ballots)
	switch {
	case show.subjects[line]:
		result.Ballots = int32(ballots)
		t.fill(result, line, f)
	case ballots == 0:
		result.Outcome = evaluationv1.Result_OUTCOME_INCOMPLETE
	}
	return result
}

// group shows what a group said, if it may be shown.
func (t *tally) group(g *evaluationv1.Group, said *big.Rat, ballots int, show bool) *evaluationv1.GroupResult {
	result := &evaluationv1.GroupResult{Code: g.GetCode(), Weight: g.GetWeight(), Suppressed: ballots > 0 && !show}
	if !show {
		return result
	}
	result.Ballots = int32(ballots)
	if said != nil {
		mean := round(said, t.scheme.GetRounding())
		result.Mean, result.MeanMilli = mean.text, &mean.milli
	}
	return result
}

// fill sets what belongs to the unit as a whole.
func (t *tally) fill(result *evaluationv1.Result, line int, f finding) {
	result.Redistributed = f.shifted
	if rate := t.count.satisfaction(line); rate != nil {
		shown := round(rate, t.scheme.GetRounding())
		result.SatisfactionRate, result.SatisfactionRateMilli = shown.text, &shown.milli
	}
	if f.composite == nil {
		result.Outcome = evaluationv1.Result_OUTCOME_INCOMPLETE
		return
	}
	result.Outcome = evaluationv1.Result_OUTCOME_COMPLETE
	result.Composite, result.CompositeMilli = f.composite.text, &f.composite.milli
	if g := t.grade(f.composite.milli, result.GetVetoes()); g != nil {
		result.Grade, result.GradeName = g.GetCode(), g.GetName()
	}
}

// grade is the highest that the composite reaches and no veto bars, or nil.
func (t *tally) grade(milli int64, vetoes []*evaluationv1.Veto) *evaluationv1.Grade {
	barred := map[string]bool{}
	for _, v := range vetoes {
		rule := slices.Index(codesOf(t.scheme.GetVetoes()), v.GetCode())
		for _, code := range t.scheme.GetVetoes()[rule].GetBars() {
			barred[code] = true
		}
	}
	for _, g := range t.scheme.GetGrades() {
		if milli >= 1000*int64(g.GetAtLeast()) && !barred[g.GetCode()] {
			return g
		}
	}
	return nil
}

// rank gives equal ranks to equal composites, and the next rank to who follows
// after as many (同分同名次，后一名次顺延). What has no composite has no rank.
func rank(results []*evaluationv1.Result) {
	ranked := slices.DeleteFunc(slices.Clone(results), func(r *evaluationv1.Result) bool { return r.CompositeMilli == nil })
	slices.SortStableFunc(ranked, func(a, b *evaluationv1.Result) int {
		return cmp.Compare(b.GetCompositeMilli(), a.GetCompositeMilli())
	})
	for i, r := range ranked {
		r.Rank = int32(i + 1)
		if i > 0 && r.GetCompositeMilli() == ranked[i-1].GetCompositeMilli() {
			r.Rank = ranked[i-1].GetRank()
		}
	}
}

// average sets the mean of all composites, as rounded, those hidden included.
func (t *tally) average(findings []finding) {
	total, n := int64(0), int64(0)
	for _, f := range findings {
		if f.composite != nil {
			total += f.composite.milli
			n++
		}
	}
	shown := round(big.NewRat(total, 1000*n), t.scheme.GetRounding())
	t.round.Average, t.round.AverageMilli = shown.text, &shown.milli
}
