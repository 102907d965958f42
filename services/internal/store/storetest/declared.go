package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/duban-project/duban/services/internal/store"
)

// Declared returns the engine e of a service, which fails the test if the service
// writes in a bucket that its Schema does not declare: fsck would call that
// corruption.
func Declared(t testing.TB, e store.Engine, schema store.Schema) store.Engine {
	return declared{e, t, schema}
}

type declared struct {
	store.Engine
	t      testing.TB
	schema store.Schema
}

// Update implements store.Engine.
func (d declared) Update(ctx context.Context, fn func(store.Tx) error) error {
	return d.Engine.Update(ctx, func(tx store.Tx) error { return fn(writing{tx, d}) })
}

// writing is a transaction that looks at where it writes.
type writing struct {
	store.Tx
	declared
}

// Put implements store.Tx.
func (w writing) Put(bucket string, key, value []byte) error {
	if !w.has(bucket) {
		w.t.Errorf("written in the bucket %s, which the service's Schema does not declare", bucket)
	}
	return w.Tx.Put(bucket, key, value)
}

// has says whether a bucket is one of the feed or of remembered requests, holds
// records or an index of them, or is declared as none of these.
func (d declared) has(bucket string) bool {
	if strings.HasPrefix(bucket, "feed.") || bucket == "requests" || bucket == "requests.age" || slices.Contains(d.schema.Buckets, bucket) || d.schema.Within(bucket) {
		return true
	}
	if _, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(bucket)); err == nil {
		return true
	}
	dot := max(0, strings.LastIndexByte(bucket, '.'))
	return slices.Contains(d.schema.Indexes[bucket[:dot]], bucket[min(len(bucket), dot+1):])
}
