package page

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/services/internal/fault"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
)

const (
	maxFilter  = 2_048 // bytes of text
	maxNesting = 16    // AND, OR and NOT within each other
)

var errFilter = fault.Of(faultv1.Reason_REASON_FILTER_INVALID)

// Filter (筛选条件) tells which records a list shows. The zero Filter shows all.
// It is safe for concurrent use.
type Filter struct{ match predicate }

// predicate decides about a message of the type it was compiled for.
type predicate func(protoreflect.Message) bool

// Match tells whether the filter shows m, which MUST be a message of the type
// that the filter was parsed for.
func (f Filter) Match(m proto.Message) bool {
	return f.match == nil || f.match(m.ProtoReflect())
}

// ParseFilter reads a filter over messages of the type md, in a subset of
// AIP-160. No text shows every record.
//
//	state = CLOSED AND (due_date < "2026-10-01" OR plan.level >= 2)
//	NOT labels:urgent AND measures:"巡查*" AND -plan:*
//
// Restrictions are joined by AND, OR and NOT (or a minus sign), in capitals. As
// in AIP-160, OR binds closer than AND: a AND b OR c means a AND (b OR c). A
// restriction has a field on its left, an operator, and a value on its right.
//
// The field has the name it has in the contract, due_date, or the one it has in
// JSON, dueDate: REST clients see no other. A dot leads into a message
// (plan.level) or to the value under a key of a map (labels.district, or
// labels."a key").
//
// The operators by what the field is:
//
//   - Texts: = != < <= > >= by bytes, which puts civil dates in their order. For
//     = and != a * at the end stands for any rest; elsewhere it is refused.
//   - Numbers: = != < <= > >=.
//   - Instants: = != < <= > >= with a text as in RFC 3339,
//     "2026-10-01T08:00:00+08:00".
//   - Booleans: = and != with true or false.
//   - Enums: = and != with a value's name, with or without the enum's prefix:
//     STATE_CLOSED or CLOSED.
//   - Repeated fields: only the operator : which asks for an element
//     (measures:"巡查"). A path may go on through repeated messages, to ask for
//     one whose field has the value (measures.owner:"x").
//   - Maps with text keys: only : which asks for a key (labels:urgent).
//   - The operator : with * asks whether a field is set: a message or an optional
//     field is there, another field is not zero, a repeated field or map is not
//     empty. Otherwise it is = on a single field.
//
// A message, instant, optional field or key that is not there has no value: no
// operator is true of it, not even !=; NOT makes it so. A text of letters,
// digits, _ and / needs no quotes; others do, single or double ones.
//
// What is wrong is the fault FILTER_INVALID, with the fact "problem" that names
// the field or the position: an unknown field, one whose content is sealed
// (it counts as unknown, to tell nothing of it), a value of another type, an
// operator that the field does not have, free text, functions, more than 2,048
// bytes, and more than 16 levels of AND, OR and NOT within each other.
func ParseFilter(text string, md protoreflect.MessageDescriptor) (Filter, error) {
	if len(text) > maxFilter {
		return Filter{}, refuse("超过 %d 字节", "longer than %d bytes", maxFilter)
	}
	if strings.TrimSpace(text) == "" {
		return Filter{}, nil
	}
	var parser filtering.Parser
	parser.Init(text)
	parsed, err := parser.Parse()
	if err != nil {
		return Filter{}, syntax(err)
	}
	match, err := compiler{md}.expression(parsed.GetExpr(), maxNesting)
	if err != nil {
		return Filter{}, err
	}
	return Filter{match}, nil
}

// compiler turns expressions over messages of one type into predicates.
type compiler struct {
	md protoreflect.MessageDescriptor
}

func (c compiler) expression(e *expr.Expr, nesting int) (predicate, error) {
	call := e.GetCallExpr()
	switch name := call.GetFunction(); {
	case nesting < 0:
		return nil, refuse("嵌套超过 %d 层", "nested more than %d deep", maxNesting)
	case name == filtering.FunctionAnd && len(call.GetArgs()) == 2:
		return c.chain(e, nesting, false)
	case name == filtering.FunctionOr && len(call.GetArgs()) == 2:
		return c.chain(e, nesting, true)
	case name == filtering.FunctionNot && len(call.GetArgs()) == 1:
		return c.negation(call.GetArgs()[0], nesting)
	case name == filtering.FunctionFuzzyAnd:
		return nil, refuse("条件之间应写 AND 或 OR", "restrictions must be joined by AND or OR")
	case filtering.TokenType(name).IsComparator() && len(call.GetArgs()) == 2:
		return c.restriction(operator(name), call.GetArgs()[0], call.GetArgs()[1])
	case call != nil:
		return nil, refuse("不支持函数 %q", "function %q is not supported", name)
	}
	return nil, refuse("每个条件应为“字段 运算符 值”", "a restriction must be a field, an operator and a value")
}

func (c compiler) negation(e *expr.Expr, nesting int) (predicate, error) {
	inner, err := c.expression(e, nesting-1)
	if err != nil {
		return nil, err
	}
	return func(m protoreflect.Message) bool { return !inner(m) }, nil
}

// chain joins the operands of a run of the same function, which the parser
// nests to the left: the run is one level of nesting, however long it is. It
// ends at the first operand that makes the answer sure: a true one for OR, a
// false one for AND.
func (c compiler) chain(e *expr.Expr, nesting int, sure bool) (predicate, error) {
	var operands []predicate
	for _, operand := range flatten(e) {
		p, err := c.expression(operand, nesting-1)
		if err != nil {
			return nil, err
		}
		operands = append(operands, p)
	}
	return func(m protoreflect.Message) bool {
		for _, p := range operands {
			if p(m) == sure {
				return sure
			}
		}
		return !sure
	}, nil
}

// flatten returns the operands of a run of one function in their order.
func flatten(e *expr.Expr) []*expr.Expr {
	run := e.GetCallExpr().GetFunction()
	var operands []*expr.Expr
	for call := e.GetCallExpr(); call.GetFunction() == run && len(call.GetArgs()) == 2; call = e.GetCallExpr() {
		operands = append(operands, call.GetArgs()[1])
		e = call.GetArgs()[0]
	}
	operands = append(operands, e)
	slices.Reverse(operands)
	return operands
}

// syntax is the fault of a text that is not a filter at all. The parser wraps
// its errors once a rule of the grammar; the innermost knows the place.
func syntax(err error) error {
	line, column := int32(1), int32(1)
	for ; err != nil; err = errors.Unwrap(err) {
		if at, ok := err.(interface{ Position() filtering.Position }); ok {
			line, column = at.Position().Line, at.Position().Column
		}
	}
	return refuse("第 %d 行第 %d 字处无法理解", "syntax error at line %d, column %d", line, column)
}

// refuse is the fault of a filter, told in both languages with the same facts.
func refuse(zh, en string, facts ...any) error {
	zh, en = fmt.Sprintf(zh, facts...), fmt.Sprintf(en, facts...)
	return errFilter.Say("problem", zh, en).At("filter", zh, en)
}
