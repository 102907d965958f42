package recheck

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// known is what the store says of all mirrors.
type known struct {
	rows      map[string]*federationv1.Mirror         // by feed/era: the newest of each feed, and those that ended frozen
	kept      map[string]bool                         // feed/era that has entries
	keys      map[string][]string                     // by feed/era: by which it was enrolled
	origins   map[string]string                       // by feed/era: the log that was enrolled
	testified map[string]*federationv1.Cosignature    // by feed/era
	evidence  map[string]*federationv1.Evidence       // by feed
	relayed   map[string]*federationv1.Installation   // by name
	broken    []error                                 // rows that cannot be read
	said      map[string][]*federationv1.Installation // by name: in mirrored logs
}

func read(ctx context.Context, engine store.Engine) (*known, error) {
	k := &known{
		rows: map[string]*federationv1.Mirror{}, kept: map[string]bool{}, keys: map[string][]string{},
		origins: map[string]string{}, testified: map[string]*federationv1.Cosignature{}, evidence: map[string]*federationv1.Evidence{},
		relayed: map[string]*federationv1.Installation{}, said: map[string][]*federationv1.Installation{},
	}
	err := engine.View(ctx, func(tx store.Tx) error {
		for _, step := range []func(store.Tx) error{k.readRows, k.readEnrolled, k.readKept, k.readRelayed} {
			if err := step(tx); err != nil {
				return fmt.Errorf("reading what is mirrored: %w", err)
			}
		}
		return ctx.Err()
	})
	return k, err
}

// each decodes every row of a bucket, and notes which it cannot.
func each[M proto.Message](k *known, tx store.Tx, bucket string, decode func([]byte) (M, error), take func(key string, m M)) error {
	for row, err := range tx.Scan(bucket, nil, nil) {
		if err != nil {
			return err
		}
		m, err := decode(row.Value)
		if err != nil {
			k.broken = append(k.broken, fmt.Errorf("%s has under %q what cannot be read", bucket, row.Key))
			continue
		}
		take(string(row.Key), m)
	}
	return nil
}

func decoded[M any, P interface {
	*M
	proto.Message
}](b []byte) (P, error) {
	m := P(new(M))
	return m, proto.Unmarshal(b, m)
}

func (k *known) readRows(tx store.Tx) error {
	err := each(k, tx, mirrorsBucket, decoded[federationv1.Mirror], func(name string, m *federationv1.Mirror) {
		if o, ok := federation.ParseLog(federation.LogOf(m)); ok && (o.Feed() == name || o.Past() == name) {
			name = nameOf(federation.LogOf(m))
		}
		k.rows[name] = m
	})
	if err != nil {
		return err
	}
	return each(k, tx, evidenceBucket, decoded[federationv1.Evidence], func(feed string, e *federationv1.Evidence) { k.evidence[feed] = e })
}

// readEnrolled reads the records of installations enrolled here, and of what was
// cosigned, which the own log's check holds against that log.
func (k *known) readEnrolled(tx store.Tx) error {
	bucket := func(m proto.Message) string { return string(m.ProtoReflect().Descriptor().FullName()) }
	err := each(k, tx, bucket(&federationv1.Installation{}), decoded[federationv1.Installation], func(_ string, in *federationv1.Installation) { k.enrol(in, "") })
	if err != nil {
		return err
	}
	return each(k, tx, bucket(&federationv1.Cosignature{}), decoded[federationv1.Cosignature], func(name string, c *federationv1.Cosignature) {
		unit := ""
		if of, _, _ := strings.Cut(name, "/mirrors/"); strings.Contains(of, "~") {
			unit = c.GetUnit()
		}
		k.testified[nameOf(federation.Relayed(c.GetOrigin(), unit))] = c
	})
}

// enrol notes the keys of an installation's logs; unit is its own if it is relayed.
func (k *known) enrol(in *federationv1.Installation, unit string) {
	for _, log := range in.GetLogs() {
		name, key := nameOf(federation.Relayed(log.GetOrigin(), unit)), log.GetVerifierKey()
		if !slices.Contains(k.keys[name], key) {
			k.keys[name] = append(k.keys[name], key)
		}
		k.origins[name] = log.GetOrigin()
	}
}

// readKept lists the mirrors that have entries, and reads whom those below have
// enrolled, as their own mirrored logs say.
func (k *known) readKept(tx store.Tx) error {
	buckets, err := tx.Buckets()
	if err != nil {
		return err
	}
	for _, bucket := range buckets {
		name, ok := cut(bucket)
		if !ok {
			continue
		}
		for _, err := range tx.Scan(bucket, nil, nil) {
			if err != nil {
				return err
			}
			k.kept[name] = true
			break
		}
		if bucket == prefix+name+"/"+feed.EntriesBucket && bytes.Contains([]byte(name), []byte("."+federation.Service+"/")) {
			if err := k.readSaid(tx, bucket); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *known) readSaid(tx store.Tx, bucket string) error {
	for row, err := range tx.Scan(bucket, nil, nil) {
		if err != nil {
			return err
		}
		e, in := &feedv1.Entry{}, &federationv1.Installation{}
		if proto.Unmarshal(row.Value, e) != nil || !e.GetBody().MessageIs(in) || e.GetBody().UnmarshalTo(in) != nil {
			continue // what is wrong with the log is told of the log
		}
		name, ok := federation.Further(in)
		if !ok {
			continue // nothing is taken by it
		}
		k.said[name] = append(k.said[name], in)
		k.enrol(in, in.GetUnit())
	}
	return nil
}

func (k *known) readRelayed(tx store.Tx) error {
	return each(k, tx, relayedBucket, func(b []byte) (*federationv1.Installation, error) {
		parts := bytes.SplitN(b, []byte{0}, 3)
		return decoded[federationv1.Installation](parts[len(parts)-1])
	}, func(name string, in *federationv1.Installation) { k.relayed[name] = in })
}
