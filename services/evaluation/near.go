package evaluation

import (
	"slices"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

// Apart is how many days must lie between the windows of two rounds for their results
// to be shown whoever voted in them: for so long raters are taken to say the same
// again, so that what differs is told of those who differ.
const Apart = 30

// Beside is what a tally takes note of beside the ballots.
type Beside struct {
	Measures []*evaluationv1.Measure
	Vetoes   []*evaluationv1.Veto
	Earlier  []Earlier // of all rounds that are Near
}

// Earlier is a round that was tallied before, with its results.
type Earlier struct {
	Round   *evaluationv1.Round
	Results []*evaluationv1.Result
}

// Near says whether the results of a round that is to be tallied must be held against
// those of another: it was tallied, is of the same owner and scheme, and its window is
// fewer than Apart days away.
func Near(r, other *evaluationv1.Round) bool {
	if other.GetTallyTime() == nil || other.GetName() == r.GetName() || other.GetOwner() != r.GetOwner() || other.GetScheme() != r.GetScheme() {
		return false
	}
	a, err := windowOf(r)
	b, errOther := windowOf(other)
	if err != nil || errOther != nil {
		return true // of what cannot be read the worst is true
	}
	return a.last.DaysUntil(b.first) < Apart && b.last.DaysUntil(a.first) < Apart
}

// told says whether the finding about a unit, shown after an earlier result, would
// tell what fewer than k raters said: who came or left since, or has something to say
// now. It goes by how many ballots there were, for whose they are nobody knows.
func (t *tally) told(unit string, f finding) bool {
	return slices.ContainsFunc(t.beside.Earlier, func(e Earlier) bool {
		i := slices.IndexFunc(e.Results, func(r *evaluationv1.Result) bool { return r.GetUnit() == unit })
		return i >= 0 && e.Results[i].GetOutcome() != evaluationv1.Result_OUTCOME_SUPPRESSED && t.few(e.Round, e.Results[i], f)
	})
}

// few says whether fewer than k ballots lie between an earlier result that shows
// something and a finding: of a group, or of those with something to say, of a group
// that both show and of all.
func (t *tally) few(r *evaluationv1.Round, before *evaluationv1.Result, f finding) bool {
	k := int(t.scheme.GetLeastBallots())
	few := func(was int32, is int) bool { return int(was)+is > 0 && max(int(was)-is, is-int(was)) < k }
	for i, g := range t.scheme.GetGroups() {
		var cast int32
		if at := GroupAt(r, g.GetCode()); at >= 0 {
			cast = r.GetGroups()[at].GetCast()
		}
		shown := slices.IndexFunc(before.GetGroups(), func(b *evaluationv1.GroupResult) bool { return b.GetCode() == g.GetCode() && !b.GetSuppressed() })
		if few(cast, f.cast[i]) || shown >= 0 && !f.held[i] && few(before.GetGroups()[shown].GetBallots(), f.ballots[i]) {
			return true
		}
	}
	return few(before.GetBallots(), sum(f.ballots))
}
