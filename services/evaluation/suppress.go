package evaluation

import "slices"

// held says which groups of a unit are not to be seen through its result, because
// they are few, or would give away those that are. They count as one in it, with
// their ballots and their weights together (合并计分): whatever is shown rests on
// parts of at least k ballots, and stays the same if two raters of a part change
// places. So no equation that there is, and no number of them, tells these apart.
//
// cast are the ballots that each group cast, which are public, and said those that
// have something to say about the unit. It MUST go by cast first, and then by what
// the parts that are made so say: if it depended on what few say, it would tell it.
func held(cast, said []int, k int) []bool {
	held := hide(cast, k)
	parts := append(slices.Clone(said), 0) // the last are those held already
	for i, h := range held {
		if h {
			parts[len(said)] += said[i]
			parts[i] = 0
		}
	}
	for i, h := range hide(parts, k)[:len(held)] {
		held[i] = held[i] || h
	}
	return held
}

// parts are the groups that stand alone in a composite, and then those held, as one.
func parts(held []bool) (parts [][]int) {
	var few []int
	for i, h := range held {
		if h {
			few = append(few, i)
		} else {
			parts = append(parts, []int{i})
		}
	}
	if few != nil {
		parts = append(parts, few)
	}
	return parts
}

// hide returns which parts of a whole must not stand alone: those of fewer than k
// ballots, and then the smallest others until those hidden together have k. If
// that takes them all, they are the whole. A part without ballots gives nobody
// away and stays.
func hide(parts []int, k int) []bool {
	hidden := make([]bool, len(parts))
	for i, n := range parts {
		hidden[i] = n > 0 && n < k
	}
	for range parts {
		together, next := 0, -1
		for i, n := range parts {
			switch {
			case hidden[i]:
				together += n
			case n > 0 && (next < 0 || n < parts[next]):
				next = i
			}
		}
		if together == 0 || together >= k || next < 0 {
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
