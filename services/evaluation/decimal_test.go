package evaluation

import (
	"math/big"
	"testing"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

func TestRounding(t *testing.T) {
	up, even := evaluationv1.Rounding_MODE_HALF_UP, evaluationv1.Rounding_MODE_HALF_EVEN
	for _, c := range []struct {
		num, denom int64
		mode       evaluationv1.Rounding_Mode
		digits     int32
		text       string
		milli      int64
	}{
		{88, 1, up, 2, "88.00", 88000},
		{0, 1, up, 2, "0.00", 0},
		{5, 1000, up, 2, "0.01", 10},
		{5, 1000, even, 2, "0.00", 0},
		{15, 1000, even, 2, "0.02", 20},
		{4999, 1000000, up, 2, "0.00", 0},
		{2, 3, up, 2, "0.67", 670},
		{1, 3, even, 3, "0.333", 333},
		{895, 10, up, 0, "90", 90000},
		{885, 10, even, 0, "88", 88000},
		{99996, 1000, up, 1, "100.0", 100000},
	} {
		got := round(big.NewRat(c.num, c.denom), &evaluationv1.Rounding{Mode: c.mode, Digits: c.digits})
		if got != (figure{c.text, c.milli}) {
			t.Errorf("round(%d/%d, %s, %d) = %v, want %s, %d", c.num, c.denom, c.mode, c.digits, got, c.text, c.milli)
		}
	}
}
