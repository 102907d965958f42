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

// Beside is what a tally takes note of beside the ballots.
type Beside struct {
	// By is who tallies (计票人).
	By string
	// Measures are what they enter (录入).
	Measures []*evaluationv1.Measure
	// Figures are what was read for each that ToRead asks for (系统统计).
	Figures []*evaluationv1.Measure
	Vetoes  []*evaluationv1.Veto
}

// Tally makes a result for every unit rated, out of what was counted and of what
// there is beside it (计票). Who issued codes of it MUST NOT be who tallies it.
func Tally(r *evaluationv1.Round, c *Count, beside Beside, now time.Time) (*evaluationv1.Round, []*evaluationv1.Result, error) {
	r, err := moved(r, Tallying)
	if err != nil {
		return nil, nil, err
	}
	if slices.Contains(r.GetIssuers(), beside.By) {
		return nil, nil, ErrIssuerCounts
	}
	for i, g := range r.GetGroups() {
		if g.GetCast() != c.cast[i] {
			return nil, nil, fmt.Errorf("group %s cast %d ballots and the box has %d", g.GetCode(), g.GetCast(), c.cast[i])
		}
	}
	t := &tally{round: r, scheme: r.GetFrozenScheme(), count: c, beside: beside}
	if t.measured, err = measured(r, beside); err != nil {
		return nil, nil, err
	}
	if err := checkVetoes(r, beside.Vetoes); err != nil {
		return nil, nil, err
	}
	r.TalliedBy, r.TallyTime = beside.By, timestamppb.New(now)
	return r, t.results(), nil
}

// tally is one run.
type tally struct {
	round    *evaluationv1.Round
	scheme   *evaluationv1.EvaluationScheme
	count    *Count
	measured map[string][]value // by subject
	beside   Beside
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
	cast      []int      // of the scheme's groups
	ballots   []int      // of them, with something to say
	held      []bool     // of the scheme's groups
	composite *figure    // nil if incomplete
	shifted   bool       // weights were redistributed
}

// outcome says what is shown of a unit. That nobody has anything to say about it is
// shown if so many cast a ballot that it is nobody's secret.
func (f finding) outcome(k int) evaluationv1.Result_Outcome {
	cast, said := sum(f.cast), sum(f.ballots)
	switch {
	case said == 0 && (cast == 0 || cast >= k), said >= k && f.composite == nil:
		return evaluationv1.Result_OUTCOME_INCOMPLETE
	case said < k:
		return evaluationv1.Result_OUTCOME_SUPPRESSED
	}
	return evaluationv1.Result_OUTCOME_COMPLETE
}

// results makes the results and sets the round's average.
func (t *tally) results() []*evaluationv1.Result {
	results := make([]*evaluationv1.Result, len(t.round.GetSubjects()))
	for line := range results {
		results[line] = t.result(line, t.find(line))
	}
	if t.scheme.GetRanking().GetRanked() {
		rank(results)
	}
	t.average(results)
	return results
}

// find combines what the groups said about a unit with its measures.
func (t *tally) find(line int) (f finding) {
	f.cast, f.ballots = t.turnout(line)
	f.held = held(f.cast, f.ballots, int(t.scheme.GetLeastBallots()))
	f.means = make([]*big.Rat, len(f.held))
	groups := newMean()
	for _, part := range parts(f.held) {
		said, weight, shifted := t.part(line, part)
		for _, g := range part {
			f.means[g] = said
		}
		f.shifted = f.shifted || shifted
		groups.add(said, weight)
	}
	opinion := groups.value(t.scheme)
	if opinion == nil {
		return f
	}
	f.shifted = f.shifted || groups.lacking
	total, rest := new(big.Rat), big.NewRat(1, 1)
	for _, m := range t.measured[t.round.GetSubjects()[line]] {
		if m.exact == nil {
			if t.scheme.GetUnanswered() == evaluationv1.EvaluationScheme_UNANSWERED_INCOMPLETE {
				return f
			}
			f.shifted = true
			continue
		}
		total.Add(total, new(big.Rat).Mul(m.exact, m.share))
		rest.Sub(rest, m.share)
	}
	composite := round(total.Add(total, opinion.Mul(opinion, rest)), t.scheme.GetRounding())
	f.composite = &composite
	return f
}

// turnout is how many ballots the groups of the scheme cast, and how many of them
// have something to say about the unit of that line.
func (t *tally) turnout(line int) (cast, ballots []int) {
	cast, ballots = make([]int, len(t.scheme.GetGroups())), make([]int, len(t.scheme.GetGroups()))
	for i, g := range t.scheme.GetGroups() {
		if at := GroupAt(t.round, g.GetCode()); at >= 0 {
			cast[i], ballots[i] = int(t.count.cast[at]), t.count.cells[line][at].ballots
		}
	}
	return cast, ballots
}

// part is what some groups of the scheme say together, and what they weigh.
func (t *tally) part(line int, groups []int) (said, weight *big.Rat, shifted bool) {
	percent, places := int64(0), []int(nil)
	for _, i := range groups {
		g := t.scheme.GetGroups()[i]
		percent += int64(g.GetWeight())
		if at := GroupAt(t.round, g.GetCode()); at >= 0 {
			places = append(places, at)
		}
	}
	said, shifted = t.count.meanOf(line, places)
	return said, big.NewRat(percent, whole), shifted
}

// result shows of a finding what may be shown.
func (t *tally) result(line int, f finding) *evaluationv1.Result {
	unit := t.round.GetSubjects()[line]
	result := &evaluationv1.Result{
		Name:  t.round.GetName() + "/results/" + strings.TrimPrefix(unit, "units/"),
		Round: t.round.GetName(), Unit: unit,
		Scheme: t.round.GetScheme(), SchemeVersion: t.round.GetSchemeVersion(),
		Outcome:            f.outcome(int(t.scheme.GetLeastBallots())),
		CredentialStrength: t.round.GetCredentialStrength(), CredentialNotice: t.round.GetCredentialNotice(),
	}
	for i, g := range t.scheme.GetGroups() {
		result.Groups = append(result.Groups, t.group(g, f, i, result.GetOutcome()))
	}
	for _, m := range t.measured[unit] {
		result.Measures = append(result.Measures, m.Measure)
	}
	for _, v := range t.beside.Vetoes {
		if v.GetSubject() == unit {
			result.Vetoes = append(result.Vetoes, v)
		}
	}
	if result.Outcome != evaluationv1.Result_OUTCOME_SUPPRESSED && sum(f.ballots) > 0 {
		t.fill(result, line, f)
	}
	return result
}

// group shows what the group at that place said, if it may be shown.
func (t *tally) group(g *evaluationv1.Group, f finding, at int, outcome evaluationv1.Result_Outcome) *evaluationv1.GroupResult {
	result := &evaluationv1.GroupResult{Code: g.GetCode(), Weight: g.GetWeight()}
	if f.held[at] || outcome == evaluationv1.Result_OUTCOME_SUPPRESSED {
		result.Suppressed = f.cast[at] > 0
		return result
	}
	result.Ballots = int32(f.ballots[at])
	if said := f.means[at]; said != nil {
		mean := round(said, t.scheme.GetRounding())
		result.Mean, result.MeanMilli = mean.text, &mean.milli
	}
	return result
}

// fill sets what belongs to the unit as a whole.
func (t *tally) fill(result *evaluationv1.Result, line int, f finding) {
	result.Ballots, result.Redistributed = int32(sum(f.ballots)), f.shifted
	if rate := t.count.satisfaction(line); rate != nil {
		shown := round(rate, t.scheme.GetRounding())
		result.SatisfactionRate, result.SatisfactionRateMilli = shown.text, &shown.milli
	}
	if f.composite == nil {
		return
	}
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

// average sets the mean of the composites that are shown, as rounded: it says
// nothing that they do not.
func (t *tally) average(results []*evaluationv1.Result) {
	total, n := int64(0), int64(0)
	for _, r := range results {
		if r.CompositeMilli != nil {
			total += r.GetCompositeMilli()
			n++
		}
	}
	if n == 0 {
		return
	}
	shown := round(big.NewRat(total, 1000*n), t.scheme.GetRounding())
	t.round.Average, t.round.AverageMilli = shown.text, &shown.milli
}
