package witness

import (
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// What was cosigned becomes an entry of one's own log so often, for each log.
const (
	testifyEvery   = time.Minute
	testifyEntries = 1000
)

// cosignatures are the records of what was cosigned, one for each log.
var cosignatures = store.Table[*federationv1.Cosignature]{
	Bucket: string((*federationv1.Cosignature)(nil).ProtoReflect().Descriptor().FullName()),
	Key:    (*federationv1.Cosignature).GetName,
}

// due says whether the mirror stands otherwise than what was said of it last, and whether
// that is long enough ago, or enough has come since.
func due(before *federationv1.Cosignature, row *federationv1.Mirror, now time.Time) bool {
	switch {
	case row.GetOrigin() != before.GetOrigin(), row.GetSize() >= before.GetSize()+testifyEntries:
		return true
	case row.GetSize() == before.GetSize() && row.GetBackdatedCount() == before.GetBackdatedCount():
		return false
	default:
		return !now.Before(before.GetUpdateTime().AsTime().Add(testifyEvery))
	}
}

// Testify writes into this installation's own log how the mirror stands whose row that
// is, with the note that was cosigned, so that whoever holds the head of the one log
// holds that of the other. It does so seldom, unless the log was frozen: then the note
// is that of the second history.
func (w Witness) Testify(tx store.Tx, row *federationv1.Mirror, note string, frozen bool) error {
	name, now := row.GetName()+"/cosignature", w.Book.Clock()
	before, there, err := cosignatures.Seek(tx, name)
	switch {
	case err != nil:
		return err
	case there && !frozen && !due(before, row, now):
		return nil
	}
	rev, err := w.Book.Log.Next(tx, name)
	if err != nil {
		return err
	}
	c := &federationv1.Cosignature{
		Name: name, Origin: row.GetOrigin(), Unit: row.GetUnit(), Size: row.GetSize(), Note: note, Frozen: frozen,
		CreateTime: timestamppb.New(now), UpdateTime: timestamppb.New(now), Etag: strconv.FormatUint(rev, 10),
		BackdatedCount: row.GetBackdatedCount(), BackdatedSeqs: row.GetBackdatedSeqs(),
	}
	if before.GetCreateTime() != nil {
		c.CreateTime = before.GetCreateTime()
	}
	if err := cosignatures.Put(tx, c); err != nil {
		return fmt.Errorf("keeping a cosignature: %w", err)
	}
	return w.say(tx, "federation.checkpoint.cosigned.v1", name, rev, c)
}
