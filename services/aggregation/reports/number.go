package reports

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

var (
	// shape is that of a number as JSON has it, or with a plus sign before it: 007 is a code. Its
	// parts are all but the exponent, and the exponent.
	shape = regexp.MustCompile(`^[+-]?((?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(?:[eE]([+-]?[0-9]{1,3}))?$`)
	// grouped is that of a number with thousands set apart, as people write it.
	grouped = regexp.MustCompile(`^[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.0+)?$`)
)

// Say takes into row, which the caller owns, what stands where its value does, be it in JSON,
// CSV or a workbook: the same text is the same number everywhere, or none for the same reason.
// 12, 12.0, 1.2e1, +12 and 1,200 are numbers.
func Say(row *aggregationv1.Report_Row, text string) {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(v, 10) == text {
		row.Value, row.Unreadable = v, "" // as nearly all are
		return
	}
	row.Value, row.Unreadable = 0, Clip(text)
	if v, err := number(text); err == nil && v.IsInt64() {
		row.Value, row.Unreadable = v.Int64(), ""
	}
}

// number reads a whole number, however large, or says why a text is none. A power of ten with
// a plus sign is what spreadsheets show of what they have rounded, and so is none.
func number(text string) (*big.Int, error) {
	text = strings.TrimSpace(text)
	if grouped.MatchString(text) {
		text = strings.ReplaceAll(text, ",", "")
	}
	parts := shape.FindStringSubmatch(text)
	if parts == nil {
		return nil, ErrValueUnreadable.At("value", "不是整数", "is no whole number")
	}
	if strings.HasPrefix(parts[2], "+") {
		return nil, ErrValueUnreadable.At("value", "是电子表格取整后显示的写法，请填完整数字", "is as a spreadsheet shows what it has rounded: write all digits")
	}
	if v, ok := new(big.Rat).SetString(text); ok && v.IsInt() {
		return v.Num(), nil
	}
	return nil, ErrValueUnreadable.At("value", "不是整数", "is no whole number")
}

// readValue refuses a value that is none, or out of range.
func readValue(row *aggregationv1.Report_Row) error {
	text := row.GetUnreadable()
	switch {
	case text == "":
	case strings.TrimSpace(text) == "":
		return ErrValueMissing.At("value", "没有数值", "is missing")
	default:
		if _, err := number(text); err != nil {
			return err
		}
	}
	if text != "" || row.GetValue() < 0 || row.GetValue() > maxValue {
		return ErrValueOutOfRange.With("limit", strconv.Itoa(maxValue)).At("value", "超出范围", "out of range")
	}
	return nil
}
