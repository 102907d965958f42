package evaluation_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
)

// votes are how often a group chose each option, of which the first is 不了解.
type votes [4]int

func (v votes) cast() int { return v[0] + v[1] + v[2] + v[3] }
func (v votes) said() int { return v.cast() - v[0] }

// plus adds n times the votes w.
func (v votes) plus(n int, w votes) votes {
	for i := range w {
		v[i] += n * w[i]
	}
	return v
}

func (v votes) possible() bool { return slices.Min(v[:]) >= 0 }

// allVotes are those that so many raters can cast.
func allVotes(cast int) (all []votes) {
	for a := 0; a <= cast; a++ {
		for b := 0; a+b <= cast; b++ {
			for c := 0; a+b+c <= cast; c++ {
				all = append(all, votes{a, b, c, cast - a - b - c})
			}
		}
	}
	return all
}

// drawVotes is what so many raters happen to cast.
func drawVotes(r *rand.Rand, cast int) (v votes) {
	for range cast {
		v[r.IntN(4)]++
	}
	return v
}

// electorate is what all groups of a round cast.
type electorate [3]votes

// pair are two rounds one soon after the other, between which some raters of one group
// left and others joined it. The onlooker knows how many, and that all others say again
// what they said.
type pair struct {
	k, group     int
	before       electorate
	left, joined votes
}

func (p pair) after() electorate { return p.before.moved(p.group, p.left, p.joined) }

func (e electorate) moved(group int, left, joined votes) electorate {
	e[group] = e[group].plus(-1, left).plus(1, joined)
	return e
}

func drawPair(r *rand.Rand) pair {
	p := pair{k: 2 + r.IntN(2), group: r.IntN(2)}
	for g := range 2 {
		p.before[g] = drawVotes(r, r.IntN(8))
	}
	left, joined := r.IntN(p.k), r.IntN(p.k)
	switch r.IntN(3) {
	case 0:
		left, joined = 0, 1+r.IntN(p.k+2)
	case 1:
		left, joined = 1+r.IntN(p.k+2), 0
	}
	all := slices.DeleteFunc(allVotes(min(left, p.before[p.group].cast())), func(v votes) bool { return !p.before[p.group].plus(-1, v).possible() })
	p.left, p.joined = all[r.IntN(len(all))], drawVotes(r, joined)
	return p
}

// rated tallies a round of these votes on one unit by one indicator.
func (p pair) rated(t *testing.T, name string, e electorate, earlier ...evaluation.Earlier) evaluation.Earlier {
	t.Helper()
	r := round(t, "conduct", 1, func(s *evaluationv1.EvaluationScheme) {
		s.Indicators = s.GetIndicators()[:1]
		s.Indicators[0].Weight, s.LeastBallots = 100, int32(p.k)
	})
	r.Name, r.State = name, evaluationv1.Round_STATE_CLOSED
	count := evaluation.NewCount(r)
	for g, v := range e {
		r.Groups[g].Cast = int32(v.cast())
		for choice, n := range v {
			for range n {
				if err := count.Add(&evaluationv1.BallotOpening{Group: uint32(g), Choices: []uint32{uint32(choice)}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	r, results, err := evaluation.Tally(r, count, evaluation.Beside{Earlier: earlier}, day("2026-04-01"))
	if err != nil {
		t.Fatal(err)
	}
	return evaluation.Earlier{Round: r, Results: results}
}

// fits says whether votes can be behind a result. It is the onlooker's: by intervals,
// and of the rules knows what the scheme and the contract say.
func (e electorate) fits(r *evaluationv1.Result) bool {
	if r.GetOutcome() == evaluationv1.Result_OUTCOME_SUPPRESSED {
		return true
	}
	var few, all votes
	total, weights, rest := 0.0, 0.0, 0.0
	add := func(v votes, weight float64) {
		if v.said() > 0 {
			total, weights = total+weight*v.mean(), weights+weight
		}
	}
	for i, g := range r.GetGroups() {
		all = all.plus(1, e[i])
		if g.GetSuppressed() {
			few, rest = few.plus(1, e[i]), rest+float64(g.GetWeight())
			continue
		}
		if int(g.GetBallots()) != e[i].said() || !near(g.GetMean(), e[i].mean()) {
			return false
		}
		add(e[i], float64(g.GetWeight()))
	}
	add(few, rest)
	return int(r.GetBallots()) == all.said() && near(r.GetComposite(), total/weights) &&
		near(r.GetSatisfactionRate(), 100*float64(all[1]+all[2])/float64(all.said()))
}

func (v votes) mean() float64 { return float64(100*v[1]+75*v[2]+55*v[3]) / float64(v.said()) }

// near says whether x can have been rounded to the text, which is empty for none.
func near(text string, x float64) bool {
	shown, err := strconv.ParseFloat(text, 64)
	return err != nil && math.IsNaN(x) || err == nil && math.Abs(shown-x) <= 0.00501
}

// worlds are all votes that can be behind a result of so many ballots.
func worlds(e electorate, r *evaluationv1.Result) (all []electorate) {
	for _, a := range allVotes(e[0].cast()) {
		for _, b := range allVotes(e[1].cast()) {
			if w := (electorate{a, b}); w.fits(r) {
				all = append(all, w)
			}
		}
	}
	return all
}

// guessed is what the onlooker takes to be possible of those who left or joined.
type guessed map[votes]bool

// few says whether it is known what some said of whom fewer than k voted or had
// something to say, and was not known by their round alone.
func (g guessed) few(k int, v votes, alone guessed) bool {
	return len(g) == 1 && len(alone) > 1 && v.cast() > 0 && (v.cast() < k || v.said() > 0 && v.said() < k)
}

// told says whether the onlooker learns of two results what few said.
func (p pair) told(before, after *evaluationv1.Result) bool {
	left, joined, leftAlone, joinedAlone := guessed{}, guessed{}, guessed{}, guessed{}
	lefts, joins := allVotes(p.left.cast()), allVotes(p.joined.cast())
	for _, w := range worlds(p.before, before) {
		for _, l := range lefts {
			if !w[p.group].plus(-1, l).possible() {
				continue
			}
			leftAlone[l] = true
			for _, j := range joins {
				if w.moved(p.group, l, j).fits(after) {
					left[l], joined[j] = true, true
				}
			}
		}
	}
	for _, w := range worlds(p.after(), after) {
		for _, j := range joins {
			if w[p.group].plus(-1, j).possible() {
				joinedAlone[j] = true
			}
		}
	}
	return left.few(p.k, p.left, leftAlone) || joined.few(p.k, p.joined, joinedAlone)
}

// TestTwoRoundsTellNotWhoCameAndLeft solves, for some hundreds of small electorates,
// what two rounds one soon after the other tell of those who are in one of them alone.
// Shown side by side they tell it of most; held against each other of none.
func TestTwoRoundsTellNotWhoCameAndLeft(t *testing.T) {
	random := rand.New(rand.NewPCG(28, 36))
	const pairs = 150
	told, shown := 0, 0
	for range pairs {
		p := drawPair(random)
		first := p.rated(t, "rounds/a", p.before)
		beside, after := p.rated(t, "rounds/b", p.after()), p.rated(t, "rounds/b", p.after(), first)
		if p.told(first.Results[0], beside.Results[0]) {
			told++
		}
		if p.told(first.Results[0], after.Results[0]) {
			t.Errorf("%+v: what few said is told by\n%v\n%v", p, first.Results[0], after.Results[0])
		}
		if after.Results[0].GetOutcome() == evaluationv1.Result_OUTCOME_COMPLETE {
			shown++
		}
	}
	t.Logf("side by side %d of %d pairs tell what few said; of those held against each other %d show both results", told, pairs, shown)
	if told < pairs/4 || shown == 0 {
		t.Errorf("%d pairs told what few said, and %d were shown: nothing was tried", told, shown)
	}
}

// Rounds whose groups all differ by k ballots and more are both shown; what nothing is
// shown of is held against nothing.
func TestRoundsThatDifferByManyAreShown(t *testing.T) {
	base := electorate{votes{0, 4, 3, 0}, votes{1, 5, 0, 1}}
	for name, c := range map[string]struct {
		before, after electorate
		want          evaluationv1.Result_Outcome
	}{
		"the same":                  {base, base, evaluationv1.Result_OUTCOME_SUPPRESSED},
		"one group as before":       {base, electorate{votes{0, 9, 3, 0}, base[1]}, evaluationv1.Result_OUTCOME_SUPPRESSED},
		"both by many":              {base, electorate{votes{0, 9, 3, 0}, votes{1, 5, 5, 1}}, evaluationv1.Result_OUTCOME_COMPLETE},
		"by many who know nothing":  {base, electorate{votes{4, 4, 4, 0}, votes{1, 5, 5, 1}}, evaluationv1.Result_OUTCOME_SUPPRESSED},
		"another group":             {electorate{base[0]}, electorate{{}, votes{1, 9, 3, 1}}, evaluationv1.Result_OUTCOME_COMPLETE},
		"after what shows nothing":  {electorate{votes{0, 1, 1, 1}}, electorate{votes{0, 3, 1, 1}}, evaluationv1.Result_OUTCOME_COMPLETE},
		"once with few, now alone":  {electorate{votes{0, 6}, votes{0, 0, 2, 1}, votes{0, 20}}, electorate{votes{0, 6}, votes{0, 0, 2, 6}, votes{0, 26}}, evaluationv1.Result_OUTCOME_SUPPRESSED},
		"as many in all, and known": {electorate{votes{0, 0, 9, 0}, votes{0, 20}}, electorate{votes{0, 0, 20, 0}, votes{0, 9}}, evaluationv1.Result_OUTCOME_SUPPRESSED},
	} {
		p := pair{k: 5}
		if got := p.rated(t, "rounds/b", c.after, p.rated(t, "rounds/a", c.before)).Results[0]; got.GetOutcome() != c.want {
			t.Errorf("%s: %v, want %v", name, got.GetOutcome(), c.want)
		}
	}
}

func TestWhichRoundsAreNear(t *testing.T) {
	r := round(t, "conduct", 1) // 2026-03-01 to 2026-03-31
	for name, c := range map[string]struct {
		set  func(*evaluationv1.Round)
		want bool
	}{
		"at the same time":    {func(*evaluationv1.Round) {}, true},
		"itself":              {func(o *evaluationv1.Round) { o.Name = r.GetName() }, false},
		"not tallied":         {func(o *evaluationv1.Round) { o.TallyTime = nil }, false},
		"of another owner":    {func(o *evaluationv1.Round) { o.Owner = "units/other" }, false},
		"by another scheme":   {func(o *evaluationv1.Round) { o.Scheme = "evaluationSchemes/social" }, false},
		"by another version":  {func(o *evaluationv1.Round) { o.SchemeVersion = "2025.1" }, true},
		"29 days after":       {window("2026-04-29", "2026-05-01"), true},
		"30 days after":       {window("2026-04-30", "2026-05-01"), false},
		"29 days before":      {window("2026-01-01", "2026-01-31"), true},
		"30 days before":      {window("2026-01-01", "2026-01-30"), false},
		"of an unread window": {window("", ""), true},
	} {
		other := proto.CloneOf(r)
		other.Name, other.TallyTime = "rounds/other", timestamppb.New(day("2026-04-01"))
		c.set(other)
		if got := evaluation.Near(r, other); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

func window(first, last string) func(*evaluationv1.Round) {
	return func(r *evaluationv1.Round) { r.StartDate, r.EndDate = first, last }
}
