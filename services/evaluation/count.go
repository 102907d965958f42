package evaluation

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

// Count adds up the ballots of a round. It holds counts only, no ballots.
type Count struct {
	sheet *Sheet
	cast  []int32 // by the places of the groups in the round
	cells [][]cell
}

// cell is what one group said about one unit.
type cell struct {
	ballots int              // with something to say
	answers []map[uint32]int // for each column: how often each choice was made
}

// NewCount returns the count of no ballots.
func NewCount(r *evaluationv1.Round) *Count {
	c := &Count{sheet: NewSheet(r), cast: make([]int32, len(r.GetGroups()))}
	for range r.GetSubjects() {
		line := make([]cell, len(r.GetGroups()))
		for g := range line {
			for range c.sheet.columns {
				line[g].answers = append(line[g].answers, map[uint32]int{})
			}
		}
		c.cells = append(c.cells, line)
	}
	return c
}

// Cast returns how many ballots were added, by the places of their groups.
func (c *Count) Cast() []int32 { return slices.Clone(c.cast) }

// Add counts a ballot. It refuses one that no rater can have cast: the box is
// damaged then.
func (c *Count) Add(b *evaluationv1.BallotOpening) error {
	columns, g := c.sheet.columns, int(b.GetGroup())
	if g >= len(c.cast) || len(b.GetChoices()) != c.sheet.size() {
		return fmt.Errorf("a ballot of group %d with %d choices", g, len(b.GetChoices()))
	}
	for i, choice := range b.GetChoices() {
		if _, ok := points(columns[i%len(columns)].scale, choice); !ok && choice != 0 {
			return fmt.Errorf("a ballot with the choice %d for %s", choice, columns[i%len(columns)].GetCode())
		}
	}
	c.cast[g]++
	for line, choices := range slices.Collect(slices.Chunk(b.GetChoices(), len(columns))) {
		said := &c.cells[line][g]
		for column, choice := range choices {
			said.answers[column][choice]++
		}
		if slices.Max(choices) > 0 {
			said.ballots++
		}
	}
	return nil
}

// mean is a weighted mean of those parts that there are.
type mean struct {
	sum, weight *big.Rat
	lacking     bool // some part is missing
}

func newMean() *mean { return &mean{sum: new(big.Rat), weight: new(big.Rat)} }

// add adds a part, which may be missing.
func (m *mean) add(part, weight *big.Rat) {
	if part == nil {
		m.lacking = true
		return
	}
	m.sum.Add(m.sum, new(big.Rat).Mul(part, weight))
	m.weight.Add(m.weight, weight)
}

// value is nil if there is no part, or if some is missing and the scheme lets
// no other take its weight.
func (m *mean) value(s *evaluationv1.EvaluationScheme) *big.Rat {
	strict := s.GetUnanswered() == evaluationv1.EvaluationScheme_UNANSWERED_INCOMPLETE
	if m.weight.Sign() == 0 || m.lacking && strict {
		return nil
	}
	return new(big.Rat).Quo(m.sum, m.weight)
}

// meanOf is what the groups at those places say together about the unit of that
// line, or nil (组平均). shifted says whether weights were redistributed.
func (c *Count) meanOf(line int, groups []int) (value *big.Rat, shifted bool) {
	scheme, m := c.sheet.round.GetFrozenScheme(), newMean()
	for column, l := range c.sheet.columns {
		answers := map[uint32]int{}
		for _, g := range groups {
			for choice, n := range c.cells[line][g].answers[column] {
				answers[choice] += n
			}
		}
		m.add(average(l.scale, answers, scheme.GetTrimPercent()), l.share)
	}
	value = m.value(scheme)
	return value, m.lacking && value != nil
}

// average is the mean of the valid answers, without the trimmed percentage at
// either end; nil if there is none.
func average(scale *evaluationv1.Scale, answers map[uint32]int, trim int32) *big.Rat {
	choices := slices.DeleteFunc(slices.Collect(maps.Keys(answers)), func(choice uint32) bool { return choice == 0 })
	slices.SortFunc(choices, func(a, b uint32) int {
		low, _ := points(scale, a)
		high, _ := points(scale, b)
		return cmp.Compare(low, high)
	})
	valid := 0
	for _, choice := range choices {
		valid += answers[choice]
	}
	if valid == 0 {
		return nil
	}
	first := valid * int(trim) / whole
	last, seen, total := valid-first, 0, int64(0)
	for _, choice := range choices {
		n := answers[choice]
		kept := max(0, min(seen+n, last)-max(seen, first))
		milli, _ := points(scale, choice)
		total += milli * int64(kept)
		seen += n
	}
	return big.NewRat(total, 1000*int64(last-first))
}

// satisfaction is the share of those satisfied with the unit of that line, in
// percent, or nil (满意率).
func (c *Count) satisfaction(line int) *big.Rat {
	rate := c.sheet.round.GetFrozenScheme().GetSatisfactionRate()
	if rate == nil {
		return nil
	}
	satisfied, of := int64(0), int64(0)
	for _, said := range c.cells[line] {
		for column, answers := range said.answers {
			options := c.sheet.columns[column].scale.GetOptions()
			for choice, n := range answers {
				if choice == 0 && rate.GetDenominator() == evaluationv1.SatisfactionRate_DENOMINATOR_VALID {
					continue
				}
				of += int64(n)
				if choice > 0 && slices.Contains(rate.GetNumerator(), options[choice-1].GetCode()) {
					satisfied += int64(n)
				}
			}
		}
	}
	if of == 0 {
		return nil
	}
	return big.NewRat(whole*satisfied, of)
}
