package complaint

import (
	"fmt"
	"math/big"
	"strings"
)

// Codes is how many receipts there are: twenty random digits, 66 bits.
var Codes = new(big.Int).Exp(big.NewInt(10), big.NewInt(digits), nil)

const digits = 20

// Receipt writes the code of n, which is at least 0 and less than Codes, as
// five groups of four digits and a check digit (回执码).
func Receipt(n *big.Int) string {
	code := fmt.Sprintf("%0*d", digits, n)
	groups := make([]string, 0, digits/4+1)
	for i := 0; i < digits; i += 4 {
		groups = append(groups, code[i:i+4])
	}
	return strings.Join(append(groups, string(check(code))), "-")
}

// ReadReceipt returns the digits of a code that a person typed, without the
// check digit. ok is false for what no receipt can be.
func ReadReceipt(typed string) (code string, ok bool) {
	code = strings.NewReplacer(" ", "", "-", "").Replace(typed)
	if len(code) != digits+1 || strings.Trim(code, "0123456789") != "" {
		return code, false
	}
	return code[:digits], check(code[:digits]) == code[digits]
}

// check is the check digit by ISO 7064, MOD 11,10: it finds every single wrong
// digit.
func check(code string) byte {
	p := 10
	for _, d := range []byte(code) {
		s := (p + int(d-'0')) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return '0' + byte((11-p)%10)
}
