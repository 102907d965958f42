// Package lifecycle writes state machines down as tables, so that a rule asks
// the table, a test walks it and a README shows it. What a move means is the
// business of the service whose table it is.
package lifecycle

import (
	"fmt"
	"slices"
	"strings"
)

// State is a state as protoc generates it.
type State interface {
	comparable
	fmt.Stringer
}

// Table maps a state and a move to the next state. A missing entry is an
// illegal move.
type Table[S State, M ~string] map[S]map[M]S

// Next returns the state that move m leads to from state s.
func (t Table[S, M]) Next(s S, m M) (S, bool) {
	next, ok := t[s][m]
	return next, ok
}

// Mermaid draws t; each service's README holds the drawing and a test compares.
func (t Table[S, M]) Mermaid() string {
	var lines []string
	for s, moves := range t {
		for m, next := range moves {
			lines = append(lines, fmt.Sprintf("    %s --> %s: %s", short(s), short(next), m))
		}
	}
	slices.Sort(lines)
	return "stateDiagram-v2\n" + strings.Join(lines, "\n") + "\n"
}

func short[S State](s S) string {
	_, name, found := strings.Cut(s.String(), "STATE_")
	if !found {
		return s.String()
	}
	return name
}
