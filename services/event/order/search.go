package order

import (
	"encoding/binary"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/portal"
	"github.com/duban-project/duban/services/internal/store"
)

const (
	// looked is how many events one page looks at.
	looked = 10_000
	// few is how many units' own lists are merged. Who sees more reads the list of
	// all events and leaves out the others'.
	few = 64
)

// Tree is the tree of units and the grants, as they are.
type Tree interface {
	authz.Tree
	// Subtree returns the unit and all beneath it.
	Subtree(name string) []string
}

// Search is what is asked of the events, and who asks. Access MUST be set.
type Search struct {
	Access   *authz.Access
	Tree     Tree
	Types    []string // those that event.Wanted takes; none for all
	Unit     string   // it and all beneath it; "" for all that the access sees
	Campaign string   // "" for all
}

// Page is a part of the order, as far as it was asked for and may be read.
type Page struct {
	Events  []Event
	Next    uint64 // the last number looked at
	Current bool   // whether there is nothing behind Next
}

// Read reads the events behind after, at most size of them and not more than
// feed.MaxRun bytes.
func (q Search) Read(tx store.Tx, after uint64, size int) (Page, error) {
	page := pager{Search: q, size: size, Page: Page{Next: after}}
	units := q.units()
	var err error
	if len(units) > few {
		err = page.scan(tx)
	} else {
		err = page.merge(tx, units)
	}
	return page.Page, err
}

// Find returns the event of a number; nil if there is none, or if it is not asked
// for or not for the reader.
func (q Search) Find(tx store.Tx, n uint64) (*Event, error) {
	value, there, err := store.Seek(tx, eventsBucket, store.Number(n))
	if err != nil || !there {
		return nil, err
	}
	r, err := readRow(n, value)
	if err != nil {
		return nil, err
	}
	return q.want(r)
}

// units are those whose events are wanted; when they are more than few, some of
// them.
func (q Search) units() map[string]bool {
	tops := []string{q.Unit}
	if q.Unit == "" {
		tops = nil
		for _, g := range q.Access.Grants() {
			tops = append(tops, g.Unit)
		}
	}
	units := map[string]bool{}
	for _, top := range tops {
		for _, unit := range q.Tree.Subtree(top) {
			if units[unit] = true; len(units) > few {
				return units
			}
		}
	}
	return units
}

// merge reads the lists of a few units in the order of all events. It says
// nothing of what lies between theirs.
func (p *pager) merge(tx store.Tx, units map[string]bool) error {
	most, last := looked/max(1, len(units)), uint64(math.MaxUint64)
	var numbers []uint64
	for unit := range units {
		own, err := listed(tx, unit, p.Next, most)
		if err != nil {
			return err
		}
		if len(own) == most {
			last = min(last, own[most-1]) // what lies behind is not all read
		}
		numbers = append(numbers, own...)
	}
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		if n > last || p.full {
			return nil
		}
		value, err := tx.Get(eventsBucket, store.Number(n))
		if err != nil {
			return err
		}
		if err := p.look(n, value); err != nil {
			return err
		}
	}
	p.Current = !p.full && last == math.MaxUint64
	return nil
}

// listed are the numbers of a unit's own events behind after.
func listed(tx store.Tx, unit string, after uint64, most int) (numbers []uint64, err error) {
	_, to := store.Prefix(unit + "\x00")
	for e, err := range tx.Scan(unitsBucket, unitKey(unit, after+1), to) {
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, binary.BigEndian.Uint64(e.Key[len(unit)+1:]))
		if len(numbers) == most {
			break
		}
	}
	return numbers, nil
}

// scan reads the list of all events.
func (p *pager) scan(tx store.Tx) error {
	n := 0
	for e, err := range tx.Scan(eventsBucket, store.Number(p.Next+1), nil) {
		if err != nil || p.full || n == looked {
			return err
		}
		if err := p.look(binary.BigEndian.Uint64(e.Key), e.Value); err != nil {
			return err
		}
		n++
	}
	p.Current = true
	return nil
}

// pager fills a page.
type pager struct {
	Search
	Page
	size  int
	bytes int
	full  bool
}

// look takes an event into the page if it is wanted and may be read.
func (p *pager) look(n uint64, value []byte) error {
	r, err := readRow(n, value)
	if err != nil {
		return err
	}
	e, err := p.want(r)
	if err != nil {
		return err
	}
	if e != nil {
		if p.bytes += len(value); p.bytes > feed.MaxRun && len(p.Events) > 0 {
			p.full = true
			return nil
		}
		p.Events = append(p.Events, *e)
	}
	p.Next, p.full = n, len(p.Events) == p.size
	return nil
}

// want decodes an event; nil if it is not asked for or not for the reader.
func (q Search) want(r row) (*Event, error) {
	if q.Campaign != "" && q.Campaign != r.place.Campaign || !q.within(r.place) {
		return nil, nil
	}
	e := &feedv1.Entry{}
	if err := proto.Unmarshal(r.entry, e); err != nil {
		return nil, err
	}
	if !event.Wanted(q.Types, e.GetKind()) {
		return nil, nil
	}
	e, err := q.show(r.place, e)
	if e == nil || err != nil {
		return nil, err
	}
	return &Event{r.number, r.place, e}, nil
}

// show is the entry as the reader may read it; nil if they may not. Who belongs to a unit
// that the resource is about is not told of it for its unit's sake, but for its assignment.
func (q Search) show(p event.Place, e *feedv1.Entry) (*feedv1.Entry, error) {
	concerned, err := event.Concerned(e.GetBody())
	if err != nil {
		return nil, err
	}
	involved := slices.ContainsFunc(concerned, q.Access.Belongs)
	switch roles := event.Readers(e.GetBody().MessageName()); {
	case !involved && q.may(p.Unit, roles):
		return q.open(p.Unit, e)
	case q.may(p.Assigned, roles):
		return altered(e, portal.Assigned)
	default:
		return nil, nil
	}
}

// open is the entry for who sees its unit: by a portal's role alone none if its resource is
// not public, and the resource as portals read it.
func (q Search) open(unit string, e *feedv1.Entry) (*feedv1.Entry, error) {
	if q.Access.Inside(unit) {
		return e, nil
	}
	return altered(e, func(body proto.Message) proto.Message {
		if !portal.Public(body) {
			return nil
		}
		return portal.Shown(body)
	})
}

// altered is the entry with what show makes of its resource; nil if that is none.
func altered(e *feedv1.Entry, show func(proto.Message) proto.Message) (*feedv1.Entry, error) {
	body, err := bodyOf(e)
	if body == nil || err != nil {
		return nil, err
	}
	shown := show(body)
	if shown == nil {
		return nil, nil
	}
	return e, e.GetBody().MarshalFrom(shown)
}

// within says whether the place lies in the unit asked for.
func (q Search) within(p event.Place) bool {
	return q.Unit == "" || slices.Contains(q.Tree.Path(p.Unit), q.Unit) ||
		p.Assigned != "" && slices.Contains(q.Tree.Path(p.Assigned), q.Unit)
}

// may says whether the reader may read resources of the unit that are for those roles, or
// for all.
func (q Search) may(unit string, roles []accessv1.Role) bool {
	if unit == "" {
		return false
	}
	if len(roles) == 0 {
		return q.Access.Sees(unit)
	}
	return q.Access.Holds(unit, roles...)
}
