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

	"google.golang.org/protobuf/proto"
)

const (
	defaultSize = 50
	maxSize     = 1_000
	defaultScan = 10_000
)

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
