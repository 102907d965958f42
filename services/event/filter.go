package event

import (
	"slices"
	"strings"
)

// Wanted says whether a type is among those asked for: none asks for all, and
// one that ends in ".*" for all that begin so.
func Wanted(types []string, kind string) bool {
	return len(types) == 0 || slices.ContainsFunc(types, func(t string) bool {
		prefix, all := strings.CutSuffix(t, "*")
		return t == kind || all && strings.HasPrefix(kind, prefix)
	})
}
