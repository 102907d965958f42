// Package hold holds what a store keeps against what it must say: buckets row by row,
// the bytes of a row, and in which words a difference is told. It knows how numbers,
// texts and metrics stand in rows, and nothing of what must be in them: that say its
// callers. No bytes make it panic.
package hold

import (
	"fmt"
	"maps"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/duban-project/duban/services/internal/store"
)

// Bucket is one that is held against the feeds row by row.
type Bucket struct {
	Name string
	// Want has what each row must say, by its key, in the words in which Say says it.
	Want map[string]string
	// Say says what a row has; false of one that cannot be read.
	Say func(value []byte) (string, bool)
}

// Compare returns the first difference, an ErrDifferent.
func (b Bucket) Compare(tx store.Tx) error {
	kept := map[string]string{}
	for kv, err := range tx.Scan(b.Name, nil, nil) {
		if err != nil {
			return err
		}
		says, ok := b.Say(kv.Value)
		if !ok {
			return Unreadable(b.Name, kv.Key)
		}
		kept[string(kv.Key)] = says
	}
	if !maps.Equal(kept, b.Want) {
		return Differ("%s at %s", b.Name, FirstOf(kept, b.Want))
	}
	return nil
}

// Compare returns the first difference of several buckets.
func Compare(tx store.Tx, buckets []Bucket) error {
	for _, b := range buckets {
		if err := b.Compare(tx); err != nil {
			return err
		}
	}
	return nil
}

// Text says what is in a text.
func Text(b []byte) (string, bool) { return string(b), true }

// Message says what is in messages such as empty.
func Message(empty proto.Message) func([]byte) (string, bool) {
	return func(b []byte) (string, bool) {
		m := proto.Clone(empty)
		err := proto.Unmarshal(b, m)
		return fmt.Sprint(m), err == nil && len(m.ProtoReflect().GetUnknown()) == 0
	}
}

// Short is a resource's name as keys have it, without its collection.
func Short(name string) string { return name[strings.IndexByte(name, '/')+1:] }
