package complaint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// Row is something that is kept of a case outside of the feed, as it is stored.
type Row struct {
	Bucket string
	Key    []byte
	Value  []byte
}

// Digest is what a case commits to the row by: see complaintv1.Digests.
func (r Row) Digest() []byte {
	b := []byte("duban/row/v1\x00")
	for _, part := range [][]byte{[]byte(r.Bucket), r.Key, r.Value} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// Held answers ErrContentMissing if the row is not the one to which the case commits by
// the digest, one of its own. A case that came in before digests were kept commits to
// none, and any row is taken for its own.
func (r Row) Held(c *complaintv1.Complaint, digest []byte) error {
	if c.GetDigests() != nil && !bytes.Equal(r.Digest(), digest) {
		return ErrContentMissing
	}
	return nil
}
