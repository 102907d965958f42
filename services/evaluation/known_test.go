package evaluation_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
)

// TestWhatIsPublishedIsKnownOfFewNever counts every small round that there can be,
// and looks at them as who knows all that is published and can try everything:
// rounds that come to the same are one to them. Of groups that together cast fewer
// than k ballots, or had fewer than k with something to say, they must never know
// what these say, but where k or more all say the same.
func TestWhatIsPublishedIsKnownOfFewNever(t *testing.T) {
	rounds := 0
	for _, shape := range []shape{
		{k: 2, groups: 3, lines: 1, most: 4, options: 4},
		{k: 3, groups: 3, lines: 1, most: 5, options: 4},
		{k: 3, groups: 3, lines: 1, most: 6, options: 3},
		{k: 3, groups: 3, lines: 1, most: 5, options: 3, strict: true},
		{k: 2, groups: 2, lines: 2, most: 3, options: 4},
		{k: 3, groups: 2, lines: 2, most: 5, options: 2},
	} {
		for cast := range shape.casts() {
			seen := shape.publish(t, cast)
			for _, rounds := range seen {
				shape.guess(t, cast, rounds)
			}
			rounds += len(seen)
		}
	}
	t.Logf("%d rounds that differ in what is published", rounds)
}

// shape is a kind of small round: of so many groups, units, ballots in all, and
// options, of which the first is 不了解.
type shape struct {
	k, groups, lines, most, options int
	strict                          bool // weights are not redistributed
}

// said is how often each option was chosen, by group and line.
type said [][][4]int

// casts yields every number of ballots that the groups can have cast.
func (s shape) casts() func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		cast := make([]int, s.groups)
		for n := 0; ; n = 0 {
			for _, c := range cast {
				n += c
			}
			if n <= s.most && !yield(slices.Clone(cast)) {
				return
			}
			i := 0
			for ; i < len(cast) && cast[i] == s.most; i++ {
				cast[i] = 0
			}
			if i == len(cast) {
				return
			}
			cast[i]++
		}
	}
}

// publish counts every round in which the groups cast so many ballots, and sorts
// them by what is published.
func (s shape) publish(t *testing.T, cast []int) map[string][]said {
	r := round(t, "conduct", s.lines, func(scheme *evaluationv1.EvaluationScheme) {
		scheme.Indicators = scheme.GetIndicators()[:1]
		scheme.Indicators[0].Weight = 100
		scheme.LeastBallots = int32(s.k)
		if s.strict {
			scheme.Unanswered = evaluationv1.EvaluationScheme_UNANSWERED_INCOMPLETE
		}
	})
	r.State = evaluationv1.Round_STATE_CLOSED
	var raters []uint32 // by their groups
	for g, n := range cast {
		r.Groups[g].Cast = int32(n)
		raters = append(raters, slices.Repeat([]uint32{uint32(g)}, n)...)
	}
	seen := map[string][]said{}
	s.ballots(raters, func(ballots [][]uint32) {
		shown, counted := s.count(t, r, raters, ballots)
		seen[shown] = append(seen[shown], counted)
	})
	return seen
}

// ballots yields what the raters can say, in every way but the order of those
// within a group.
func (s shape) ballots(raters []uint32, yield func([][]uint32)) {
	kinds := 1
	for range s.lines {
		kinds *= s.options
	}
	said := make([]int, len(raters))
	ballots := make([][]uint32, len(raters))
	var say func(i int)
	say = func(i int) {
		if i == len(raters) {
			yield(ballots)
			return
		}
		from := 0
		if i > 0 && raters[i] == raters[i-1] {
			from = said[i-1]
		}
		for kind := from; kind < kinds; kind++ {
			said[i], ballots[i] = kind, nil
			for rest, line := kind, 0; line < s.lines; rest, line = rest/s.options, line+1 {
				ballots[i] = append(ballots[i], uint32(rest%s.options))
			}
			say(i + 1)
		}
	}
	say(0)
}

// count tallies a round, and returns all that is published of it beside what was
// said.
func (s shape) count(t *testing.T, r *evaluationv1.Round, raters []uint32, ballots [][]uint32) (string, said) {
	count, counted := evaluation.NewCount(r), make(said, s.groups)
	for g := range counted {
		counted[g] = make([][4]int, s.lines)
	}
	for i, g := range raters {
		if err := count.Add(&evaluationv1.BallotOpening{Group: g, Choices: ballots[i]}); err != nil {
			t.Fatal(err)
		}
		for line, choice := range ballots[i] {
			counted[g][line][choice]++
		}
	}
	tallied, results, err := evaluation.Tally(r, count, evaluation.Beside{}, day("2026-04-01"))
	if err != nil {
		t.Fatal(err)
	}
	shown := tallied.GetAverage()
	for _, result := range results {
		b, err := proto.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		shown += "|" + string(b)
	}
	return shown, counted
}

// guess fails if what was said by few is the same in all rounds that come to the
// same.
func (s shape) guess(t *testing.T, cast []int, rounds []said) {
	t.Helper()
	for line := range s.lines {
		for set := 1; set < 1<<s.groups; set++ {
			what, known := s.known(rounds, line, set)
			n := what[0] + what[1] + what[2] + what[3]
			opinions := n - what[0]
			few := n > 0 && n < s.k && !s.unanimous(rounds, line, set, 0)
			fewSay := opinions > 0 && opinions < s.k && !s.unanimous(rounds, line, set, 1)
			if known && (few || fewSay) {
				t.Fatalf("k %d, %v ballots cast: the groups %b are known to say %v of unit %d, by %d rounds, such as %v", s.k, cast, set, what, line, len(rounds), rounds[0])
			}
		}
	}
}

// known says whether the groups of a set say the same in all rounds.
func (s shape) known(rounds []said, line, set int) (what [4]int, known bool) {
	for i, counted := range rounds {
		var these [4]int
		for g := range s.groups {
			for choice, n := range counted[g][line] {
				these[choice] += n * (set >> g & 1)
			}
		}
		if i > 0 && these != what {
			return what, false
		}
		what = these
	}
	return what, true
}

// unanimous says whether the set is known because it is among k or more who all
// say one thing, of the options from one on.
func (s shape) unanimous(rounds []said, line, set, from int) bool {
	for wider := set; wider < 1<<s.groups; wider++ {
		what, known := s.known(rounds, line, wider)
		n := 0
		for _, these := range what[from:] {
			n += these
		}
		if wider&set == set && known && n >= s.k && slices.Max(what[from:]) == n {
			return true
		}
	}
	return false
}

// TestFewAreTakenForOneAnother: raters of groups that are too small to stand alone
// can change places with each other, and nothing that is published changes. It holds
// of every scheme, trimming and rounding.
func TestFewAreTakenForOneAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := randomRound(t, rapid.SampledFrom([]string{"conduct", "special"}).Draw(t, "scheme"))
		r.FrozenScheme.LeastBallots = 4
		measures, stored := randomMeasures(t, r), randomBallots(t, r)
		var few []*evaluationv1.BallotOpening
		ballots := make([]*evaluationv1.BallotOpening, len(stored))
		for i, b := range stored {
			ballots[i] = &evaluationv1.BallotOpening{}
			if err := proto.Unmarshal(b, ballots[i]); err != nil {
				t.Fatal(err)
			}
			r.Groups[ballots[i].GetGroup()].Cast++
		}
		for _, b := range ballots {
			if r.GetGroups()[b.GetGroup()].GetCast() < 4 {
				few = append(few, b)
			}
		}
		before := told(t, r, ballots, measures)
		places := rapid.Permutation(few).Draw(t, "places")
		choices := make([][]uint32, len(few))
		for i, b := range places {
			choices[i] = b.GetChoices()
		}
		for i, b := range few {
			b.Choices = choices[i]
		}
		if after := told(t, r, ballots, measures); before != after {
			t.Fatalf("%v changed places: %s, before %s", few, after, before)
		}
	})
}

// told is all that is published of a round.
func told(t *rapid.T, r *evaluationv1.Round, ballots []*evaluationv1.BallotOpening, measures evaluation.Beside) string {
	count := evaluation.NewCount(r)
	for _, b := range ballots {
		if err := count.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	tallied, results, err := evaluation.Tally(r, count, measures, day("2026-04-01"))
	if err != nil {
		t.Fatal(err)
	}
	all := tallied.GetAverage()
	for _, result := range results {
		b, err := proto.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		all += fmt.Sprintf("|%x", b)
	}
	return all
}
