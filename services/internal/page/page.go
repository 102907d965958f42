// Package page is what every list method shares: how many records a page has and
// how many bytes,
// where it starts, which records it shows and in which order (AIP-132, 158,
// 160).
//
// It does not read: package store does, and package change hands its scan to
// Collect. It does not decide what a caller may see: that is in the keep
// function that it passes. It does not check that page_size is not
// negative: the rules in the contract do.
package page

import (
	"cmp"
	"fmt"
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	defaultSize = 50
	maxSize     = 1_000
	defaultScan = 10_000
	// defaultBytes leave room in the smallest message that an operator may allow, which
	// is four times as large.
	defaultBytes = 1 << 20
	// FileBytes is how many bytes the rows of a file have at most, so that it can be sent
	// in such a message: words are longer in a file than in a row.
	FileBytes = 3 << 20
)

// Most is how much a page may have, and how much work it may be.
type Most struct {
	Items int // MUST be positive, as Size returns it
	Scan  int // records looked at; 0: 10,000
	Bytes int // of the items, unless the first alone has more; 0: 1 MiB
}

// Room counts the bytes of the items of a page, as they will be sent.
type Room struct {
	Most int // 0: 1 MiB
	used int
}

// Takes says whether there is room for one more item. The first always has it, so
// that every page leads on.
func (r *Room) Takes(item proto.Message) bool {
	n := protowire.SizeTag(1) + protowire.SizeBytes(proto.Size(item))
	if r.used > 0 && r.used+n > cmp.Or(r.Most, defaultBytes) {
		return false
	}
	r.used += n
	return true
}

// Size returns how many records a page has at most for a page_size asked for:
// 50 if it is 0, and never more than 1,000. The contract refuses negative ones
// before; should one come, it counts as 0.
func Size(asked int32) int {
	if asked <= 0 {
		return defaultSize
	}
	return min(int(asked), maxSize)
}

// Collect takes records from seq, as show has them, that show accepts, until the
// page is full or has been work enough. A key MUST NOT be empty, and MUST be enough
// to start seq again behind its record.
//
// The cursor is the key of the last record looked at, kept or not, and "" if no
// kept one follows: what is not kept does not show at the end of a page, unless
// it used up the scan. Then a page has fewer items than it may, perhaps none, and
// there may be more behind it. An error of seq or of show ends the page without
// items.
func Collect[T proto.Message](
	seq iter.Seq2[T, error], most Most, show func(T) (shown T, kept bool, err error), key func(T) string,
) (items []T, cursor string, err error) {
	room, scan := Room{Most: most.Bytes}, cmp.Or(most.Scan, defaultScan)
	var last T
	looked := 0
	for record, err := range seq {
		shown, kept := record, false
		if err == nil && looked < scan {
			shown, kept, err = show(record)
		}
		switch {
		case err != nil:
			return nil, "", fmt.Errorf("collecting a page: %w", err)
		case looked == scan, kept && (len(items) == most.Items || !room.Takes(shown)):
			return items, key(last), nil
		case kept:
			items = append(items, shown)
		}
		last = record
		looked++
	}
	return items, "", nil
}
