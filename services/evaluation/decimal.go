package evaluation

import (
	"math/big"
	"strings"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

// figure is a number as it is shown.
type figure struct {
	text  string
	milli int64
}

// round rounds x, which is not negative, as the scheme says.
func round(x *big.Rat, by *evaluationv1.Rounding) figure {
	digits := int(by.GetDigits())
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	scaled := new(big.Rat).Mul(x, new(big.Rat).SetInt(scale))
	units, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	half := rest.Lsh(rest, 1).Cmp(scaled.Denom())
	even := by.GetMode() == evaluationv1.Rounding_MODE_HALF_EVEN && units.Bit(0) == 0
	if half > 0 || half == 0 && !even {
		units.Add(units, big.NewInt(1))
	}
	milli := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(maxDigits-digits)), nil)
	return figure{spell(units.String(), digits), milli.Mul(milli, units).Int64()}
}

// spell puts the point before the last digits of a whole number.
func spell(units string, digits int) string {
	if digits == 0 {
		return units
	}
	units = strings.Repeat("0", max(0, digits+1-len(units))) + units
	at := len(units) - digits
	return units[:at] + "." + units[at:]
}
