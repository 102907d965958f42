package fsck

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// gone says whether the log has noted that it got the entry back without what opens the
// commitment. That it has signed so is settled once it is known by which key.
func (c *check) gone(seq uint64, e *feedv1.Entry, promise *feedv1.Commitment) (bool, error) {
	key := append(number(seq), promise.GetLabel()...)
	signature, noted, err := store.Seek(c.tx, feed.GoneBucket, key)
	if err != nil || !noted {
		return false, err
	}
	c.report.Lost++
	if !c.lost[e.GetSubject()] {
		c.lost[e.GetSubject()] = true
		c.report.LostOf = append(c.report.LostOf, e.GetSubject())
	}
	_, opened, err := store.Seek(c.tx, feed.OpeningsBucket, key)
	if err != nil {
		return false, err
	}
	if opened {
		c.wrong(int64(seq), e.GetSubject(), "its commitment %s is noted as lost with a tail, and is opened", promise.GetLabel())
		return false, nil
	}
	text := fmt.Sprintf("duban gone with a tail\n%s\n%d %s %x\n", c.era, seq, promise.GetLabel(), promise.GetDigest())
	c.said = append(c.said, saying{seq, e.GetSubject(), c.era, "MISSING: nothing opens its commitment " + promise.GetLabel() + ", and that it was lost with a tail", func(v note.Verifier) string {
		if v.Verify([]byte(text), signature) {
			return ""
		}
		return "is not signed by the log"
	}})
	return true, nil
}
