package worklist

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/store"
)

// The buckets and what is in them; parts of keys are parted by 0x00.
const (
	listsBucket    = "worklist"          // unit, list, due date, subject, action → item
	subjectsBucket = "worklist.subjects" // subject, action → item
	mergedBucket   = "worklist.merged"   // unit that was merged into the one above it → nothing
)

// Buckets are all of them.
var Buckets = []string{listsBucket, subjectsBucket, mergedBucket}

const (
	zero = "\x00"

	// The lists of a unit: what awaits itself, and what awaits those beneath it.
	itself  = "o"
	beneath = "b"

	// undated comes after every due date.
	undated = "~"
)

// List changes worklists within a transaction.
type List struct {
	tx store.Tx
	// path returns the unit and those above it now, nearest first.
	path func(unit string) ([]string, error)
	// top is the unit whose superior has no turn in the records that are taken in.
	top string
}

// New returns the lists of a tree. top is the root of the installation whose
// records are taken in, or "" if that is this one: what awaits a superior of top
// is done below, and awaits top's own head there.
func New(tx store.Tx, path func(unit string) ([]string, error), top string) *List {
	return &List{tx, path, top}
}

// Record replaces what a record asked for until now by items, which await their
// units since day. What is nobody's turn is left out.
func (l *List) Record(subject string, items []*Item, day string) error {
	before, err := l.of(subject)
	if err != nil {
		return err
	}
	for _, item := range items {
		item.SinceDate = day
		if i := slices.IndexFunc(before, func(b *Item) bool { return b.GetAction() == item.GetAction() }); i >= 0 {
			item.SinceDate = before[i].GetSinceDate()
		}
		if item.Unit, err = l.turn(item); err != nil {
			return err
		}
	}
	items = slices.DeleteFunc(items, func(i *Item) bool { return i.GetUnit() == "" })
	for _, item := range before {
		if !slices.ContainsFunc(items, func(i *Item) bool { return proto.Equal(i, item) }) {
			if err := l.remove(item); err != nil {
				return err
			}
		}
	}
	for _, item := range items {
		if !slices.ContainsFunc(before, func(b *Item) bool { return proto.Equal(b, item) }) {
			if err := l.add(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn says whose turn it is: nobody's, if it is empty. What awaits the superior of the
// topmost unit awaits whom the rules let do it there: that superior is not in the tree where
// the record is kept.
func (l *List) turn(item *Item) (string, error) {
	if duties[item.GetAction()].side == own {
		return item.GetOwner(), nil
	}
	path, err := l.heirs(item.GetOwner())
	switch {
	case err != nil:
		return "", err
	case l.topmost(path):
		if item.Roles = alone[item.GetAction()]; item.Roles == nil {
			return "", nil
		}
		return item.GetOwner(), nil
	case item.GetUnit() != "":
		return item.GetUnit(), nil
	}
	item.Roles = rolesAbove(item)
	return l.decider(item.GetFoundBy(), path[1:])
}

// topmost says whether nobody is above the first of a path where its records are kept.
func (l *List) topmost(path []string) bool { return len(path) < 2 || path[0] == l.top }

// rolesAbove are those by which a superior does it: of an extension on which a bureau is to
// decide, the roles of those who decide for bureaus.
func rolesAbove(item *Item) []accessv1.Role {
	if item.GetAction() == aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION && item.GetFoundBy() != "" {
		return superiors
	}
	return duties[item.GetAction()].roles
}

// alone are the roles by which what is a superior's elsewhere is done in the topmost unit: its
// problems its own people verify and close, whoever found them, and what its superior outside
// replied to its ledger is recorded there. The rest nobody does.
var alone = map[aggregationv1.WorkItem_Action][]accessv1.Role{
	aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM:     {leader, head, supervisor},
	aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM:      {leader, head, supervisor},
	aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER: authz.Roles(rectificationv1.RectificationService_RecordLedgerReply_FullMethodName),
}

// decider is who decides among those above a unit: the bureau that found the matter, or
// the nearest above it, if the unit lies beneath it no more; else the nearest.
func (l *List) decider(bureau string, above []string) (string, error) {
	if bureau == "" {
		return above[0], nil
	}
	over, err := l.heirs(bureau)
	if err != nil {
		return "", err
	}
	for _, unit := range over {
		if slices.Contains(above, unit) {
			return unit, nil
		}
	}
	return above[0], nil
}

// of returns what a record asks for now.
func (l *List) of(subject string) (items []*Item, err error) {
	from, to := store.Prefix(subject + zero)
	for e, err := range l.tx.Scan(subjectsBucket, from, to) {
		if err != nil {
			return nil, err
		}
		item, err := decode(e.Value)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func (l *List) add(item *Item) error {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(item)
	if err != nil {
		return err
	}
	return errors.Join(
		l.tx.Put(subjectsBucket, subjectKey(item), b),
		l.each(item, func(key string) error { return l.tx.Put(listsBucket, []byte(key), b) }),
	)
}

func (l *List) remove(item *Item) error {
	return errors.Join(
		l.tx.Delete(subjectsBucket, subjectKey(item)),
		l.each(item, func(key string) error { return l.tx.Delete(listsBucket, []byte(key)) }),
	)
}

func subjectKey(item *Item) []byte { return []byte(item.GetSubject() + zero + action(item)) }

// each calls do with the key of the item in every list that has it.
func (l *List) each(item *Item, do func(key string) error) error {
	path, err := l.path(item.GetUnit())
	if err != nil {
		return err
	}
	list := itself
	for _, unit := range path {
		if err := do(begin(unit, list) + rest(item)); err != nil {
			return err
		}
		list = beneath
	}
	return nil
}

func begin(unit, list string) string { return strings.TrimPrefix(unit, "units/") + zero + list }

// rest is the end of an item's key, by which lists are in their order.
func rest(item *Item) string {
	due := item.GetDueDate()
	if due == "" {
		due = undated
	}
	return due + zero + item.GetSubject() + zero + action(item)
}

func action(item *Item) string { return strconv.Itoa(int(item.GetAction())) }

func decode(b []byte) (*Item, error) {
	item := &Item{}
	if err := proto.Unmarshal(b, item); err != nil {
		return nil, fmt.Errorf("reading a work item: %w", err)
	}
	return item, nil
}
