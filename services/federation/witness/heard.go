package witness

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// HeardBucket is where what those enrolled here have said in their own logs of what is
// backdated in a log that they relay is kept: installations/510100/510104~510104.rectification →
// Cosignature, of which there is no more than that.
const HeardBucket = "heard"

// HeardForm is of its rows.
var HeardForm = store.Shaped(func(_, value []byte) bool {
	c := &federationv1.Cosignature{}
	return proto.Unmarshal(value, c) == nil && c.GetBackdatedCount() > 0 && len(c.ProtoReflect().GetUnknown()) == 0
})

// hear takes what an installation that is enrolled here says of a log that it has cosigned:
// of its own it says nothing that counts, and for another nobody speaks.
func (l lesson) hear(e *feedv1.Entry) error {
	c, err := feed.Body[*federationv1.Cosignature](e)
	of, ok := federation.ParseLog(federation.Relayed(c.GetOrigin(), c.GetUnit()))
	if err != nil || !ok || c.GetBackdatedCount() == 0 || l.row.GetVia() != l.installation() {
		return nil
	}
	b, err := proto.Marshal(&federationv1.Cosignature{BackdatedCount: c.GetBackdatedCount(), BackdatedSeqs: c.GetBackdatedSeqs()})
	if err != nil {
		return fmt.Errorf("encoding what is backdated: %w", err)
	}
	return l.tx.Put(HeardBucket, []byte(l.installation()+"/"+of.Feed()), b)
}

// Hear sets on the row of a mirror that is relayed what is backdated in it, as who relays it
// here has said. That never becomes less.
func Hear(tx store.Tx, row *federationv1.Mirror, of federation.Origin) error {
	b, there, err := store.Seek(tx, HeardBucket, []byte(row.GetVia()+"/"+of.Feed()))
	if err != nil || !there {
		return err
	}
	c := &federationv1.Cosignature{}
	if err := proto.Unmarshal(b, c); err != nil {
		return fmt.Errorf("reading what is backdated in %s: %w", of.Feed(), err)
	}
	if c.GetBackdatedCount() > row.GetBackdatedCount() {
		row.BackdatedCount, row.BackdatedSeqs = c.GetBackdatedCount(), c.GetBackdatedSeqs()[:min(len(c.GetBackdatedSeqs()), federation.MaxListed)]
	}
	return nil
}
