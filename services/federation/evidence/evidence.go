// Package evidence keeps what is proved against mirrored logs: of each the newest of its
// era, for whoever verifies it. What proves something, and what it is worth, is for package
// federation.
package evidence

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket is where it lies: 510100.rectification → Evidence; once there is some about a later
// era, 510100.rectification.1.
const Bucket = "evidence"

// Keep keeps evidence about a log, which is pushed by that name. That of an era before stays
// beside it.
func Keep(tx store.Tx, log string, e *federationv1.Evidence) error {
	o, _ := federation.ParseLog(log)
	was, err := read(tx, o.Feed())
	if err == nil && was.GetOrigin() != e.GetOrigin() {
		of, _ := federation.ParseLog(federation.Relayed(was.GetOrigin(), o.Unit))
		err = put(tx, of.Past(), was)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return put(tx, o.Feed(), e)
}

// Of reads what is proved against the log that is pushed by that name, or store.ErrNotFound. What
// was proved of it in another era is nothing against this one.
func Of(tx store.Tx, log string) (*federationv1.Evidence, error) {
	o, _ := federation.ParseLog(log)
	for _, key := range []string{o.Feed(), o.Past()} {
		e, err := read(tx, key)
		if err == nil && e.GetOrigin() != federation.OriginOf(log) || errors.Is(err, store.ErrNotFound) {
			continue
		}
		return e, err
	}
	return nil, store.ErrNotFound
}

// Forget drops what Of reads.
func Forget(tx store.Tx, log string) error {
	o, _ := federation.ParseLog(log)
	if e, err := read(tx, o.Feed()); err != nil || e.GetOrigin() != federation.OriginOf(log) {
		return err
	}
	return tx.Delete(Bucket, []byte(o.Feed()))
}

func read(tx store.Tx, key string) (*federationv1.Evidence, error) {
	b, err := tx.Get(Bucket, []byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	e := &federationv1.Evidence{}
	if err = errors.Join(err, proto.Unmarshal(b, e)); err != nil {
		return nil, fmt.Errorf("reading the evidence on %s: %w", key, err)
	}
	return e, nil
}

func put(tx store.Tx, key string, e *federationv1.Evidence) error {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding evidence: %w", err)
	}
	return tx.Put(Bucket, []byte(key), b)
}
