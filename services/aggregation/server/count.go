package server

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/desk"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/store"
)

// Count takes a run of a service's entries into the figures and moves the cursor
// behind them, all in tx: each entry is counted once, however often it comes. A
// run that leaves entries out is an error.
func Count(tx store.Tx, service string, run []*feedv1.Entry) error {
	cursor, err := figures.ReadCursor(tx, service)
	if err != nil {
		return err
	}
	fold := figures.New(tx)
	for _, e := range run {
		switch {
		case e.GetSeq() < cursor.Next:
			continue
		case e.GetSeq() > cursor.Next:
			return fmt.Errorf("the feed of %s goes on at %d, where %d should be", service, e.GetSeq(), cursor.Next)
		}
		if err := errors.Join(count(fold, e), known(tx, e)); err != nil {
			return fmt.Errorf("counting entry %d of %s: %w", e.GetSeq(), service, err)
		}
		cursor = figures.Cursor{Next: e.GetSeq() + 1, At: e.GetAt().AsTime(), Effective: e.GetEffective().AsTime()}
	}
	if err := fold.Flush(); err != nil {
		return err
	}
	return figures.WriteCursor(tx, service, cursor)
}

func count(fold *figures.Fold, e *feedv1.Entry) error {
	body, counted, err := read(e)
	if err != nil || !counted {
		return err
	}
	day := calendar.On(e.GetEffective().AsTime()).String()
	if u, ok := body.(*organizationv1.Unit); ok {
		return fold.Unit(u.GetName(), u.GetParent(), day)
	}
	return fold.Record(e.GetSubject(), day, func(before *aggregation.Fact) aggregation.Fact {
		return aggregation.FactOf(body, before, day)
	})
}

// known lets rows of reports that wait for a unit or its codes be judged again.
func known(tx store.Tx, e *feedv1.Entry) error {
	body, counted, err := read(e)
	if u, ok := body.(*organizationv1.Unit); ok && counted && err == nil {
		return desk.Known(tx, u)
	}
	return err
}

// read decodes the body of an entry if it is of a kind that counts. An entry
// without a body says that its subject is gone, which counts.
func read(e *feedv1.Entry) (body proto.Message, counted bool, err error) {
	if e.GetBody() == nil {
		return nil, true, nil
	}
	empty, ok := kinds[e.GetBody().MessageName()]
	if !ok {
		return nil, false, nil
	}
	body = empty.ProtoReflect().New().Interface()
	return body, true, proto.Unmarshal(e.GetBody().GetValue(), body)
}

// kinds are the records that count.
var kinds = byName(
	&organizationv1.Unit{}, &rectificationv1.Problem{}, &rectificationv1.Ledger{}, &rectificationv1.Inspection{},
	&campaignv1.Assignment{}, &complaintv1.Complaint{}, &evaluationv1.Round{}, &evaluationv1.Result{},
)

func byName(messages ...proto.Message) map[protoreflect.FullName]proto.Message {
	m := map[protoreflect.FullName]proto.Message{}
	for _, message := range messages {
		m[message.ProtoReflect().Descriptor().FullName()] = message
	}
	return m
}
