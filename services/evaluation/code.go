package evaluation

import "strings"

// alphabet has a prime number of characters that nobody takes for one another,
// so that the check character finds every single wrong character and every two
// that were swapped.
const alphabet = "23456789ABCDEFGHJKLMNPQRSTVWXYZ"

const (
	codeDrawn = 19 // characters drawn: 94 bits
	codeGroup = 4
)

// NewCode spells a paper code (纸质投票码) out of 19 numbers that draw returns, each
// uniform below n, and a check character: XXXX-XXXX-XXXX-XXXX-XXXX.
func NewCode(draw func(n int) int) string {
	symbols := make([]int, codeDrawn)
	for i := range symbols {
		symbols[i] = draw(len(alphabet))
	}
	symbols = append(symbols, check(symbols))
	var b strings.Builder
	for i, s := range symbols {
		if i > 0 && i%codeGroup == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[s])
	}
	return b.String()
}

// check makes the sum of all characters, each times its place from 1, a multiple
// of the alphabet's length: the last place is 20, whose inverse modulo 31 is 14.
func check(symbols []int) int {
	const inverse = 14
	sum := 0
	for i, s := range symbols {
		sum += (i + 1) * s
	}
	n := len(alphabet)
	return (n - sum%n) * inverse % n
}

// Plain is a text without what may stand between the characters of a code, and in
// upper case.
func Plain(typed string) string {
	return strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(typed))
}

// ParseCode returns the one spelling of a code that was typed in upper or lower
// case, with or without hyphens and spaces. It finds typing errors.
func ParseCode(typed string) (string, error) {
	var symbols []int
	plain := Plain(typed)
	for _, c := range plain {
		s := strings.IndexRune(alphabet, c)
		if s < 0 || len(symbols) > codeDrawn {
			return "", ErrCodeMalformed.At("code", "有误", "is mistyped")
		}
		symbols = append(symbols, s)
	}
	if len(symbols) != codeDrawn+1 || check(symbols[:codeDrawn]) != symbols[codeDrawn] {
		return "", ErrCodeMalformed.At("code", "有误", "is mistyped")
	}
	return plain, nil
}
