package lifecycle_test

import (
	"testing"

	"github.com/duban-project/duban/services/internal/lifecycle"
)

type state int

func (s state) String() string { return []string{"THING_STATE_OPEN", "THING_STATE_SHUT"}[s] }

type move string

const (
	open state = iota
	shut
)

var life = lifecycle.Table[state, move]{
	open: {"shut": shut},
	shut: {"open": open},
}

func TestNext(t *testing.T) {
	if next, ok := life.Next(open, "shut"); next != shut || !ok {
		t.Errorf("Next(open, shut) = %v, %v", next, ok)
	}
	if next, ok := life.Next(open, "open"); ok {
		t.Errorf("an illegal move led to %v", next)
	}
}

func TestMermaid(t *testing.T) {
	want := "stateDiagram-v2\n    OPEN --> SHUT: shut\n    SHUT --> OPEN: open\n"
	if got := life.Mermaid(); got != want {
		t.Errorf("Mermaid = %q, want %q", got, want)
	}
}
