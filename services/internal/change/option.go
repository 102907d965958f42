package change

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/store"
)

// Option is a step that some changes have before their rule.
type Option func(*steps)

// steps are what happens before the rule.
type steps struct {
	checks []func(*Tx) error
	asks   []func(context.Context) error
	asked  bool
}

// If lets nobody change anything whom check refuses. It is asked in every
// transaction, the one before asking outside and that of a repeat included, and MUST NOT
// write. It decides about the right alone: whether the change can still be made is for
// While.
func If(check func(*Tx) error) Option {
	return func(s *steps) { s.checks = append(s.checks, check) }
}

// While is If for what the first call ended by itself, as that there is room: a repeat is
// not held to it.
func While(check func(*Tx) error) Option {
	return If(func(tx *Tx) error {
		if tx.repeats {
			return nil
		}
		return check(tx)
	})
}

// In is If for those who may not act on the records of the unit, which the request
// names. For whom there is no such unit it says where.
func In(unit string) Option { return in(unit, (*Tx).Check) }

// Over is In for what is said here of a unit, and changes nothing that is kept of it: it
// may be an installation's below.
func Over(unit string) Option { return in(unit, (*Tx).over) }

func in(unit string, check func(*Tx, string) error) Option {
	return If(func(tx *Tx) error {
		if field := pathOf(tx.req.ProtoReflect(), unit); field != "" {
			return Unknown(check(tx, unit), unknownAt(field))
		}
		return check(tx, unit)
	})
}

// pathOf is where a request has the name: in a field of its own, or of the resource
// that it brings; or "".
func pathOf(m protoreflect.Message, name string) (path string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() || f.IsMap():
		case f.Kind() == protoreflect.StringKind && v.String() == name:
			path = string(f.Name())
		case f.Kind() == protoreflect.MessageKind:
			if rest := pathOf(v.Message(), name); rest != "" {
				path = string(f.Name()) + "." + rest
			}
		}
		return path == ""
	})
	return path
}

// Before lets a change ask what only others know: another service, the newest
// tree, the disk. It runs outside of the transaction, once, and not for a repeat,
// which gets its first answer even if nobody else answers. Where not everyone
// may make the change, In, If or On MUST say who may: others get to ask nothing,
// and learn nothing from what was answered.
func Before(ask func(context.Context) error) Option {
	return func(s *steps) { s.asks = append(s.asks, ask) }
}

// CatchUp brings the tree up to date before the change, for rules that ask it
// about units and grants of a moment ago: no refusal would do so.
func CatchUp() Option {
	return Before(func(ctx context.Context) error {
		if err := authz.From(ctx).Tree().CatchUp(ctx); err != nil {
			return fmt.Errorf("bringing the tree up to date: %w", err)
		}
		return nil
	})
}

func (s *steps) may(tx *Tx) error {
	for _, check := range s.checks {
		if err := check(tx); err != nil {
			return err
		}
	}
	return nil
}

// prepare asks outside what the change must know, unless it is a repeat: then it
// returns the first answer.
func (r *run[A]) prepare(ctx context.Context) (answer A, repeat bool, err error) {
	if len(r.asks) == 0 || r.asked {
		return answer, false, nil
	}
	err = r.book.Store.View(ctx, func(raw store.Tx) error {
		if answer, repeat, err = r.first(ctx, raw); repeat || err != nil {
			return err
		}
		return r.may(r.tx(ctx, raw))
	})
	if repeat || err != nil {
		return answer, repeat, stored(err)
	}
	for _, ask := range r.asks {
		if err := ask(ctx); err != nil {
			return answer, false, err
		}
	}
	r.asked = true
	return answer, false, nil
}
