// Package count takes the entries of feeds in: it finds who may speak of a unit,
// and counts what records, rows of reports and the tree say into the figures, the
// worklists and what is kept of installations below. What a record counts is decided
// by the rules in package aggregation, how figures are kept by package figures. It
// does not read feeds, nor wait for the tree that entries were written under: the
// server's followers do. Reports that are made here the desk counts.
package count

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/cursors"
	"github.com/duban-project/duban/services/aggregation/lower"
	"github.com/duban-project/duban/services/aggregation/waiting"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
)

// Services by whose own feeds others wait.
const (
	// Organization is the service whose feed says who stands above whom: no entry
	// is counted before the tree that it was written under.
	Organization = "organization"
	// Campaigns is the service whose feed says what campaigns reports may name.
	Campaigns = "campaign"
)

// ErrUnitUnknown says that an entry from below is about a unit of which the tree
// does not know yet whether it is theirs: it can be counted when the tree does.
var ErrUnitUnknown = errors.New("the tree does not know yet whose a unit from below is")

// ErrUncountable says that an entry from below is none that the suite writes there, or
// none that it knows yet: its log waits until the suite can count it, and nobody else.
var ErrUncountable = errors.New("an entry from below cannot be counted")

// Source is whose feed is counted.
type Source struct {
	// Feed is the name under which it is read, such as "rectification" or
	// "510104.rectification".
	Feed string
	// Installation is the one below that keeps it, installations/510104, and Root
	// the unit here that is its root; empty: this one.
	Installation, Root string
}

// named is the name of a record among those of all installations.
func (s Source) named(record string) string {
	if s.Installation == "" {
		return record
	}
	return s.Installation + "/" + record
}

// Count takes a run of a feed's entries into figures and worklists and moves the cursor
// behind them, all in tx: each entry is counted once, however often it comes. A run
// that leaves entries out is an error, and so is ErrUnitUnknown; from below all but that
// are ErrUncountable, so that what only they have signed stops nobody else. After an error
// tx MUST be given up.
func (s Source) Count(tx store.Tx, run []*feedv1.Entry) (err error) {
	if s.Installation == "" {
		return s.run(tx, run)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrUncountable, p, debug.Stack())
		}
	}()
	if err = s.run(tx, run); err != nil && !errors.Is(err, ErrUnitUnknown) {
		return fmt.Errorf("%w: %w", ErrUncountable, err)
	}
	return err
}

func (s Source) run(tx store.Tx, run []*feedv1.Entry) error {
	cursor, err := cursors.Read(tx, s.Feed)
	if err != nil {
		return err
	}
	for len(run) > 0 && run[0].GetSeq() < cursor.Next {
		run = run[1:]
	}
	fold := figures.New(tx)
	c := counting{s, tx, fold, worklist.New(tx, fold.Path, s.Root)}
	for _, e := range run {
		if e.GetSeq() != cursor.Next {
			return fmt.Errorf("the feed of %s goes on at %d, where %d should be", s.Feed, e.GetSeq(), cursor.Next)
		}
		if err := s.sound(e); err != nil {
			return fmt.Errorf("entry %d of %s: %w", e.GetSeq(), s.Feed, err)
		}
		cursor = behind(cursor, e)
		if err := fold.At(cursor.Effective); err != nil {
			return err
		}
		if !s.tells(e) {
			continue
		}
		if err := errors.Join(c.count(e), s.known(tx, e)); err != nil {
			return fmt.Errorf("counting entry %d of %s: %w", e.GetSeq(), s.Feed, err)
		}
	}
	if err := fold.Flush(); err != nil {
		return err
	}
	return errors.Join(s.withhold(tx, run), cursors.Write(tx, s.Feed, cursor))
}

// behind is the cursor behind an entry. A clock that was set back counts as one
// that stood still: what a feed says later was not known before.
func behind(c cursors.Cursor, e *feedv1.Entry) cursors.Cursor {
	effective := e.GetEffective().AsTime()
	if effective.Before(c.Effective) {
		effective = c.Effective
	}
	return cursors.Cursor{Next: e.GetSeq() + 1, At: e.GetAt().AsTime(), Effective: effective, ID: e.GetId()}
}

// counting takes the entries of a source in.
type counting struct {
	Source
	tx   store.Tx
	fold *figures.Fold
	list *worklist.List
}

func (c counting) count(e *feedv1.Entry) error {
	body, counted, err := read(e)
	if err != nil || !counted {
		return err
	}
	switch body := body.(type) {
	case *organizationv1.Unit:
		return c.lies(body, "")
	case *federationv1.RemoteUnit:
		return c.remote(body)
	case *federationv1.RefusedUnit:
		return lower.Refuse(c.tx, body.GetUnit(), strings.Split(body.GetName(), "/refusedUnits/")[0])
	case *campaignv1.Campaign:
		return c.joins(body)
	case *aggregationv1.ReportPage:
		return c.page(body)
	case *aggregationv1.Report:
		return errors.Join(c.head(body), c.record(e, body))
	default:
		return c.record(e, body)
	}
}

// record counts a record, and what it asks for, under a name of its own among
// those of all installations.
func (c counting) record(e *feedv1.Entry, body proto.Message) error {
	name := c.named(e.GetSubject())
	items, err := c.items(name, body)
	if err != nil {
		return err
	}
	var failed error
	err = c.fold.Record(name, func(before *aggregation.Fact, day string) (fact aggregation.Fact) {
		fact, failed = c.theirFact(aggregation.FactOf(body, before, day))
		return fact
	})
	return errors.Join(failed, err, c.list.Record(name, items, c.fold.Day()))
}

// lies takes in where a unit lies now, and whose it is: its figures and what
// awaits it go with it.
func (c counting) lies(u *organizationv1.Unit, installation string) error {
	before, err := c.fold.Path(u.GetName())
	if err != nil {
		return err
	}
	if err := errors.Join(lower.Own(c.tx, u.GetName(), installation), c.fold.Unit(u.GetName(), u.GetParent())); err != nil {
		return err
	}
	now, err := c.fold.Path(u.GetName())
	if err != nil {
		return err
	}
	return c.list.Move(before, now, u.GetState() == organizationv1.Unit_STATE_MERGED)
}

// known lets rows of reports that wait for a unit, its codes or a campaign be
// judged again. No row names a campaign of an installation below; cuts do.
func (s Source) known(tx store.Tx, e *feedv1.Entry) error {
	unit, campaign := &organizationv1.Unit{}, &campaignv1.Campaign{}
	switch body := e.GetBody(); {
	case s.Feed == Organization && body.MessageIs(unit):
		return errors.Join(body.UnmarshalTo(unit), waiting.Known(tx, unit))
	case s.Feed == Campaigns && body.MessageIs(campaign):
		return errors.Join(body.UnmarshalTo(campaign), waiting.Heard(tx, campaign))
	case s.Installation != "" && body.MessageIs(campaign):
		err := body.UnmarshalTo(campaign)
		campaign.Name = lower.Campaign(s.Installation, campaign.GetName())
		return errors.Join(err, waiting.Heard(tx, campaign))
	default:
		return nil
	}
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
	&campaignv1.Campaign{}, &campaignv1.Assignment{}, &complaintv1.Complaint{}, &evaluationv1.Round{}, &evaluationv1.Result{},
	&aggregationv1.Report{}, &aggregationv1.ReportPage{}, &federationv1.RemoteUnit{}, &federationv1.RefusedUnit{},
)

func byName(messages ...proto.Message) map[protoreflect.FullName]proto.Message {
	m := map[protoreflect.FullName]proto.Message{}
	for _, message := range messages {
		m[message.ProtoReflect().Descriptor().FullName()] = message
	}
	return m
}
