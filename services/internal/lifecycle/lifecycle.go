// Package lifecycle writes state machines down as tables, so that a rule asks
// the table, a test walks it and a README shows it. What a move means is the
// business of the service whose table it is.
package lifecycle

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/services/internal/fault"
)

// State is a state as protoc generates it.
type State interface {
	comparable
	protoreflect.Enum
	fmt.Stringer
}

// Record is a resource that has a state, in its field "state".
type Record[S State] interface {
	proto.Message
	GetState() S
}

// Table maps a state and a move to the next state. A missing entry is an
// illegal move. A move is spelled in English and Chinese, as in "submit / 提交".
type Table[S State, M ~string] map[S]map[M]S

// Next returns the state that move m leads to from state s.
func (t Table[S, M]) Next(s S, m M) (S, bool) {
	next, ok := t[s][m]
	return next, ok
}

// Move returns a copy of r in the state that m leads to. A move that t does not
// have is refused by Refused.
func Move[R Record[S], S State, M ~string](t Table[S, M], r R, m M, illegal *fault.Fault) (R, error) {
	next, ok := t.Next(r.GetState(), m)
	if !ok {
		var none R
		return none, Refused(r, m, illegal)
	}
	r = proto.CloneOf(r)
	fields := r.ProtoReflect().Descriptor().Fields()
	r.ProtoReflect().Set(fields.ByName("state"), protoreflect.ValueOfEnum(next.Number()))
	return r, nil
}

// Refused is illegal about the move from the state that r is in: it gets the facts
// "state" and "move", in both languages.
func Refused[R Record[S], S State, M ~string](r R, m M, illegal *fault.Fault) error {
	en, zh := spelled(m)
	return illegal.Say("state", fault.Word(r.GetState()), short(r.GetState())).Say("move", zh, en)
}

// Mermaid draws t; each service's README holds the drawing and a test compares.
func (t Table[S, M]) Mermaid() string {
	var lines []string
	for s, moves := range t {
		for m, next := range moves {
			en, _ := spelled(m)
			lines = append(lines, fmt.Sprintf("    %s --> %s: %s", short(s), short(next), en))
		}
	}
	slices.Sort(lines)
	return "stateDiagram-v2\n" + strings.Join(lines, "\n") + "\n"
}

// Wordless are the states and moves that have no Chinese name, which there MUST NOT
// be.
func (t Table[S, M]) Wordless() (list []string) {
	for s, moves := range t {
		if fault.Word(s) == "" {
			list = append(list, short(s))
		}
		for m, next := range moves {
			if _, zh := spelled(m); zh == "" {
				list = append(list, string(m))
			}
			if fault.Word(next) == "" {
				list = append(list, short(next))
			}
		}
	}
	return list
}

// spelled parts a move into its names in the two languages.
func spelled[M ~string](m M) (en, zh string) {
	en, zh, _ = strings.Cut(string(m), " / ")
	return en, zh
}

func short[S State](s S) string {
	_, name, found := strings.Cut(s.String(), "STATE_")
	if !found {
		return s.String()
	}
	return name
}
