package witness

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket is where whom those below have enrolled is kept: installations/510104~510104 →
// installation that relays it, 0x00, the one that has enrolled it, 0x00, Installation.
const Bucket = "relayed"

// further is what is kept of an installation that another has enrolled.
type further struct {
	in  *federationv1.Installation
	via string // relays it
	by  string // has enrolled it
}

// Relayed reads an installation that another has enrolled, by its name here, and which one
// relays it; none is no error, and all of it zero.
func Relayed(tx store.Tx, name string) (in *federationv1.Installation, via string, err error) {
	b, there, err := store.Seek(tx, Bucket, []byte(name))
	if err != nil || !there {
		return nil, "", err
	}
	f, err := read(name, b)
	return f.in, f.via, err
}

func read(name string, b []byte) (f further, err error) {
	parts := bytes.SplitN(b, []byte{0}, 3)
	if len(parts) < 3 {
		return f, fmt.Errorf("reading the relayed %s: it is cut off", name)
	}
	f = further{&federationv1.Installation{}, string(parts[0]), string(parts[1])}
	if err := proto.Unmarshal(parts[2], f.in); err != nil {
		return f, fmt.Errorf("reading the relayed %s: %w", name, err)
	}
	return f, nil
}

// relay takes the enrolment of an installation further down, if its unit is the enroller's. One
// that another had enrolled before and given up goes on with this one, if it is the same.
func (l lesson) relay(e *feedv1.Entry) error {
	in, err := feed.Body[*federationv1.Installation](e)
	if err != nil {
		return nil // what cannot be read is a newer contract's; its logs stay unknown
	}
	name, ok := federation.Further(in)
	if !ok {
		return nil
	}
	b, there, err := store.Seek(l.tx, Bucket, []byte(name))
	if err != nil {
		return err
	}
	if there {
		was, err := read(name, b)
		if err != nil {
			return err
		}
		if was.by != l.installation() && !federation.CarriesOn(in, was.in) {
			return l.refuse(e.GetSeq(), in.GetUnit(), federationv1.RefusedUnit_REASON_TAKEN)
		}
	}
	if mine, err := l.claim(e.GetSeq(), in.GetUnit()); err != nil || !mine {
		return err
	}
	if b, err = proto.Marshal(in); err != nil {
		return fmt.Errorf("encoding a relayed enrolment: %w", err)
	}
	return l.tx.Put(Bucket, []byte(name), append([]byte(l.row.GetVia()+"\x00"+l.installation()+"\x00"), b...))
}

// holder looks up who has a unit, as owner does; one that was the root of installations that
// its owner has all revoked is free for another.
func (l lesson) holder(unit string) (federation.Owner, error) {
	o, err := l.owner(unit)
	if err != nil || !o.Held || o.Installation == "" || o.Installation == l.installation() {
		return o, err
	}
	free := false
	for row, err := range l.tx.Scan(Bucket, nil, nil) {
		if err != nil {
			return o, fmt.Errorf("listing who is relayed: %w", err)
		}
		f, err := read(string(row.Key), row.Value)
		if err != nil {
			return o, err
		}
		if f.by != o.Installation || f.in.GetUnit() != unit {
			continue
		}
		if free = f.in.GetState() == federationv1.Installation_STATE_REVOKED; !free {
			return o, nil
		}
	}
	if free {
		return federation.Owner{}, nil
	}
	return o, nil
}
