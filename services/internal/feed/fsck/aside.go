package fsck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// indexes holds every index row against its record and every record against the
// rows that it must have.
func (c *check) indexes(ctx context.Context) error {
	for _, table := range slices.Sorted(maps.Keys(c.expect.Schema.Indexes)) {
		mt, err := c.types.FindMessageByName(protoreflect.FullName(table))
		if err != nil {
			return fmt.Errorf("the indexed table %s: %w", table, err)
		}
		for _, field := range c.expect.Schema.Indexes[table] {
			ix := index{c, table, table + "." + field, mt, mt.Descriptor().Fields().ByName(protoreflect.Name(field))}
			if ix.field == nil || ix.field.Kind() != protoreflect.StringKind {
				return fmt.Errorf("%s is no field of text", ix.bucket)
			}
			if err := errors.Join(ix.eachRow(ctx), ix.eachRecord(ctx)); err != nil {
				return fmt.Errorf("checking the index %s: %w", ix.bucket, err)
			}
		}
	}
	return nil
}

// index is the one that is being checked.
type index struct {
	*check
	table, bucket string
	message       protoreflect.MessageType
	field         protoreflect.FieldDescriptor
}

// eachRow looks for the record of every row.
func (ix index) eachRow(ctx context.Context) error {
	for row, err := range ix.tx.Scan(ix.bucket, nil, nil) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		ix.report.Rows++
		value, name, parted := strings.Cut(string(row.Key), "\x00")
		if !parted || len(row.Value) > 0 {
			ix.wrong(None, "", "%s has the row %q, which is none of an index", ix.bucket, row.Key)
			continue
		}
		b, there, err := store.Seek(ix.tx, ix.table, []byte(name))
		switch {
		case err != nil:
			return err
		case !there:
			ix.wrong(None, name, "%s has it under %q, and there is no such record", ix.bucket, value)
		case !slices.Contains(ix.says(b), value):
			ix.wrong(ix.last(name), name, "%s has it under %q, which the record does not say", ix.bucket, value)
		}
	}
	return nil
}

// eachRecord looks for the rows of every record.
func (ix index) eachRecord(ctx context.Context) error {
	for record, err := range ix.tx.Scan(ix.table, nil, nil) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		for _, value := range ix.says(record.Value) {
			_, there, err := store.Seek(ix.tx, ix.bucket, slices.Concat([]byte(value), []byte{0}, record.Key))
			if err != nil {
				return err
			}
			if name := string(record.Key); !there {
				ix.wrong(ix.last(name), name, "%s does not have it under %q: lists leave it out", ix.bucket, value)
			}
		}
	}
	return nil
}

// says returns the values that an encoded record has in the index's field. One
// that cannot be read says nothing; that it cannot is a finding of its own.
func (ix index) says(b []byte) (values []string) {
	m := ix.message.New()
	if proto.Unmarshal(b, m.Interface()) != nil || !m.Has(ix.field) {
		return nil
	}
	if !ix.field.IsList() {
		return []string{m.Get(ix.field).String()}
	}
	for i, list := 0, m.Get(ix.field).List(); i < list.Len(); i++ {
		if value := list.Get(i).String(); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// last is the newest entry of a record, if there is one.
func (c *check) last(name string) int64 {
	if s := c.subjects[name]; s != nil {
		return int64(s.seq)
	}
	return None
}

// buckets names those that hold something and belong to nothing.
func (c *check) buckets() error {
	names, err := c.tx.Buckets()
	if err != nil {
		return fmt.Errorf("listing the buckets: %w", err)
	}
	known := c.known()
	for _, name := range names {
		if _, err := c.types.FindMessageByName(protoreflect.FullName(name)); err == nil || known[name] || c.expect.Schema.Within(name) {
			continue // rows in a message's bucket must be records
		}
		for _, err := range c.tx.Scan(name, nil, nil) {
			if err != nil {
				return fmt.Errorf("reading the bucket %q: %w", name, err)
			}
			c.wrong(None, "", "the bucket %q belongs to nothing that the service keeps", name)
			break
		}
	}
	return nil
}

// forms names the rows that are none of those that the service keeps.
func (c *check) forms(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(c.expect.Schema.Forms)) {
		for row, err := range c.tx.Scan(name, nil, nil) {
			if err := errors.Join(err, ctx.Err()); err != nil {
				return fmt.Errorf("reading the bucket %q: %w", name, err)
			}
			what, err := c.expect.Schema.Forms[name](c.tx, row)
			if err != nil {
				return fmt.Errorf("checking the bucket %q: %w", name, err)
			}
			if what != "" {
				c.wrong(None, "", "%s has under %q %s", name, row.Key, what)
			}
		}
	}
	return nil
}

// known are the buckets that hold no records.
func (c *check) known() map[string]bool {
	known := map[string]bool{
		feed.EntriesBucket: true, feed.HashesBucket: true, feed.MetaBucket: true, feed.IDsBucket: true,
		feed.SubjectsBucket: true, feed.OpeningsBucket: true, feed.LostBucket: true, feed.GoneBucket: true, requestsBucket: true, agesBucket: true,
		store.VersionBucket: true,
	}
	for _, name := range c.expect.Schema.Buckets {
		known[name] = true
	}
	for table, fields := range c.expect.Schema.Indexes {
		for _, field := range fields {
			known[table+"."+field] = true
		}
	}
	return known
}
