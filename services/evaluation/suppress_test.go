package evaluation

import (
	"slices"
	"testing"
)

// TestNothingShownGivesAwayFewRaters goes through all small worlds. Whoever knows
// every figure shown can add and subtract them as they like: no result that is
// left may rest on fewer than k raters. Raters of a group are the same people for
// every subject, so that two subjects have at least as many as the larger.
func TestNothingShownGivesAwayFewRaters(t *testing.T) {
	worlds := 0
	for _, shape := range []struct{ subjects, groups, most, k int }{{1, 3, 7, 3}, {2, 2, 6, 3}, {3, 1, 9, 4}, {2, 3, 3, 2}, {3, 2, 3, 2}} {
		n := shape.subjects * shape.groups
		for world := range power(shape.most+1, n) * power(2, shape.subjects) {
			counts, averaged := dig(world, shape.subjects, shape.groups, shape.most+1)
			leaks(t, counts, averaged, shape.k)
			worlds++
		}
	}
	t.Logf("%d worlds", worlds)
}

func power(base, exponent int) int {
	p := 1
	for range exponent {
		p *= base
	}
	return p
}

// dig reads a world out of its number.
func dig(world, subjects, groups, base int) (counts [][]int, averaged []bool) {
	for range subjects {
		line := make([]int, groups)
		for g := range line {
			line[g] = world % base
			world /= base
		}
		counts = append(counts, line)
		averaged = append(averaged, world%2 == 1 && sum(line) > 0)
		world /= 2
	}
	return counts, averaged
}

func leaks(t *testing.T, counts [][]int, averaged []bool, k int) {
	t.Helper()
	s := show(counts, averaged, k)
	groups := len(counts[0])
	at := func(subject, group int) int { return subject*groups + group }
	var rows [][]int64
	row := func(in func(subject, group int) bool) {
		r := make([]int64, len(counts)*groups)
		for i := range counts {
			for g, n := range counts[i] {
				if n > 0 && in(i, g) {
					r[at(i, g)] = int64(7*i + 3*g + 2) // any weights
				}
			}
		}
		rows = append(rows, r)
	}
	if s.average {
		row(func(i, _ int) bool { return averaged[i] })
	}
	for i := range counts {
		if s.subjects[i] {
			row(func(j, _ int) bool { return i == j })
		}
		for g, is := range s.groups[i] {
			if is {
				row(func(j, h int) bool { return i == j && g == h })
			}
		}
	}
	for set := 1; set < 1<<len(rows0(counts)); set++ {
		raters := 0
		for i := range counts {
			own := 0
			for g, n := range counts[i] {
				if set>>at(i, g)&1 == 1 {
					own += n
				}
			}
			raters = max(raters, own)
		}
		if raters > 0 && raters < k && isolates(rows, set) {
			t.Fatalf("counts %v, averaged %v, k %d: what is shown (%+v) leaves the cells %b alone", counts, averaged, k, s, set)
		}
	}
}

func rows0(counts [][]int) []int { return make([]int, len(counts)*len(counts[0])) }

// isolates says whether some combination of the rows is not zero and rests on
// the cells of set alone: whether leaving those cells out loses rank.
func isolates(rows [][]int64, set int) bool {
	var outside [][]int64
	for _, r := range rows {
		var kept []int64
		for cell, v := range r {
			if set>>cell&1 == 0 {
				kept = append(kept, v)
			}
		}
		outside = append(outside, kept)
	}
	return rank0(rows) > rank0(outside)
}

// rank0 is the rank of a matrix, by elimination without fractions (Bareiss): all
// that stands in between is a minor, and those of worlds as small as these are far
// from overflowing.
func rank0(rows [][]int64) (rank int) {
	m := make([][]int64, len(rows))
	for i, r := range rows {
		m[i] = slices.Clone(r)
	}
	if len(m) == 0 {
		return 0
	}
	last := int64(1)
	for column := range m[0] {
		pivot := rank
		for pivot < len(m) && m[pivot][column] == 0 {
			pivot++
		}
		if pivot == len(m) {
			continue
		}
		m[rank], m[pivot] = m[pivot], m[rank]
		for i := rank + 1; i < len(m); i++ {
			for c := len(m[i]) - 1; c >= column; c-- {
				m[i][c] = (m[i][c]*m[rank][column] - m[i][column]*m[rank][c]) / last
			}
		}
		last = m[rank][column]
		if rank++; rank == len(m) {
			break
		}
	}
	return rank
}

func TestNoMoreIsHiddenThanMust(t *testing.T) {
	for _, c := range []struct {
		name  string
		parts []int
		want  []bool
	}{
		{"enough everywhere", []int{5, 9, 7}, []bool{false, false, false}},
		{"one small takes the next smallest", []int{3, 9, 7}, []bool{true, false, true}},
		{"two small that are enough together", []int{3, 9, 2}, []bool{true, false, true}},
		{"two small that are not", []int{2, 9, 2}, []bool{true, true, true}},
		{"nobody is nobody", []int{0, 9, 7}, []bool{false, false, false}},
	} {
		got := hide(c.parts, 5, sum)
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: hide(%v) = %v, want %v", c.name, c.parts, got, c.want)
				break
			}
		}
	}
}
