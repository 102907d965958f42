package intact

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Reading is how far a role has read a feed: what it has read was there.
type Reading struct {
	By, Feed string
	feed.Place
}

const (
	own     = ".cursors"        // behind the role: what it follows → a place
	figures = "figures.cursors" // feed → a number, two moments, and the id
	moments = 16

	// again stands behind the name of a feed that is read a second time, for another end.
	again = ".issued"
)

// Readings are those that a role's store keeps. What cannot be read is passed over.
func Readings(tx store.Tx, role string) (all []Reading, err error) {
	for bucket, between := range map[string]int{role + own: 0, figures: moments} {
		for row, err := range tx.Scan(bucket, nil, nil) {
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", bucket, err)
			}
			if len(row.Value) < 8+between {
				continue
			}
			r := Reading{By: role, Feed: FeedOf(row.Key)}
			r.Next, r.ID = binary.BigEndian.Uint64(row.Value), bytes.Clone(row.Value[8+between:])
			all = append(all, r)
		}
	}
	return all, nil
}

// FeedOf is the feed whose place stands under the key.
func FeedOf(key []byte) string { return strings.TrimSuffix(string(key), again) }

// Lacks says what the feed of that size does not have of what was read of it, "" if it
// has all.
func (r Reading) Lacks(tx store.Tx, size uint64) (what string, err error) {
	if r.Next > size {
		return fmt.Sprintf("it has %d entries, and %s has read %d of it", size, r.By, r.Next), nil
	}
	if r.Next == 0 || len(r.ID) == 0 {
		return "", nil
	}
	b, err := tx.Get(feed.EntriesBucket, store.Number(r.Next-1))
	if err != nil {
		return "", fmt.Errorf("reading entry %d: %w", r.Next-1, err)
	}
	e := &feedv1.Entry{}
	if err := proto.Unmarshal(b, e); err != nil {
		return "", fmt.Errorf("reading entry %d: %w", r.Next-1, err)
	}
	if !bytes.Equal(e.GetId(), r.ID) {
		return fmt.Sprintf("its entry %d is not the one that %s has read", r.Next-1, r.By), nil
	}
	return "", nil
}

// Anew says whether the store of a log was made when others of its installation had
// entries.
func Anew(tx store.Tx) (bool, error) {
	_, anew, err := store.Seek(tx, feed.MetaBucket, []byte(feed.AnewKey))
	return anew, err
}
