package server

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/desk"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
)

// Count takes a run of a service's entries into figures and worklists and moves the cursor
// behind them, all in tx: each entry is counted once, however often it comes. A
// run that leaves entries out is an error.
func Count(tx store.Tx, service string, run []*feedv1.Entry) error {
	cursor, err := figures.ReadCursor(tx, service)
	if err != nil {
		return err
	}
	fold := figures.New(tx)
	list := worklist.New(tx, fold.Path)
	for _, e := range run {
		switch {
		case e.GetSeq() < cursor.Next:
			continue
		case e.GetSeq() > cursor.Next:
			return fmt.Errorf("the feed of %s goes on at %d, where %d should be", service, e.GetSeq(), cursor.Next)
		}
		cursor = behind(cursor, e)
		if err := errors.Join(fold.At(cursor.Effective), count(fold, list, e), known(tx, e)); err != nil {
			return fmt.Errorf("counting entry %d of %s: %w", e.GetSeq(), service, err)
		}
	}
	if err := fold.Flush(); err != nil {
		return err
	}
	return figures.WriteCursor(tx, service, cursor)
}

// behind is the cursor behind an entry. A clock that was set back counts as one
// that stood still: what a feed says later was not known before.
func behind(c figures.Cursor, e *feedv1.Entry) figures.Cursor {
	effective := e.GetEffective().AsTime()
	if effective.Before(c.Effective) {
		effective = c.Effective
	}
	return figures.Cursor{Next: e.GetSeq() + 1, At: e.GetAt().AsTime(), Effective: effective}
}

func count(fold *figures.Fold, list *worklist.List, e *feedv1.Entry) error {
	body, counted, err := read(e)
	if err != nil || !counted {
		return err
	}
	if u, ok := body.(*organizationv1.Unit); ok {
		return lie(fold, list, u)
	}
	err = fold.Record(e.GetSubject(), func(before *aggregation.Fact, day string) aggregation.Fact {
		return aggregation.FactOf(body, before, day)
	})
	return errors.Join(err, list.Record(e.GetSubject(), worklist.Of(body), fold.Day()))
}

// lie takes in where a unit lies now: its figures and what awaits it go with it.
func lie(fold *figures.Fold, list *worklist.List, u *organizationv1.Unit) error {
	before, err := fold.Path(u.GetName())
	if err != nil {
		return err
	}
	if err := fold.Unit(u.GetName(), u.GetParent()); err != nil {
		return err
	}
	now, err := fold.Path(u.GetName())
	if err != nil {
		return err
	}
	return list.Move(before, now)
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

// kinds are the records that count or ask for something.
var kinds = byName(
	&organizationv1.Unit{}, &rectificationv1.Problem{}, &rectificationv1.Ledger{}, &rectificationv1.Inspection{},
	&campaignv1.Assignment{}, &complaintv1.Complaint{}, &evaluationv1.Round{}, &evaluationv1.Result{},
	&aggregationv1.Report{},
)

func byName(messages ...proto.Message) map[protoreflect.FullName]proto.Message {
	m := map[protoreflect.FullName]proto.Message{}
	for _, message := range messages {
		m[message.ProtoReflect().Descriptor().FullName()] = message
	}
	return m
}
