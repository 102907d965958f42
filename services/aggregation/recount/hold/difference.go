package hold

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ErrDifferent says that something is kept that is not as the feeds say.
var ErrDifferent = errors.New("figures differ")

// Differ returns an ErrDifferent that says where.
func Differ(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDifferent, fmt.Sprintf(format, args...))
}

// Unreadable is the difference that a row is none of its bucket.
func Unreadable(bucket string, key []byte) error {
	return Differ("the row of %s at %s cannot be read", bucket, Readable(string(key)))
}

// FirstOf says the first difference of two lists, of which there is one.
func FirstOf[V comparable](kept, counted map[string]V) string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(kept)), maps.Keys(counted))
	for _, key := range slices.Sorted(slices.Values(keys)) {
		was, there := kept[key]
		if n, wanted := counted[key]; was != n || there != wanted {
			return fmt.Sprintf("%s is %s, and %s when counted anew", Readable(key), given(was, there), given(n, wanted))
		}
	}
	return ""
}

func given(value any, there bool) string {
	if !there {
		return "missing"
	}
	return Readable(fmt.Sprint(value))
}

// Readable writes a key, whose parts have 0x00 between them and 0x01 for any, as
// a line. Other bytes that are no text are escaped.
func Readable(key string) string {
	line := strconv.Quote(strings.NewReplacer("\x00", " / ", "\x01", "any").Replace(key))
	return line[1 : len(line)-1]
}
