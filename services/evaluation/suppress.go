package evaluation

import "slices"

// shown says which figures of a tally may be shown. What rests on fewer than k
// ballots is hidden (rule K), and so is what would give it away by subtraction
// from the figure above it (rule C): of every figure shown, the parts that are
// hidden rest on no ballot or on at least k.
type shown struct {
	average  bool
	subjects []bool
	groups   [][]bool // of each subject
}

// show decides by counts, the ballots of each group of each subject. averaged
// says which subjects are part of the average.
//
// Groups are different people, so the ballots of several add up. Subjects are
// rated by the same people, so the ballots of several may be no more than the
// most that one of them has.
func show(counts [][]int, averaged []bool, k int) shown {
	totals := make([]int, len(counts))
	parts := make([]int, len(counts)) // of the average
	for i, groups := range counts {
		totals[i] = sum(groups)
		if averaged[i] {
			parts[i] = totals[i]
		}
	}
	s := shown{average: most(parts) >= k, subjects: make([]bool, len(counts)), groups: make([][]bool, len(counts))}
	hidden := hide(parts, k, most)
	for i, groups := range counts {
		s.subjects[i] = totals[i] >= k && !hidden[i]
		s.groups[i] = make([]bool, len(groups))
		for j, h := range hide(groups, k, sum) {
			s.groups[i][j] = s.subjects[i] && !h
		}
	}
	return s
}

// hide returns which parts of a whole must not be shown: those of fewer than k
// ballots, and then the smallest others until those hidden together have k. If
// that takes them all, they are the whole. A part without ballots gives nobody
// away and stays.
func hide(parts []int, k int, together func([]int) int) []bool {
	hidden := make([]bool, len(parts))
	for i, n := range parts {
		hidden[i] = n > 0 && n < k
	}
	for range parts {
		var rest []int
		next := -1
		for i, n := range parts {
			switch {
			case hidden[i]:
				rest = append(rest, n)
			case n > 0 && (next < 0 || n < parts[next]):
				next = i
			}
		}
		if len(rest) == 0 || together(rest) >= k || next < 0 {
			break
		}
		hidden[next] = true
	}
	return hidden
}

func sum(list []int) (total int) {
	for _, n := range list {
		total += n
	}
	return total
}

func most(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return slices.Max(list)
}
