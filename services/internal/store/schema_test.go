package store_test

import (
	"errors"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
)

// Reindex leaves the rows that Put would have made, and says how many were not
// there or too many.
func TestReindex(t *testing.T) {
	within(t, func(tx store.Tx) {
		const table = "google.protobuf.Type"
		schema := store.Schema{Indexes: map[string][]string{table: {"edition", "oneofs"}}}
		types := types(table)
		for _, m := range []string{"a", "b", "c"} {
			equal(t, "Put", nil, types.Put(tx, message(m, "1", "x", "y", "x", "")))
		}
		want := append(indexed(t, tx, table+".edition"), indexed(t, tx, table+".oneofs")...)
		equal(t, "rows, none of them for an empty value", 3+6, len(want))
		mended, err := store.Reindex(tx, schema)
		equal(t, "mended where nothing is wrong", store.Mended{}, mended)
		equal(t, "Reindex", nil, err)

		equal(t, "breaking", nil, errors.Join(
			tx.Delete(table+".edition", []byte("1\x00a")),
			tx.Delete(table+".oneofs", []byte("y\x00b")),
			tx.Put(table+".edition", []byte("2\x00a"), nil),
			tx.Put(table+".oneofs", []byte("x\x00none"), nil),
			tx.Put(table+".oneofs", []byte("x"), nil),
		))
		mended, err = store.Reindex(tx, schema)
		equal(t, "mended", store.Mended{Rows: 5}, mended)
		equal(t, "Reindex", nil, err)
		equal(t, "rows", want, append(indexed(t, tx, table+".edition"), indexed(t, tx, table+".oneofs")...))

		equal(t, "breaking a message and two rows", nil, errors.Join(
			tx.Put(table, []byte("b"), []byte("\xff")),
			tx.Delete(table+".edition", []byte("1\x00a")),
			tx.Delete(table+".oneofs", []byte("y\x00c")),
		))
		mended, err = store.Reindex(tx, schema)
		equal(t, "mended but for what cannot be read", store.Mended{Rows: 2, Unread: []string{"b"}}, mended)
		equal(t, "Reindex", nil, err)
		equal(t, "rows, also of what cannot be read", want, append(indexed(t, tx, table+".edition"), indexed(t, tx, table+".oneofs")...))
	})
}

func TestAnIndexIsOfText(t *testing.T) {
	within(t, func(tx store.Tx) {
		for _, field := range []string{"none", "syntax", "fields"} {
			types := types("t")
			types.Indexes = []string{field}
			if types.Put(tx, message("a", "1")) == nil {
				t.Errorf("took %s for an index", field)
			}
		}
	})
}
