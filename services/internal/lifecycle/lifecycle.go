// Package lifecycle writes state machines down as tables, so that a rule asks
// the table, a test walks it and a README shows it. What a move means is the
// business of the service whose table it is.
package lifecycle

import (
	"fmt"
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
	en, zh := Spelled(m)
	return illegal.Say("state", fault.Word(r.GetState()), Short(r.GetState())).Say("move", zh, en)
}

// Spelled parts a move into its names in the two languages.
func Spelled[M ~string](m M) (en, zh string) {
	en, zh, _ = strings.Cut(string(m), " / ")
	return en, zh
}

// Short is the state without the prefix that the contract gives it, such as ACTIVE.
func Short[S State](s S) string {
	_, name, found := strings.Cut(s.String(), "STATE_")
	if !found {
		return s.String()
	}
	return name
}
