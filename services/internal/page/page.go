// Package page is what every list method shares: how many records a page has,
// where it starts, which records it shows and in which order (AIP-132, 158,
// 160).
//
// It does not read: package store does, and package change hands its scan to
// Collect. It does not decide what a caller may see: that is in the keep
// function that it passes. It does not check that page_size is not
// negative: the rules in the contract do.
package page

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/duban-project/duban/services/internal/fault"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
)

const (
	defaultSize = 50
	maxSize     = 1_000
	defaultScan = 10_000
)

var errFields = fault.Of(faultv1.Reason_REASON_FIELDS_INVALID)

// Size returns how many records a page has at most for a page_size asked for:
// 50 if it is 0, and never more than 1,000. The contract refuses negative ones
// before; should one come, it counts as 0.
func Size(asked int32) int {
	if asked <= 0 {
		return defaultSize
	}
	return min(int(asked), maxSize)
}

// Collect takes records from seq that keep accepts, until it has size of them
// or has looked at scan records (10,000 if scan is not positive), which bounds
// the work of a page. The size MUST be positive, as Size returns it. A key MUST
// NOT be empty, and MUST be enough to start seq again behind its record.
//
// The cursor is the key of the last record looked at, kept or not, and "" if no
// kept one follows: what is not kept does not show at the end of a page, unless
// it used up the scan. Then a page has fewer records than size, perhaps none, and
// there may be more behind it. An error of seq or of keep ends the page without
// records.
func Collect[T proto.Message](
	seq iter.Seq2[T, error], size, scan int, keep func(T) (bool, error), key func(T) string,
) (items []T, cursor string, err error) {
	if scan <= 0 {
		scan = defaultScan
	}
	var last T
	looked := 0
	for item, err := range seq {
		kept := false
		if err == nil && looked < scan {
			kept, err = keep(item)
		}
		switch {
		case err != nil:
			return nil, "", fmt.Errorf("collecting a page: %w", err)
		case looked == scan, kept && len(items) == size:
			return items, key(last), nil
		case kept:
			items = append(items, item)
		}
		last = item
		looked++
	}
	return items, "", nil
}

// ParseOrder reads an order_by (AIP-132) of one field: "due_date" or
// "create_time desc". It accepts only what stands in allowed, in the same form:
// the orders that an index serves. No text gives no field, which means the
// list's natural order. Any other text is the fault FIELDS_INVALID at order_by.
func ParseOrder(text string, allowed ...string) (field string, desc bool, err error) {
	order := strings.Join(strings.Fields(text), " ")
	if order != "" && !slices.Contains(allowed, order) {
		orders := strings.Join(allowed, ", ")
		return "", false, errFields.At("order_by", "排序方式只能是："+orders, "the order must be one of: "+orders)
	}
	field, desc = strings.CutSuffix(order, " desc")
	return field, desc, nil
}
