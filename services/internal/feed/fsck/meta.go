package fsck

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// meta goes through the rows that are the log's own, by their keys. Size and root are
// looked at before; that a store was made anew is for who knows of others.
func (c *check) meta() error {
	var aim *store.Entry // where the log comes to with its tail
	for row, err := range c.tx.Scan(feed.MetaBucket, nil, nil) {
		if err != nil {
			return fmt.Errorf("reading %s: %w", feed.MetaBucket, err)
		}
		switch string(row.Key) {
		case feed.HeadKey, feed.CheckpointKey, feed.AnewKey:
		case feed.LostKey:
			aim = &row
		default:
			c.wrong(None, "", "%s has under %q what nobody reads", feed.MetaBucket, row.Key)
		}
	}
	return c.tail(aim)
}

// tail looks at what waits to be taken over, from the log's end on: with an aim all of it is there, and the next
// start takes it over; without one that forgets it, whatever part of it is there. Anything else no start takes.
func (c *check) tail(aim *store.Entry) error {
	grown := tree{c.tree.size, slices.Clone(c.tree.full)}
	for row, err := range c.tx.Scan(feed.LostBucket, nil, nil) {
		if err != nil {
			return fmt.Errorf("reading %s: %w", feed.LostBucket, err)
		}
		r := &feedv1.Record{}
		err := proto.Unmarshal(row.Value, r)
		e, unread := parse(r.GetEntry())
		if err == nil && unread == nil && e.GetSeq() == grown.size && bytes.Equal(row.Key, number(grown.size)) {
			c.report.Waiting++
		} else {
			c.wrong(None, "", "%s is damaged: what it has under %x is not entry %d, which the log lacks", feed.LostBucket, row.Key, grown.size)
		}
		grown.push(tlog.RecordHash(r.GetEntry()))
	}
	if aim == nil {
		return nil
	}
	var end []byte
	if grown.size > c.tree.size {
		root := grown.root()
		end = append(number(grown.size), root[:]...)
	}
	if !bytes.Equal(aim.Value, end) {
		c.wrong(None, "", "the tail that waits to be taken over does not lead to where the log was: the next start holds the log")
	}
	return nil
}
