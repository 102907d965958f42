package store

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Table keeps messages of one type under a string key, and their indexes
// beside them. Keys and index values that contain 0x00 are refused, because
// they would not sort as text.
type Table[T proto.Message] struct {
	Bucket string
	Key    func(T) string

	// Indexes are the fields, of type string, repeated or not, by which messages
	// are found too. The index of a field lives in the bucket "<table>.<field>"
	// under "value 0x00 key"; an empty value has no row. Whoever adds a field
	// MUST rebuild the rows of those messages that are there: Reindex.
	Indexes []string
}

var errZero = errors.New("contains 0x00")

// Get returns the message at key, or ErrNotFound.
func (t Table[T]) Get(tx Tx, key string) (T, error) {
	var zero T
	b, err := tx.Get(t.Bucket, []byte(key))
	if err != nil {
		return zero, err
	}
	return t.decode(key, b)
}

// Seek is Get for what need not be there: then it answers false, which is no error.
func (t Table[T]) Seek(tx Tx, key string) (m T, there bool, err error) {
	m, err = t.Get(tx, key)
	if errors.Is(err, ErrNotFound) {
		return m, false, nil
	}
	return m, err == nil, err
}

// Insert stores a new message. If its key is taken, it answers ErrExists.
func (t Table[T]) Insert(tx Tx, m T) error {
	switch _, there, err := Seek(tx, t.Bucket, []byte(t.Key(m))); {
	case err != nil:
		return err
	case there:
		return ErrExists
	}
	return t.replace(tx, nil, m)
}

// Put stores m, in place of the message under the same key if there is one.
func (t Table[T]) Put(tx Tx, m T) error {
	old, err := t.entries(tx, t.Key(m))
	if err != nil {
		return err
	}
	return t.replace(tx, old, m)
}

// Delete removes the message at key; a missing one is not an error.
func (t Table[T]) Delete(tx Tx, key string) error {
	old, err := t.entries(tx, key)
	if err != nil {
		return err
	}
	for _, e := range old {
		if err := tx.Delete(e.bucket, []byte(e.key)); err != nil {
			return err
		}
	}
	return tx.Delete(t.Bucket, []byte(key))
}

// Scan yields, in the order of their keys, the messages whose key begins with
// prefix and is greater than after.
func (t Table[T]) Scan(tx Tx, after, prefix string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		from, to := Prefix(prefix)
		if after >= prefix && after != "" {
			from = append([]byte(after), 0)
		}
		for e, err := range tx.Scan(t.Bucket, from, to) {
			var m T
			if err == nil {
				m, err = t.decode(string(e.Key), e.Value)
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Lookup yields, in the order of their keys, the messages that the index of a
// field has under value and whose key is greater than after. An index entry without
// its message is an error, and never ErrNotFound.
func (t Table[T]) Lookup(tx Tx, field, value, after string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := t.indexed(field, value); err != nil {
			yield(zero, err)
			return
		}
		from, to := Prefix(value + "\x00")
		if after != "" {
			from = append(append(from, after...), 0)
		}
		for e, err := range tx.Scan(t.Bucket+"."+field, from, to) {
			m, live := zero, false
			if err == nil {
				m, live, err = t.follow(tx, field, value, e.Key)
			}
			switch {
			case err != nil:
				yield(zero, err)
				return
			case live && !yield(m, nil):
				return
			}
		}
	}
}

// Values yields what the index of a field has, in order: each value as often as there are
// messages under it. Only the one named, unless that is empty. It reads no message.
func (t Table[T]) Values(tx Tx, field, value string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := t.indexed(field, value); err != nil {
			yield("", err)
			return
		}
		var from, to []byte
		if value != "" {
			from, to = Prefix(value + "\x00")
		}
		for e, err := range tx.Scan(t.Bucket+"."+field, from, to) {
			value, _, _ := strings.Cut(string(e.Key), "\x00")
			if !yield(value, err) || err != nil {
				return
			}
		}
	}
}

// indexed refuses to look up what no index can have.
func (t Table[T]) indexed(field, value string) error {
	if !slices.Contains(t.Indexes, field) {
		return fmt.Errorf("table %s has no index %s", t.Bucket, field)
	}
	return check(t.Bucket, "index value", value)
}

// follow returns the message that an index entry points to. The entry is dead
// if the caller took it away after the scan had read it.
func (t Table[T]) follow(tx Tx, field, value string, entry []byte) (m T, live bool, err error) {
	key := string(entry[len(value)+1:])
	m, there, err := t.Seek(tx, key)
	if err != nil || there && slices.Contains(values(m, field), value) {
		return m, err == nil, err
	}
	_, stands, err := Seek(tx, t.Bucket+"."+field, entry)
	if stands {
		err = fmt.Errorf("index %s.%s: %q stands under %q and should not", t.Bucket, field, key, value)
	}
	return m, false, err
}

// entry is the place of one index entry.
type entry struct{ bucket, key string }

// entries lists the index entries of the message at key, none if there is none.
func (t Table[T]) entries(tx Tx, key string) ([]entry, error) {
	if len(t.Indexes) == 0 {
		return nil, nil
	}
	m, there, err := t.Seek(tx, key)
	if err != nil || !there {
		return nil, err
	}
	return rowsOf(t.Bucket, key, m, t.Indexes)
}

// rowsOf lists the index entries that the message at key must have.
func rowsOf(table, key string, m proto.Message, fields []string) (list []entry, err error) {
	for _, field := range fields {
		if f := fieldOf(m, field); f == nil || f.Kind() != protoreflect.StringKind || f.IsMap() {
			return nil, fmt.Errorf("table %s: no field %s can be an index", table, field)
		}
		for _, value := range values(m, field) {
			if err := check(table, "value of index "+field, value); err != nil {
				return nil, err
			}
			list = append(list, entry{table + "." + field, value + "\x00" + key})
		}
	}
	return list, nil
}

func fieldOf(m proto.Message, name string) protoreflect.FieldDescriptor {
	return m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name))
}

// values returns what a message is found under in the index of a field.
func values(m proto.Message, field string) (list []string) {
	f := fieldOf(m, field)
	v := m.ProtoReflect().Get(f)
	if !f.IsList() {
		list = append(list, v.String())
	} else {
		for i := range v.List().Len() {
			list = append(list, v.List().Get(i).String())
		}
	}
	return slices.DeleteFunc(list, func(value string) bool { return value == "" })
}

// replace stores m, whose key had the index entries old before.
func (t Table[T]) replace(tx Tx, old []entry, m T) error {
	key := t.Key(m)
	if err := check(t.Bucket, "key", key); err != nil {
		return err
	}
	now, err := rowsOf(t.Bucket, key, m, t.Indexes)
	if err != nil {
		return err
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding %s %q: %w", t.Bucket, key, err)
	}
	if err := move(tx, old, now); err != nil {
		return err
	}
	return tx.Put(t.Bucket, []byte(key), b)
}

// move turns the index entries old into now and leaves alone what is in both.
func move(tx Tx, old, now []entry) error {
	for _, e := range old {
		if slices.Contains(now, e) {
			continue
		}
		if err := tx.Delete(e.bucket, []byte(e.key)); err != nil {
			return err
		}
	}
	for _, e := range now {
		if slices.Contains(old, e) {
			continue
		}
		if err := tx.Put(e.bucket, []byte(e.key), nil); err != nil {
			return err
		}
	}
	return nil
}

func check(table, what, s string) error {
	if strings.Contains(s, "\x00") {
		return fmt.Errorf("table %s: %s %q %w", table, what, s, errZero)
	}
	return nil
}

func (t Table[T]) decode(key string, b []byte) (T, error) {
	var zero T
	m := zero.ProtoReflect().New().Interface().(T)
	if err := proto.Unmarshal(b, m); err != nil {
		return zero, fmt.Errorf("decoding %s %q: %w", t.Bucket, key, err)
	}
	return m, nil
}
