package recount

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ErrDifferent says that figures are kept that are not as the feeds say. Every
// other error of Check says that it could not be finished.
var ErrDifferent = errors.New("figures differ")

func differ(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDifferent, fmt.Sprintf(format, args...))
}

// firstOf says the first difference of two lists, of which there is one.
func firstOf[V comparable](kept, counted map[string]V) string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(kept)), maps.Keys(counted))
	for _, key := range slices.Sorted(slices.Values(keys)) {
		was, there := kept[key]
		if n, wanted := counted[key]; was != n || there != wanted {
			return fmt.Sprintf("%s is %s, and %s when counted anew", readable(key), given(was, there), given(n, wanted))
		}
	}
	return ""
}

func given(value any, there bool) string {
	if !there {
		return "missing"
	}
	return readable(fmt.Sprint(value))
}

// readable writes a key, whose parts have 0x00 between them and 0x01 for any, as
// a line. Other bytes that are no text are escaped.
func readable(key string) string {
	line := strconv.Quote(strings.NewReplacer("\x00", " / ", "\x01", "any").Replace(key))
	return line[1 : len(line)-1]
}

// unreadable is the difference that a row is none of its bucket.
func unreadable(bucket string, key []byte) error {
	return differ("the row of %s at %s cannot be read", bucket, readable(string(key)))
}
