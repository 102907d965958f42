package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Schema says what a service keeps in its store beside its feed and its
// remembered requests. It is data, by which those who write go as well as those
// who check what was written, without sharing code.
type Schema struct {
	// Indexes are the fields by which messages are found other than by their
	// key, under the message's full name, which is also the table's bucket. See
	// Table.
	Indexes map[string][]string

	// Buckets are those that hold neither messages of a table nor an index. A name
	// that ends with a slash stands for all that begin with it.
	Buckets []string

	// Forms say of buckets, by their names, which rows the service keeps in them: any other
	// was changed.
	Forms map[string]Form

	// Migrations bring older stores to this schema, one version each, in order.
	// One is never changed once it was released. See Migrate.
	Migrations []Migration

	// First is the version from which the first of the migrations leads; 0 is 1.
	// It rises when old migrations are dropped.
	First uint64
}

// Within says whether the schema has all buckets that begin as this one does.
func (s Schema) Within(bucket string) bool {
	return slices.ContainsFunc(s.Buckets, func(name string) bool {
		return strings.HasSuffix(name, "/") && strings.HasPrefix(bucket, name)
	})
}

// Mended is what became of index rows.
type Mended struct {
	Rows int // that were put or deleted
	// Unread are the keys of messages that cannot be read: their rows were left as they
	// were.
	Unread []string
}

// errUnread says that a message is none of its table's.
var errUnread = errors.New("cannot be read")

// Reindex makes the index rows of all tables what their messages say. Every message
// type MUST be registered. It is for stores that nobody else uses: it may hold the
// turn for long.
func Reindex(tx Tx, s Schema) (mended Mended, err error) {
	for _, table := range slices.Sorted(maps.Keys(s.Indexes)) {
		mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(table))
		if err != nil {
			return mended, fmt.Errorf("the table %s: %w", table, err)
		}
		r := reindexing{tx: tx, table: table, fields: s.Indexes[table], message: mt, mended: &mended}
		if err := errors.Join(r.drop(), r.add()); err != nil {
			return mended, fmt.Errorf("the table %s: %w", table, err)
		}
	}
	return mended, nil
}

// Row is the message at a key of a table, encoded.
type Row struct {
	Table, Key string
	Value      []byte
}

// Overwrite puts the row in place of what stands there, with its index rows, as the
// table's Put does for who knows the message. Its type MUST be registered.
func Overwrite(tx Tx, s Schema, row Row) error {
	mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(row.Table))
	if err != nil {
		return fmt.Errorf("the table %s: %w", row.Table, err)
	}
	r := reindexing{tx: tx, table: row.Table, fields: s.Indexes[row.Table], message: mt}
	old, err := r.wanted(row.Key)
	if err != nil {
		return err
	}
	now, err := r.rows(row.Key, row.Value)
	if err != nil {
		return err
	}
	if err := move(tx, old, now); err != nil {
		return err
	}
	return tx.Put(row.Table, []byte(row.Key), row.Value)
}

// reindexing mends the index rows of one table.
type reindexing struct {
	tx      Tx
	table   string
	fields  []string
	message protoreflect.MessageType
	mended  *Mended
}

// drop deletes the rows that no message asks for.
func (r reindexing) drop() error {
	for _, field := range r.fields {
		bucket := r.table + "." + field
		for row, err := range r.tx.Scan(bucket, nil, nil) {
			if err != nil {
				return err
			}
			_, key, _ := strings.Cut(string(row.Key), "\x00")
			wanted, err := r.wanted(key)
			if unread(err) || slices.Contains(wanted, entry{bucket, string(row.Key)}) {
				continue
			}
			if err != nil {
				return err
			}
			r.mended.Rows++
			if err := r.tx.Delete(bucket, row.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// wanted lists the rows of the message at key, none if there is none.
func (r reindexing) wanted(key string) ([]entry, error) {
	b, there, err := Seek(r.tx, r.table, []byte(key))
	if err != nil || !there {
		return nil, err
	}
	return r.rows(key, b)
}

func (r reindexing) rows(key string, b []byte) ([]entry, error) {
	m := r.message.New().Interface()
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%q %w: %w", key, errUnread, err)
	}
	return rowsOf(r.table, key, m, r.fields)
}

// unread says whether the error is of a single message.
func unread(err error) bool { return errors.Is(err, errUnread) || errors.Is(err, errZero) }

// add puts the rows that are missing.
func (r reindexing) add() error {
	for record, err := range r.tx.Scan(r.table, nil, nil) {
		if err != nil {
			return err
		}
		wanted, err := r.rows(string(record.Key), record.Value)
		if unread(err) {
			r.mended.Unread = append(r.mended.Unread, string(record.Key))
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range wanted {
			if err := r.put(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r reindexing) put(e entry) error {
	_, there, err := Seek(r.tx, e.bucket, []byte(e.key))
	if err != nil || there {
		return err
	}
	r.mended.Rows++
	return r.tx.Put(e.bucket, []byte(e.key), nil)
}
