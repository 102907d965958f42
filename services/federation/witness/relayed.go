package witness

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket is where whom those below have enrolled is kept: installations/510104 →
// installation that relays it, 0x00, Installation.
const Bucket = "relayed"

// Relayed reads an installation that another has enrolled, and which one that is;
// none is no error, and all of it zero.
func Relayed(tx store.Tx, name string) (in *federationv1.Installation, via string, err error) {
	b, there, err := store.Seek(tx, Bucket, []byte(name))
	if err != nil || !there {
		return nil, "", err
	}
	by, rest, _ := bytes.Cut(b, []byte{0})
	in = &federationv1.Installation{}
	if err := proto.Unmarshal(rest, in); err != nil {
		return nil, "", fmt.Errorf("reading the relayed %s: %w", name, err)
	}
	return in, string(by), nil
}

// relay takes the enrolment of an installation further down. One that is enrolled
// here, or relayed by another, stays as it is, which the mirror's row tells of in the second
// case, and one whose unit is another's is not believed.
func (l lesson) relay(e *feedv1.Entry) error {
	in, err := feed.Body[*federationv1.Installation](e)
	if err != nil || in == nil {
		return nil // what cannot be read is a newer contract's; its logs stay unknown
	}
	_, err = l.Enrolled(l.tx, in.GetName())
	if !errors.Is(err, authz.ErrNotFound) {
		return err
	}
	_, via, err := Relayed(l.tx, in.GetName())
	if err != nil {
		return err
	}
	if via != "" && via != l.row.GetVia() {
		federation.RefuseUnit(l.row, l.refused(e.GetSeq(), in.GetUnit(), federationv1.RefusedUnit_REASON_TAKEN))
		return nil // the unit may well be theirs: only that installation is not taken
	}
	if mine, err := l.claim(e.GetSeq(), in.GetUnit()); err != nil || !mine {
		return err
	}
	b, err := proto.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding a relayed enrolment: %w", err)
	}
	return l.tx.Put(Bucket, []byte(in.GetName()), append([]byte(l.row.GetVia()+"\x00"), b...))
}
