package store

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
)

// Table keeps messages of one type under a string key, and their indexes
// beside them. Keys and index values that contain 0x00 are refused, because
// they would not sort as text.
type Table[T proto.Message] struct {
	Bucket  string
	Key     func(T) string
	Indexes []Index[T]
}

// Index finds messages by other values than their key. It lives in the bucket
// "<table>.<Name>" under "value 0x00 key". Whoever changes what Keys answers
// MUST write every record of the table anew.
type Index[T proto.Message] struct {
	Name string
	// Keys returns the values a message is found under, none or many.
	Keys func(T) []string
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

// Insert stores a new message. If its key is taken, it answers ErrExists.
func (t Table[T]) Insert(tx Tx, m T) error {
	switch _, err := tx.Get(t.Bucket, []byte(t.Key(m))); {
	case err == nil:
		return ErrExists
	case !errors.Is(err, ErrNotFound):
		return err
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

// Lookup yields, in the order of their keys, the messages that the named index
// has under value and whose key is greater than after. An index entry without
// its message is an error, and never ErrNotFound.
func (t Table[T]) Lookup(tx Tx, index, value, after string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		ix, err := t.index(index, value)
		if err != nil {
			yield(zero, err)
			return
		}
		from, to := Prefix(value + "\x00")
		if after != "" {
			from = append(append(from, after...), 0)
		}
		for e, err := range tx.Scan(t.Bucket+"."+index, from, to) {
			m, live := zero, false
			if err == nil {
				m, live, err = t.follow(tx, ix, value, e.Key)
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

// index finds an index by its name.
func (t Table[T]) index(name, value string) (Index[T], error) {
	i := slices.IndexFunc(t.Indexes, func(ix Index[T]) bool { return ix.Name == name })
	if i < 0 {
		return Index[T]{}, fmt.Errorf("table %s has no index %s", t.Bucket, name)
	}
	return t.Indexes[i], t.check("index value", value)
}

// follow returns the message that an index entry points to. The entry is dead
// if the caller took it away after the scan had read it.
func (t Table[T]) follow(tx Tx, ix Index[T], value string, entry []byte) (m T, live bool, err error) {
	key := string(entry[len(value)+1:])
	m, err = t.Get(tx, key)
	switch {
	case err == nil && slices.Contains(ix.Keys(m), value):
		return m, true, nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return m, false, err
	}
	_, err = tx.Get(t.Bucket+"."+ix.Name, entry)
	if errors.Is(err, ErrNotFound) {
		return m, false, nil
	}
	if err == nil {
		err = fmt.Errorf("index %s.%s: %q stands under %q and should not", t.Bucket, ix.Name, key, value)
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
	m, err := t.Get(tx, key)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t.entriesOf(m)
}

// entriesOf lists the index entries that m must have.
func (t Table[T]) entriesOf(m T) (list []entry, err error) {
	for _, ix := range t.Indexes {
		for _, value := range ix.Keys(m) {
			if err := t.check("value of index "+ix.Name, value); err != nil {
				return nil, err
			}
			list = append(list, entry{t.Bucket + "." + ix.Name, value + "\x00" + t.Key(m)})
		}
	}
	return list, nil
}

// replace stores m, whose key had the index entries old before.
func (t Table[T]) replace(tx Tx, old []entry, m T) error {
	key := t.Key(m)
	if err := t.check("key", key); err != nil {
		return err
	}
	now, err := t.entriesOf(m)
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

func (t Table[T]) check(what, s string) error {
	if strings.Contains(s, "\x00") {
		return fmt.Errorf("table %s: %s %q %w", t.Bucket, what, s, errZero)
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
