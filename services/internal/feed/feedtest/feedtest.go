// Package feedtest gives the tests of the feed a resource with sealed fields
// and a log in a fresh engine. It is for tests alone.
package feedtest

import (
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// Origin is that of the log that Open makes.
const Origin = "edu.test/100000/test/1"

// Problem is a resource type: name, title and etag are public, officer stands
// behind "office", phone and note behind "person".
var Problem = resource("Problem",
	field("name", 1, ""), field("title", 2, ""), field("officer", 3, "office"),
	field("phone", 4, "person"), repeated(field("note", 5, "person")), field("etag", 6, ""))

// Card is a second resource type, without sealed fields.
var Card = resource("Card", field("name", 1, ""))

// Nested and Mislabelled break the rules: the one has a sealed field below its
// top, the other a label that is no word.
var (
	Nested      = nested()
	Mislabelled = resource("Mislabelled", field("phone", 1, "Person 1"))
)

// Types knows Problem and Card.
func Types(t testing.TB) *protoregistry.Types {
	types := &protoregistry.Types{}
	for _, mt := range []protoreflect.MessageType{Problem, Card} {
		if err := types.RegisterMessage(mt); err != nil {
			t.Fatal(err)
		}
	}
	return types
}

// New makes a message of mt out of text fields in turn: name, value, name,
// value. A field that repeats is added to.
func New(mt protoreflect.MessageType, pairs ...string) proto.Message {
	m := mt.New()
	for i := 0; i < len(pairs); i += 2 {
		fd, v := mt.Descriptor().Fields().ByName(protoreflect.Name(pairs[i])), protoreflect.ValueOfString(pairs[i+1])
		if fd.IsList() {
			m.Mutable(fd).List().Append(v)
		} else {
			m.Set(fd, v)
		}
	}
	return m.Interface()
}

// Fixture is a log, its engine, and a service that writes records in it.
type Fixture struct {
	Log    *feed.Log
	Engine store.Engine
	Now    time.Time // the real time that the log is told
	Forge  bool      // commits go by without the log's knowledge
}

// Open makes an empty log in an engine of its own. Its key, its randomness and
// its clock are always the same.
func Open(t testing.TB) *Fixture {
	f := &Fixture{Now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	log, err := feed.New(feed.Config{
		Name:   "test",
		Origin: Origin,
		Key:    ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		Now:    func() time.Time { return f.Now },
		Random: rand.NewChaCha8([32]byte{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Log = log
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{
		BeforeCommit: f.seal, OnCommit: log.Committed,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	f.Engine = engine
	return f
}

func (f *Fixture) seal(tx store.Tx) error {
	if f.Forge {
		return nil
	}
	return f.Log.Seal(tx)
}

// Write changes one record as package change would: record and entry in tx. A
// nil body deletes a record of the type mt.
func (f *Fixture) Write(tx store.Tx, mt protoreflect.MessageType, subject string, body proto.Message) error {
	rev, err := f.Log.Next(tx, subject)
	if err != nil {
		return err
	}
	if _, err := f.Log.Append(tx, feed.Change{
		Kind: "test.problem.changed.v1", Subject: subject, Rev: rev, Effective: f.Now,
		Actor: &feedv1.Actor{Unit: "units/1", Role: "inspector", Pseudonym: []byte("0123456789abcdef")}, Body: body,
	}); err != nil {
		return err
	}
	bucket, k := string(mt.Descriptor().FullName()), []byte(subject)
	if body == nil {
		return tx.Delete(bucket, k)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(body)
	if err != nil {
		return err
	}
	return tx.Put(bucket, k, b)
}

// Update runs fn in an Update that must succeed.
func (f *Fixture) Update(t testing.TB, fn func(store.Tx) error) {
	t.Helper()
	if err := f.Engine.Update(context.WithoutCancel(t.Context()), fn); err != nil {
		t.Fatal(err)
	}
}

// View runs fn in a View that must succeed.
func (f *Fixture) View(t testing.TB, fn func(store.Tx) error) {
	t.Helper()
	if err := f.Engine.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func field(name string, number int32, label string) *descriptorpb.FieldDescriptorProto {
	fd := &descriptorpb.FieldDescriptorProto{
		Name: proto.String(name), Number: proto.Int32(number),
		Type:  descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
	if label != "" {
		fd.Options = &descriptorpb.FieldOptions{}
		proto.SetExtension(fd.Options, feedv1.E_Sealed, label)
	}
	return fd
}

func repeated(fd *descriptorpb.FieldDescriptorProto) *descriptorpb.FieldDescriptorProto {
	fd.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	return fd
}

func message(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
	return &descriptorpb.DescriptorProto{Name: proto.String(name), Field: fields}
}

// resource makes a message type duban.test.v1.<name>.
func resource(name string, fields ...*descriptorpb.FieldDescriptorProto) protoreflect.MessageType {
	return build(message(name, fields...))
}

// nested makes a message whose list of inner messages holds a sealed field.
func nested() protoreflect.MessageType {
	list := repeated(field("inner", 1, ""))
	list.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
	list.TypeName = proto.String(".duban.test.v1.Nested.Inner")
	outer := message("Nested", list)
	outer.NestedType = append(outer.NestedType, message("Inner", field("phone", 1, "person")))
	return build(outer)
}

func build(m *descriptorpb.DescriptorProto) protoreflect.MessageType {
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String(m.GetName() + ".proto"), Package: proto.String("duban.test.v1"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{m},
	}, nil)
	if err != nil {
		panic(err)
	}
	return dynamicpb.NewMessageType(file.Messages().Get(0))
}
