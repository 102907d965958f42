package fsck

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// entries goes through the log in its order.
func (c *check) entries(ctx context.Context) error {
	for row, err := range c.tx.Scan(feed.EntriesBucket, nil, nil) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("reading entry %d: %w", c.report.Entries, err)
		}
		if len(row.Key) != len(number(0)) {
			c.wrong(int64(c.report.Entries), "", "no entry stands under %x, which is no number", row.Key)
			continue
		}
		if err := c.entry(row); err != nil {
			return fmt.Errorf("checking entry %x: %w", row.Key, err)
		}
	}
	return nil
}

// gap passes over the entries that are missing before the number next, as far as the
// hashes say what they were.
func (c *check) gap(next []byte) error {
	for leaf := []byte(nil); !bytes.Equal(next, number(c.report.Entries)); c.grow(tlog.Hash(leaf[:tlog.HashSize])) {
		var err error
		leaf, _, err = store.Seek(c.tx, feed.HashesBucket, number(c.report.Entries))
		if err != nil || len(leaf) < tlog.HashSize {
			return err
		}
	}
	return nil
}

// grow gives the tree its next leaf, and returns what stands with it.
func (c *check) grow(leaf tlog.Hash) []byte {
	done := c.tree.push(leaf)
	if c.report.Entries = c.tree.size; c.tree.size == c.signed.Size {
		c.root = c.tree.root()
	}
	return done
}

// entry checks one row, which MUST be the next that there is.
func (c *check) entry(row store.Entry) error {
	if next := c.report.Entries; !bytes.Equal(row.Key, number(next)) {
		c.wrong(int64(next), "", "no entry stands under this number, and the next under %x", row.Key)
		if err := c.gap(row.Key); err != nil {
			return err
		}
	}
	seq := c.report.Entries
	e, wrong := parse(row.Value)
	if wrong != nil {
		c.wrong(int64(seq), e.GetSubject(), "the entry cannot be read: %v", wrong)
	}
	if wrong == nil {
		c.turned(seq, e)
	}
	leaf := tlog.RecordHash(row.Value)
	if err := c.hashes(seq, e.GetSubject(), leaf); err != nil || wrong != nil {
		return err
	}
	if e.GetSeq() != seq {
		c.wrong(int64(seq), e.GetSubject(), "the entry says it is %d", e.GetSeq())
	}
	c.time(seq, e)
	if err := c.id(seq, e); err != nil {
		return err
	}
	return c.change(seq, leaf, e)
}

// parse reads an entry and says what is wrong with it by itself. What it could
// read comes along.
func parse(b []byte) (*feedv1.Entry, error) {
	e := &feedv1.Entry{}
	if len(b) > feed.MaxEntry {
		return nil, fmt.Errorf("it has %d bytes", len(b))
	}
	if proto.Unmarshal(b, e) != nil {
		return nil, errors.New("it is no entry")
	}
	switch {
	case e.GetVersion() != 1:
		return e, fmt.Errorf("its version is %d", e.GetVersion())
	case len(e.ProtoReflect().GetUnknown()) > 0:
		return e, errors.New("it has unknown fields")
	case len(e.GetId()) != 16:
		return e, fmt.Errorf("its id has %d bytes", len(e.GetId()))
	case e.GetAt().CheckValid() != nil || e.GetEffective().CheckValid() != nil:
		return e, errors.New("a time of it is none")
	case e.GetKind() == "" || e.GetSubject() == "":
		return e, errors.New("it has no kind or no subject")
	case e.GetBody() == nil && len(e.GetSealed()) > 0:
		return e, errors.New("it has commitments without a body")
	}
	return e, promises(e.GetSealed())
}

// promises says what is wrong with an entry's commitments by themselves.
func promises(sealed []*feedv1.Commitment) error {
	last := ""
	for _, s := range sealed {
		if s.GetLabel() <= last || len(s.GetLabel()) > 32 {
			return fmt.Errorf("the label %.40q is out of order or too long", s.GetLabel())
		}
		if len(s.GetDigest()) != 32 {
			return fmt.Errorf("the commitment %s has %d bytes", s.GetLabel(), len(s.GetDigest()))
		}
		last = s.GetLabel()
	}
	return nil
}

// hashes compares the stored nodes that the entry completes.
func (c *check) hashes(seq uint64, subject string, leaf tlog.Hash) error {
	want := c.grow(leaf)
	got, there, err := store.Seek(c.tx, feed.HashesBucket, number(seq))
	switch {
	case err != nil:
		return err
	case !there:
		c.wrong(int64(seq), subject, "its hashes are missing")
	case !bytes.HasPrefix(got, leaf[:]):
		c.wrong(int64(seq), subject, "its bytes do not have the leaf hash that is stored")
	case !bytes.Equal(got, want):
		c.wrong(int64(seq), subject, "the tree's nodes above it are not those that are stored")
	}
	return nil
}

func (c *check) time(seq uint64, e *feedv1.Entry) {
	at := e.GetAt().AsTime()
	if at.Before(c.at) {
		c.wrong(int64(seq), e.GetSubject(), "its time is before that of the entry before")
	}
	c.at = at
}

func (c *check) id(seq uint64, e *feedv1.Entry) error {
	got, there, err := store.Seek(c.tx, feed.IDsBucket, e.GetId())
	switch {
	case err != nil:
		return err
	case !there:
		c.wrong(int64(seq), e.GetSubject(), "its id is not listed")
	case string(got) != string(number(seq)):
		c.wrong(int64(seq), e.GetSubject(), "its id is listed for another entry, %x", got)
	}
	return nil
}
