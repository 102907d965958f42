package strict

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/duban-project/duban/gateway/internal/problem"
)

// shape checks what needs no contract: that the body is one JSON value, not
// nested too deeply. What is wrong within lies at the path that was read up to there,
// of which in is the beginning.
func shape(body []byte, in string, maxDepth int) error {
	values, deep := measure(body, maxDepth)
	if limit := allowed(len(body)); values > limit {
		return problem.Malformed(problem.Field{Path: problem.Body, Rule: "values", Text: problem.Text{
			Zh: fmt.Sprintf("超过 %d 个值", limit), En: fmt.Sprintf("it has more than %d values", limit),
		}})
	}
	if deep >= 0 {
		return problem.Malformed(problem.Field{Path: place(body[:deep], in), Rule: "depth", Text: problem.Text{
			Zh: fmt.Sprintf("嵌套超过 %d 层", maxDepth), En: fmt.Sprintf("it is nested more than %d deep", maxDepth),
		}})
	}
	var raw json.RawMessage
	var wrong *json.SyntaxError
	if err := json.Unmarshal(body, &raw); errors.As(err, &wrong) {
		return problem.Malformed(problem.Field{Path: place(body[:wrong.Offset], in), Rule: "syntax", Text: problem.Text{
			Zh: fmt.Sprintf("第 %d 字节处不是合法的 JSON，或之后有多余内容", wrong.Offset),
			En: fmt.Sprintf("at byte %d: %s", wrong.Offset, wrong),
		}})
	}
	return nil
}

// miswritten says what is wrong with the characters of a text; it is the zero
// Text if nothing is.
func miswritten(text []byte) problem.Text {
	switch {
	case !utf8.Valid(text):
		return problem.Text{Zh: "不是 UTF-8 编码", En: "it is not UTF-8"}
	case loneSurrogate(text):
		return problem.Text{Zh: `\u 转义不成对`, En: `a \u escape stands for half a character`}
	default:
		return problem.Text{}
	}
}

// maxValues bounds the work that a small body can make. One of many rows may have
// more, but not of less than sparse bytes each.
const (
	maxValues = 250_000
	sparse    = 10
)

// allowed is how many values a body of so many bytes may have.
func allowed(bytes int) int { return max(maxValues, bytes/sparse) }

// Values is how many values a body has at most, which is what it costs to decode: the
// shortest, {}, become as much as any.
func Values(body []byte) int {
	values, _ := measure(body, math.MaxInt)
	return values
}

// measure counts how many values objects and arrays have at most, and says where one
// begins that is nested more than maxDepth deep, or -1. Of what is not JSON the answer
// means nothing.
func measure(body []byte, maxDepth int) (values, deep int) {
	depth, inString := 0, false
	deep = -1
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			values++
			if deep < 0 && depth > maxDepth {
				deep = i
			}
		case c == ',':
			values++
		case c == '}' || c == ']':
			depth--
		}
	}
	return values, deep
}

// loneSurrogate finds a \u escape that is half of a character; encoding/json
// would put another character in its place.
func loneSurrogate(body []byte) bool {
	for i := 0; i+1 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++
		first := unit(body, i)
		if !utf16.IsSurrogate(first) {
			continue
		}
		if i+6 >= len(body) || body[i+5] != '\\' || utf16.DecodeRune(first, unit(body, i+6)) == utf8.RuneError {
			return true
		}
		i += 10
	}
	return false
}

// unit is the UTF-16 unit of the escape "uXXXX" at i, or 0.
func unit(body []byte, i int) rune {
	if body[i] != 'u' || i+5 > len(body) {
		return 0
	}
	n, err := strconv.ParseUint(string(body[i+1:i+5]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
