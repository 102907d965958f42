// Package recheck holds what complaint keeps outside of its feed, encrypted contents
// and identities and what receipts lead to, against the digests that each case (投诉举报件)
// commits to, for fsck. It shares no code with those who write them, decrypts nothing
// and needs no key. That the cases stand as the feed says is checked by package fsck.
// Orders that wait to be entered are not looked at: no case commits to them.
package recheck

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// The buckets: cases, contents and identities by the case's name; receipts by a keyed
// hash, with the case's name as value.
const (
	cases      = "duban.complaint.v1.Complaint"
	contents   = "complaint.contents"
	identities = "complaint.identities"
	receipts   = "complaint.receipts"
)

// Cases calls wrong for every case of which something else is kept than it commits to,
// and for every row that belongs to no case. What a case commits to no longer, as once
// it was shredded, is to be gone. It holds the name of each case that a receipt leads to.
func Cases(tx store.Tx, wrong func(name, what string)) error {
	c := check{tx, wrong, map[string]bool{}}
	for _, step := range []struct {
		bucket string
		look   func(store.Entry) error
	}{{receipts, c.receipt}, {contents, c.belongs(contents)}, {identities, c.belongs(identities)}, {cases, c.held}} {
		for row, err := range tx.Scan(step.bucket, nil, nil) {
			if err != nil {
				return fmt.Errorf("reading %s: %w", step.bucket, err)
			}
			if err := step.look(row); err != nil {
				return err
			}
		}
	}
	return nil
}

type check struct {
	tx    store.Tx
	wrong func(name, what string)
	led   map[string]bool // the cases that their receipt leads to
}

// receipt looks where a receipt leads.
func (c *check) receipt(row store.Entry) error {
	name := string(row.Value)
	found, err := c.find(name)
	switch d := found.GetDigests(); {
	case err != nil:
		return err
	case found == nil:
		c.wrong("", receipts+" has a row that leads to no case")
	case d != nil && !bytes.Equal(digest(receipts, row.Key, row.Value), d.GetReceipt()):
		c.wrong(name, receipts+" has a row that leads to it and is not its own")
	default:
		c.led[name] = true
	}
	return nil
}

// belongs looks whether there is a case for a row of the bucket.
func (c *check) belongs(bucket string) func(store.Entry) error {
	return func(row store.Entry) error {
		found, err := c.find(string(row.Key))
		if err == nil && found == nil {
			c.wrong(string(row.Key), bucket+" has a row of it, and there is no such case")
		}
		return err
	}
}

// held looks for what a case commits to; one from before digests were kept commits to
// nothing.
func (c *check) held(row store.Entry) error {
	is := &complaintv1.Complaint{}
	if proto.Unmarshal(row.Value, is) != nil || is.GetDigests() == nil {
		return nil // a record that cannot be read is wrong, and said to be
	}
	if len(is.GetDigests().GetReceipt()) > 0 && !c.led[string(row.Key)] {
		c.wrong(string(row.Key), "its row in "+receipts+" is missing or altered")
	}
	return errors.Join(
		c.compare(contents, row.Key, is.GetDigests().GetContent()),
		c.compare(identities, row.Key, is.GetDigests().GetIdentity()),
	)
}

// compare holds the row that lies under the case's name against the digest.
func (c *check) compare(bucket string, name, committed []byte) error {
	value, there, err := store.Seek(c.tx, bucket, name)
	switch {
	case err != nil:
		return fmt.Errorf("reading %s: %w", bucket, err)
	case !there && len(committed) > 0:
		c.wrong(string(name), "its row in "+bucket+" is missing")
	case !there:
	case len(committed) == 0:
		c.wrong(string(name), bucket+" has a row of it, and it commits to none")
	case !bytes.Equal(digest(bucket, name, value), committed):
		c.wrong(string(name), "its row in "+bucket+" is not the one that it commits to")
	}
	return nil
}

// find returns a case, or nil if there is none; one that cannot be read is empty.
func (c *check) find(name string) (*complaintv1.Complaint, error) {
	b, there, err := store.Seek(c.tx, cases, []byte(name))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading a case: %w", err)
	case !there:
		return nil, nil
	}
	found := &complaintv1.Complaint{}
	if proto.Unmarshal(b, found) != nil {
		return &complaintv1.Complaint{}, nil
	}
	return found, nil
}

// digest is what a case commits to of a row: see the contract.
func digest(bucket string, key, value []byte) []byte {
	sum := sha256.New()
	sum.Write([]byte("duban/row/v1\x00"))
	for _, part := range [][]byte{[]byte(bucket), key, value} {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		sum.Write(size[:])
		sum.Write(part)
	}
	return sum.Sum(nil)
}
