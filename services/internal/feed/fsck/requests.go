package fsck

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/duban-project/duban/services/internal/store"
)

// The buckets of remembered requests: principal 0x00 id → time and answer, and
// time, principal 0x00 id → SHA-256 of the other key and its value, or nothing, as builds
// from before wrote it. A time is eight bytes; after it come 32 of the request's digest and
// four that say how many bytes of units follow.
const (
	requestsBucket = "requests"
	agesBucket     = "requests.age"

	timeSize    = 8
	requestSize = timeSize + 32 + 4
)

// requests holds the two buckets of remembered requests against each other. The
// keys are shown in hexadecimal: a client chose a part of them.
func (c *check) requests(ctx context.Context) error {
	for row, err := range c.tx.Scan(requestsBucket, nil, nil) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("reading remembered requests: %w", err)
		}
		if len(row.Value) < requestSize || uint64(binary.BigEndian.Uint32(row.Value[requestSize-4:])) > uint64(len(row.Value)-requestSize) {
			c.wrong(None, "", "%s has under %x what is no remembered request", requestsBucket, row.Key)
			continue
		}
		sum, there, err := store.Seek(c.tx, agesBucket, slices.Concat(row.Value[:timeSize], row.Key))
		if err != nil {
			return err
		}
		if !there {
			c.wrong(None, "", "%s has %x, which %s does not have at its time: it would never be forgotten", requestsBucket, row.Key, agesBucket)
			continue
		}
		if !remembered(row, sum) {
			c.wrong(None, "", "%s has under %x another answer than was remembered", requestsBucket, row.Key)
		}
	}
	return c.ages(ctx)
}

// remembered says whether a row is what was written. One from before sums were kept is, if
// its answer is a message of any kind.
func remembered(row store.Entry, sum []byte) bool {
	if len(sum) > 0 {
		is := sha256.Sum256(slices.Concat(row.Key, row.Value))
		return bytes.Equal(sum, is[:])
	}
	answer := row.Value[requestSize+binary.BigEndian.Uint32(row.Value[requestSize-4:]):]
	return proto.Unmarshal(answer, &emptypb.Empty{}) == nil
}

// ages looks for the remembered request of every age.
func (c *check) ages(ctx context.Context) error {
	for row, err := range c.tx.Scan(agesBucket, nil, nil) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("reading the ages of requests: %w", err)
		}
		at, key := row.Key[:min(timeSize, len(row.Key))], row.Key[min(timeSize, len(row.Key)):]
		kept, there, err := store.Seek(c.tx, requestsBucket, key)
		switch {
		case err != nil:
			return err
		case !there:
			c.wrong(None, "", "%s has %x, and %s does not", agesBucket, row.Key, requestsBucket)
		case !bytes.HasPrefix(kept, at):
			c.wrong(None, "", "%s has %x at another time than %s", agesBucket, row.Key, requestsBucket)
		}
	}
	return nil
}
