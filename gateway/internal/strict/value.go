package strict

import (
	"encoding/json"
	"math"
	"strconv"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/problem"
)

// key reads the name of the next member of what stands at path.
func (r *reader) key(path string) (string, error) {
	from := r.dec.InputOffset()
	token, err := r.dec.Token()
	if err != nil {
		return "", unreadable(err)
	}
	if text := miswritten(r.body[from:r.dec.InputOffset()]); text != (problem.Text{}) {
		r.tell(path, "encoding", text)
	}
	name, _ := token.(string)
	return name, nil
}

// raw reads the next value as it stands.
func (r *reader) raw() (json.RawMessage, error) {
	var raw json.RawMessage
	if err := r.dec.Decode(&raw); err != nil {
		return nil, unreadable(err)
	}
	return raw, nil
}

// field reads the value of a field, which may be null.
func (r *reader) field(f protoreflect.FieldDescriptor, path string) error {
	switch {
	case f.IsMap():
		return r.nested(f, '{', path, func() error { return r.pairs(f, path) })
	case f.IsList():
		return r.nested(f, '[', path, func() error { return r.items(f, path) })
	case structured(f):
		return r.nested(f, '{', path, func() error { return r.members(f.Message(), path) })
	}
	raw, err := r.raw()
	if err != nil || string(raw) == "null" {
		return err
	}
	r.leaf(f, f, "", raw, path)
	return nil
}

// structured says whether the field's value is a message with members of its own.
func structured(f protoreflect.FieldDescriptor) bool {
	return f.Message() != nil && !known(f.Message())
}

// known says whether JSON writes the message in a way of its own.
func known(m protoreflect.MessageDescriptor) bool { return m.FullName().Parent() == "google.protobuf" }

func (r *reader) members(message protoreflect.MessageDescriptor, path string) error {
	_, err := r.object(message, path)
	return err
}

// nested reads a value that must begin with open, or be null.
func (r *reader) nested(f protoreflect.FieldDescriptor, open json.Delim, path string, inside func() error) error {
	token, err := r.dec.Token()
	switch {
	case err != nil:
		return unreadable(err)
	case token == open:
		return inside()
	case token != nil:
		r.tell(path, "type", expected(f, open))
		return r.skip(token)
	}
	return nil
}

// skip reads the rest of a value that began with token.
func (r *reader) skip(token json.Token) error {
	depth := 0
	for {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if token, err = r.dec.Token(); err != nil {
			return unreadable(err)
		}
	}
}

// items reads the elements of a list and the bracket that closes it.
func (r *reader) items(f protoreflect.FieldDescriptor, path string) error {
	most := maxItems(f)
	for i := 0; r.dec.More(); i++ {
		if uint64(i) == most {
			return problem.Invalid(append(r.wrong, problem.Field{Path: path, Rule: "repeated.max_items", Text: problem.Text{
				Zh: "最多 " + strconv.Itoa(i) + " 项", En: "must have at most " + strconv.Itoa(i) + " items",
			}})...)
		}
		if err := r.element(f, f, "", path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	_, err := r.dec.Token()
	return err
}

// maxItems is how many elements the contract lets a list have: one more, and nothing
// behind it is read.
func maxItems(f protoreflect.FieldDescriptor) uint64 {
	rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	if list := rules.GetRepeated(); list.HasMaxItems() {
		return list.GetMaxItems()
	}
	return math.MaxUint64
}

// pairs reads the entries of a map and the brace that closes it.
func (r *reader) pairs(f protoreflect.FieldDescriptor, path string) error {
	seen := map[string]bool{}
	for r.dec.More() {
		key, err := r.key(path)
		if err != nil {
			return err
		}
		at := path + "[" + strconv.Quote(key) + "]"
		if seen[key] {
			r.tell(at, "duplicate", duplicateField)
		}
		seen[key] = true
		if err := r.element(f, f.MapValue(), key, at); err != nil {
			return err
		}
	}
	_, err := r.dec.Token()
	return err
}

// element reads a value of the list or map f, which is never null.
func (r *reader) element(f, value protoreflect.FieldDescriptor, key, path string) error {
	if !structured(value) {
		raw, err := r.raw()
		if err == nil {
			r.leaf(f, value, key, raw, path)
		}
		return err
	}
	token, err := r.dec.Token()
	switch {
	case err != nil:
		return unreadable(err)
	case token == json.Delim('{'):
		return r.members(value.Message(), path)
	}
	r.tell(path, "type", expected(value, '{'))
	return r.skip(token)
}
