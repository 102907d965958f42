package evaluation

import "testing"

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
		got := hide(c.parts, 5)
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: hide(%v) = %v, want %v", c.name, c.parts, got, c.want)
				break
			}
		}
	}
}
