package store_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/typepb"
	"pgregory.net/rapid"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

func open(t *testing.T) store.Engine {
	t.Helper()
	e, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// types is a table of a message that happens to have a name, a string and a
// list of strings.
func types(bucket string) store.Table[*typepb.Type] {
	return store.Table[*typepb.Type]{
		Bucket:  bucket,
		Key:     (*typepb.Type).GetName,
		Indexes: []string{"edition", "oneofs"},
	}
}

func message(name, edition string, oneofs ...string) *typepb.Type {
	return &typepb.Type{Name: name, Edition: edition, Oneofs: oneofs}
}

// reporter is what a test and a property have in common.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// names collects what a scan or lookup yields.
func names(t reporter, seq iter.Seq2[*typepb.Type, error]) (names []string) {
	t.Helper()
	for m, err := range seq {
		if err != nil {
			t.Errorf("after %q: %v", names, err)
			return names
		}
		names = append(names, m.GetName())
	}
	return names
}

// texts lists what a sequence of values yields.
func texts(t reporter, seq iter.Seq2[string, error]) (list []string) {
	t.Helper()
	for text, err := range seq {
		if err != nil {
			t.Errorf("after %q: %v", list, err)
			return list
		}
		list = append(list, text)
	}
	return list
}

// indexed lists the raw entries of an index.
func indexed(t reporter, tx store.Tx, bucket string) (list []string) {
	t.Helper()
	for e, err := range tx.Scan(bucket, nil, nil) {
		if err != nil || len(e.Value) != 0 {
			t.Errorf("index entry %q = %q, %v", e.Key, e.Value, err)
		}
		list = append(list, string(e.Key))
	}
	return list
}

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// within runs fn in one transaction that is committed.
func within(t *testing.T, fn func(store.Tx)) {
	t.Helper()
	err := open(t).Update(t.Context(), func(tx store.Tx) error {
		fn(tx)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTable(t *testing.T) {
	within(t, func(tx store.Tx) {
		types := types("t")
		a := message("a", "1", "x", "y")
		equal(t, "Insert", nil, types.Insert(tx, a))
		got, err := types.Get(tx, "a")
		equal(t, "Get", a, got)
		equal(t, "Get", nil, err)
		if err := types.Insert(tx, message("a", "2")); !errors.Is(err, store.ErrExists) {
			t.Errorf("second Insert = %v, want ErrExists", err)
		}
		equal(t, "after a refused Insert", []string{"1\x00a"}, indexed(t, tx, "t.edition"))

		equal(t, "Put", nil, types.Put(tx, message("a", "2", "y", "z", "z")))
		equal(t, "replaced", []string{"2\x00a"}, indexed(t, tx, "t.edition"))
		equal(t, "replaced", []string{"y\x00a", "z\x00a"}, indexed(t, tx, "t.oneofs"))

		equal(t, "Delete", nil, types.Delete(tx, "a"))
		equal(t, "Delete of nothing", nil, types.Delete(tx, "a"))
		if _, err := types.Get(tx, "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get = %v, want ErrNotFound", err)
		}
		equal(t, "deleted", []string(nil), append(indexed(t, tx, "t.edition"), indexed(t, tx, "t.oneofs")...))
	})
}

func TestTableOrder(t *testing.T) {
	within(t, func(tx store.Tx) {
		types := types("t")
		for _, name := range []string{"b/督", "a", "b/2", "b/1", "c", "b"} {
			equal(t, "Put", nil, types.Put(tx, message(name, "1", name[:1])))
		}
		equal(t, "Put", nil, types.Put(tx, message("bb", "11", "bb")))
		for _, c := range []struct {
			after, prefix string
			want          []string
		}{
			{"", "", []string{"a", "b", "b/1", "b/2", "b/督", "bb", "c"}},
			{"", "b/", []string{"b/1", "b/2", "b/督"}},
			{"b/1", "b/", []string{"b/2", "b/督"}},
			{"b", "b/", []string{"b/1", "b/2", "b/督"}},
			{"b/督", "b/", nil},
			{"c", "b/", nil},
			{"b/2", "", []string{"b/督", "bb", "c"}},
		} {
			equal(t, fmt.Sprintf("Scan(%q, %q)", c.after, c.prefix), c.want, names(t, types.Scan(tx, c.after, c.prefix)))
		}
		equal(t, "Lookup", []string{"b", "b/1", "b/2", "b/督"}, names(t, types.Lookup(tx, "oneofs", "b", "")))
		equal(t, "Values", []string{"a", "b", "b", "b", "b", "bb", "c"}, texts(t, types.Values(tx, "oneofs", "")))
		equal(t, "Values", []string{"b", "b", "b", "b"}, texts(t, types.Values(tx, "oneofs", "b")))
		equal(t, "Values", []string(nil), texts(t, types.Values(tx, "oneofs", "ba")))
		equal(t, "Lookup", []string{"b/2", "b/督"}, names(t, types.Lookup(tx, "oneofs", "b", "b/1")))
		equal(t, "Lookup", []string(nil), names(t, types.Lookup(tx, "oneofs", "b", "b/督")))
		equal(t, "Lookup", []string{"bb"}, names(t, types.Lookup(tx, "edition", "11", "")))
	})
}

// What would sort wrongly is refused, before anything is written.
func TestTableRefusesZero(t *testing.T) {
	within(t, func(tx store.Tx) {
		types := types("t")
		for _, m := range []*typepb.Type{message("a\x00b", "1"), message("a", "1\x00"), message("a", "1", "x", "\x00"), message("", "1")} {
			if types.Put(tx, m) == nil || types.Insert(tx, m) == nil {
				t.Errorf("took %v", m)
			}
		}
		for _, err := range types.Lookup(tx, "oneofs", "x\x00a", "") {
			if err == nil {
				t.Error("Lookup took a value with 0x00")
			}
		}
		for _, bucket := range []string{"t", "t.oneofs"} {
			equal(t, "left in "+bucket, []string(nil), indexed(t, tx, bucket))
		}
	})
}

// Changing records on the way does not confuse a Lookup that has read ahead.
func TestTableLookupWhileWriting(t *testing.T) {
	within(t, func(tx store.Tx) {
		types := types("t")
		for _, name := range []string{"a", "b", "c", "d"} {
			equal(t, "Insert", nil, types.Insert(tx, message(name, "1")))
		}
		var seen []string
		for m, err := range types.Lookup(tx, "edition", "1", "") {
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, m.GetName())
			equal(t, "Put", nil, errors.Join(
				types.Put(tx, message(m.GetName(), "2")), types.Put(tx, message("b", "2")), types.Delete(tx, "c")))
		}
		equal(t, "seen", []string{"a", "d"}, seen)
	})
}

// An index that does not fit its records is an error, and not a missing record.
func TestTableLookupOfBrokenIndex(t *testing.T) {
	for name, corrupt := range map[string]func(store.Tx) error{
		"no record":     func(tx store.Tx) error { return tx.Delete("t", []byte("a")) },
		"wrong value":   func(tx store.Tx) error { return tx.Put("t.edition", []byte("2\x00a"), nil) },
		"not a message": func(tx store.Tx) error { return tx.Put("t", []byte("a"), []byte{0xff}) },
		"no such index": func(tx store.Tx) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(tx store.Tx) {
				types := types("t")
				equal(t, "corrupting", nil, errors.Join(types.Insert(tx, message("a", "1")), corrupt(tx)))
				index, value := "edition", "1"
				switch name {
				case "wrong value":
					value = "2"
				case "no such index":
					index = "none"
				}
				n := 0
				for m, err := range types.Lookup(tx, index, value, "") {
					if n++; err == nil || errors.Is(err, store.ErrNotFound) {
						t.Errorf("Lookup = %v, %v, want an error that is not ErrNotFound", m, err)
					}
				}
				equal(t, "answers", 1, n)
			})
		})
	}
}

// Equal messages have equal bytes, however their maps and unknown fields came.
func TestTableBytes(t *testing.T) {
	within(t, func(tx store.Tx) {
		types := types("t")
		m := message("a", "1", "x")
		equal(t, "Put", nil, types.Put(tx, m))
		got, err := tx.Get("t", []byte("a"))
		want, _ := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		equal(t, "bytes", want, got)
		equal(t, "Get", nil, err)
	})
}

// model is the oracle: a map, from which index entries are worked out anew.
type model map[string]*typepb.Type

func (m model) keys() []string { return slices.Sorted(maps.Keys(m)) }

func (m model) with(oneof, after string) (names []string) {
	for _, k := range m.keys() {
		if k > after && slices.Contains(m[k].GetOneofs(), oneof) {
			names = append(names, k)
		}
	}
	return names
}

func (m model) entries() []string {
	set := map[string]bool{}
	for k, v := range m {
		for _, oneof := range v.GetOneofs() {
			set[oneof+"\x00"+k] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// step does one random thing to table and model.
func (m model) step(t *rapid.T, tx store.Tx, types store.Table[*typepb.Type]) error {
	letter := rapid.StringMatching(`[abc督]{1,2}`)
	v := message(letter.Draw(t, "name"), letter.Draw(t, "edition"), rapid.SliceOfN(letter, 0, 3).Draw(t, "oneofs")...)
	_, exists := m[v.GetName()]
	switch rapid.SampledFrom([]string{"insert", "put", "delete"}).Draw(t, "do") {
	case "insert":
		if err := types.Insert(tx, v); exists {
			if !errors.Is(err, store.ErrExists) {
				t.Fatalf("Insert = %v, want ErrExists", err)
			}
			return nil
		} else if err != nil {
			return err
		}
		m[v.GetName()] = v
	case "put":
		m[v.GetName()] = v
		return types.Put(tx, v)
	case "delete":
		delete(m, v.GetName())
		return types.Delete(tx, v.GetName())
	}
	return nil
}

// compare asks the table everything that the model knows.
func (m model) compare(t *rapid.T, tx store.Tx, types store.Table[*typepb.Type]) error {
	diff := func(what string, want, got any) {
		if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
			t.Fatalf("%s (-want +got):\n%s", what, d)
		}
	}
	got := model{}
	for v, err := range types.Scan(tx, "", "") {
		if err != nil {
			return err
		}
		got[v.GetName()] = v
	}
	diff("records", m, got)
	diff("index", m.entries(), indexed(t, tx, types.Bucket+".oneofs"))
	value, after := rapid.SampledFrom([]string{"a", "b", "ab", "督"}).Draw(t, "value"), rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "after")
	diff("Lookup", m.with(value, after), names(t, types.Lookup(tx, "oneofs", value, after)))
	from := slices.DeleteFunc(m.keys(), func(k string) bool { return k <= after || !strings.HasPrefix(k, value) })
	if found := names(t, types.Scan(tx, after, value)); len(from)+len(found) > 0 {
		diff("Scan", from, found)
	}
	return nil
}

func TestTableIsAMap(t *testing.T) {
	e, tables := open(t), 0
	rapid.Check(t, func(r *rapid.T) {
		tables++
		types, m := types(fmt.Sprint("t", tables)), model{}
		for range rapid.IntRange(1, 6).Draw(r, "transactions") {
			before, fail := maps.Clone(m), rapid.Bool().Draw(r, "fail")
			boom := errors.New("boom")
			err := e.Update(t.Context(), func(tx store.Tx) error {
				for range rapid.IntRange(1, 8).Draw(r, "steps") {
					if err := m.step(r, tx, types); err != nil {
						return err
					}
				}
				if fail {
					return boom
				}
				return m.compare(r, tx, types)
			})
			if fail && errors.Is(err, boom) {
				m, err = before, nil
			}
			if err == nil {
				err = e.View(t.Context(), func(tx store.Tx) error { return m.compare(r, tx, types) })
			}
			if err != nil {
				r.Fatal(err)
			}
		}
	})
}
