package fsck

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// subject is what the entries say of one resource so far.
type subject struct {
	rev, seq uint64
	leaf     tlog.Hash
	bucket   protoreflect.FullName // where its record must lie; "" if it is gone
	record   [sha256.Size]byte     // of the record, encoded deterministically
	blind    bool                  // the entries do not say what the record is
	chained  bool                  // its row in the subjects bucket was seen
	found    bool                  // its record was seen
}

// row is what the subjects bucket must have of it.
func (s *subject) row() []byte {
	return append(append(number(s.rev), number(s.seq)...), s.leaf[:]...)
}

// change checks the entry against its subject's chain and folds it.
func (c *check) change(seq uint64, leaf tlog.Hash, e *feedv1.Entry) error {
	s := c.subjects[e.GetSubject()]
	if s == nil {
		s = &subject{}
		c.subjects[e.GetSubject()] = s
		c.report.Subjects++
	}
	var prev []byte
	if s.rev > 0 {
		prev = s.leaf[:]
	}
	switch {
	case e.GetRev() != s.rev+1:
		c.wrong(int64(seq), e.GetSubject(), "its rev is %d and should be %d", e.GetRev(), s.rev+1)
	case !bytes.Equal(e.GetPrev(), prev):
		c.wrong(int64(seq), e.GetSubject(), "it does not follow its subject's entry before")
	}
	*s = subject{rev: e.GetRev(), seq: seq, leaf: leaf}
	if c.expect.Mirror != nil {
		return c.opened(seq, e)
	}
	return c.fold(s, e)
}

// opened holds what opens a mirrored entry's commitments against them, whatever
// it is.
func (c *check) opened(seq uint64, e *feedv1.Entry) error {
	for _, promise := range e.GetSealed() {
		switch o, err := c.opening(seq, e, promise); {
		case errors.Is(err, store.ErrNotFound):
			c.report.Withheld++
		case err != nil:
			return err
		case o == nil:
			c.wrong(int64(seq), e.GetSubject(), "what should open its commitment %s does not", promise.GetLabel())
		}
	}
	return nil
}

// fold computes the record after e.
func (c *check) fold(s *subject, e *feedv1.Entry) error {
	if e.GetBody() == nil {
		return nil
	}
	m, err := c.read(e.GetBody().MessageName(), e.GetBody().GetValue(), "")
	if err != nil {
		c.wrong(int64(s.seq), e.GetSubject(), "its body %v", err)
		s.blind = true
	}
	for _, promise := range e.GetSealed() {
		gone, err := c.gone(s.seq, e, promise)
		if err != nil {
			return err
		}
		if gone { // the record was made without it
			continue
		}
		sealed, err := c.open(s, e, promise)
		if err != nil {
			return err
		}
		if sealed == nil || m == nil {
			s.blind = true
			continue
		}
		proto.Merge(m, sealed)
	}
	s.bucket = e.GetBody().MessageName()
	if s.blind {
		return nil
	}
	s.record, err = digest(m)
	return err
}

// open returns what stands behind a commitment, or nil after a finding.
func (c *check) open(s *subject, e *feedv1.Entry, promise *feedv1.Commitment) (proto.Message, error) {
	o, err := c.opening(s.seq, e, promise)
	if errors.Is(err, store.ErrNotFound) {
		c.wrong(int64(s.seq), e.GetSubject(), "MISSING: nothing opens its commitment %s", promise.GetLabel())
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if o == nil {
		c.wrong(int64(s.seq), e.GetSubject(), "what should open its commitment %s does not", promise.GetLabel())
		return nil, nil
	}
	m, err := c.read(e.GetBody().MessageName(), o.GetPayload(), promise.GetLabel())
	if err != nil {
		c.wrong(int64(s.seq), e.GetSubject(), "what its commitment %s holds %v", promise.GetLabel(), err)
		return nil, nil
	}
	return m, nil
}

// opening reads what opens a commitment, or store.ErrNotFound; nil if it does not.
func (c *check) opening(seq uint64, e *feedv1.Entry, promise *feedv1.Commitment) (*feedv1.Opening, error) {
	b, err := c.tx.Get(feed.OpeningsBucket, append(number(seq), promise.GetLabel()...))
	if err != nil {
		return nil, err
	}
	c.report.Openings++
	o := &feedv1.Opening{}
	if proto.Unmarshal(b, o) != nil || len(o.GetSalt()) != feed.SaltSize || !opens(c.origin, e.GetId(), promise, o) {
		return nil, nil
	}
	return o, nil
}

func opens(origin string, id []byte, promise *feedv1.Commitment, o *feedv1.Opening) bool {
	digest := feed.Digest(origin, id, promise.GetLabel(), o)
	return bytes.Equal(digest[:], promise.GetDigest())
}

// read decodes a part of a resource in which every field has the same label.
func (c *check) read(name protoreflect.FullName, b []byte, label string) (proto.Message, error) {
	mt, err := c.types.FindMessageByName(name)
	if err != nil {
		return nil, fmt.Errorf("is of the unknown type %q", name)
	}
	m := mt.New()
	if proto.Unmarshal(b, m.Interface()) != nil {
		return nil, fmt.Errorf("is no %s", name)
	}
	if len(m.GetUnknown()) > 0 {
		return nil, errors.New("has fields that are not known here")
	}
	m.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if feed.Label(fd) != label {
			err = fmt.Errorf("has the field %s, which stands elsewhere", fd.Name())
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return m.Interface(), nil
}

func digest(m proto.Message) ([sha256.Size]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	return sha256.Sum256(b), err
}

// chains compares the subjects bucket.
func (c *check) chains() error {
	for row, err := range c.tx.Scan(feed.SubjectsBucket, nil, nil) {
		if err != nil {
			return fmt.Errorf("reading chains: %w", err)
		}
		s := c.subjects[string(row.Key)]
		if s == nil {
			c.wrong(None, string(row.Key), "it has a chain and no entry")
			continue
		}
		s.chained = true
		if !bytes.Equal(row.Value, s.row()) {
			c.wrong(int64(s.seq), string(row.Key), "its subject's chain does not end with it")
		}
	}
	for name, s := range c.subjects {
		if !s.chained {
			c.wrong(int64(s.seq), name, "its subject's chain is missing")
		}
	}
	return nil
}

// records compares what the entries add up to with the records, of every type
// of message that there is.
func (c *check) records(ctx context.Context) (err error) {
	c.types.RangeMessages(func(mt protoreflect.MessageType) bool {
		err = c.bucket(ctx, mt)
		return err == nil
	})
	if err != nil {
		return err
	}
	for name, s := range c.subjects {
		if s.bucket != "" && !s.found {
			c.wrong(int64(s.seq), name, "its record is missing")
		}
	}
	return nil
}

func (c *check) bucket(ctx context.Context, mt protoreflect.MessageType) error {
	bucket := mt.Descriptor().FullName()
	for row, err := range c.tx.Scan(string(bucket), nil, nil) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("reading records of %s: %w", bucket, err)
		}
		if err := c.record(mt, row); err != nil {
			return fmt.Errorf("checking a record of %s: %w", bucket, err)
		}
	}
	return nil
}

// record compares one record with what its entries add up to.
func (c *check) record(mt protoreflect.MessageType, row store.Entry) error {
	name := string(row.Key)
	s := c.subjects[name]
	switch {
	case s == nil:
		c.wrong(None, name, "the %s has no entry", mt.Descriptor().Name())
		return nil
	case s.bucket != mt.Descriptor().FullName():
		c.wrong(int64(s.seq), name, "there is a %s, and by its subject's last entry there is none", mt.Descriptor().Name())
		return nil
	}
	s.found = true
	if s.blind {
		return nil
	}
	m := mt.New().Interface()
	if proto.Unmarshal(row.Value, m) != nil {
		c.wrong(int64(s.seq), name, "its record cannot be read")
		return nil
	}
	got, err := digest(m)
	if err != nil {
		return err
	}
	if got != s.record {
		c.wrong(int64(s.seq), name, "its record differs from what the entries add up to")
	}
	if a, ok := m.(*blobv1.Attachment); ok {
		c.attachment(s.seq, a)
	}
	return nil
}
