package serve

import (
	"context"
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/text"
)

var errFields = fault.Of(faultv1.Reason_REASON_FIELDS_INVALID)

const violations = 20 // named at most in one answer

// validation holds a request against the rules that the contract states beside
// its fields.
func validation(v protovalidate.Validator) Step {
	return func(ctx context.Context, call Call, next func(context.Context) error) error {
		m, ok := call.Request.(proto.Message)
		if !ok {
			return next(ctx)
		}
		if err := check(v, m); err != nil {
			return err
		}
		return next(ctx)
	}
}

// check returns the fault that names the fields of m which are no text, or else
// break a rule.
func check(v protovalidate.Validator, m proto.Message) error {
	if err := text.Check(m, violations); err != nil {
		return err
	}
	err := v.Validate(m)
	var invalid *protovalidate.ValidationError
	if errors.As(err, &invalid) {
		return fieldFault(m.ProtoReflect().Descriptor(), unasked(m, invalid.Violations))
	}
	if err != nil {
		return fmt.Errorf("the rules of %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return nil
}

// Validate holds a message that did not come as a request against the rules of
// the contract.
func (p *Process) Validate(m proto.Message) error { return check(p.validator, m) }

// fieldFault names the fields, or is nil if there is nothing to name.
func fieldFault(of protoreflect.MessageDescriptor, found []*protovalidate.Violation) error {
	if len(found) == 0 {
		return nil
	}
	f := errFields
	for _, v := range found {
		for _, field := range wrong(of, v) {
			if len(f.Fields) == violations {
				return f
			}
			f = f.At(field.Path, field.Zh, field.En).By(field.Rule)
		}
	}
	return f
}
