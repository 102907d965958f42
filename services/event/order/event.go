package order

import (
	"encoding/hex"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/feed"
)

// Event is one event as it is kept, decoded.
type Event struct {
	Number uint64 // its place in the order, from 1
	place  event.Place
	entry  *feedv1.Entry
}

// Tell makes of it what the API shows, but for the cursor.
func (e Event) Tell() (*eventv1.Event, error) {
	data, err := public(e.entry)
	return &eventv1.Event{
		Id: hex.EncodeToString(e.entry.GetId()), Type: e.entry.GetKind(), Time: e.entry.GetAt(), EffectiveTime: e.entry.GetEffective(),
		Unit: e.place.Unit, Campaign: e.place.Campaign, Subject: e.entry.GetSubject(), Revision: int64(e.entry.GetRev()), Data: data,
	}, err
}

// public is the resource as the API shows it, but for the fields that the feed has only
// commitments of, or that are not kept: these are left out rather than shown as empty.
func public(e *feedv1.Entry) (*structpb.Struct, error) {
	body, err := e.GetBody().UnmarshalNew()
	if err != nil {
		return nil, err
	}
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(body)
	if err != nil {
		return nil, err
	}
	data := &structpb.Struct{}
	if err := protojson.Unmarshal(text, data); err != nil {
		return nil, err
	}
	fields := body.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); !feed.Kept(f) {
			delete(data.Fields, f.JSONName())
		}
	}
	return data, nil
}
