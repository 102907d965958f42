package server

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

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

// search is what is asked of the events.
type search struct {
	access   *authz.Access
	tree     Tree
	types    []string
	unit     string // "" for all that the access sees
	campaign string
}

// found is a page of events.
type found struct {
	rows    []entry
	next    uint64 // the last number looked at
	current bool   // whether there is nothing behind next
}

// entry is one event, decoded.
type entry struct {
	row
	is *feedv1.Entry
}

// page reads the events behind after, at most size of them and not more than
// feed.MaxRun bytes.
func (q search) page(tx store.Tx, after uint64, size int) (found, error) {
	page := pager{search: q, size: size, found: found{next: after}}
	units := q.units()
	var err error
	if len(units) > few {
		err = page.scan(tx)
	} else {
		err = page.merge(tx, units)
	}
	return page.found, err
}

// units are those whose events are wanted; when they are more than few, some of
// them.
func (q search) units() map[string]bool {
	tops := []string{q.unit}
	if q.unit == "" {
		tops = nil
		for _, g := range q.access.Grants() {
			tops = append(tops, g.Unit)
		}
	}
	units := map[string]bool{}
	for _, top := range tops {
		for _, unit := range q.tree.Subtree(top) {
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
		own, err := listed(tx, unit, p.next, most)
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
		value, err := tx.Get(eventsBucket, number(n))
		if err != nil {
			return err
		}
		if err := p.look(n, value); err != nil {
			return err
		}
	}
	p.current = !p.full && last == math.MaxUint64
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
	for e, err := range tx.Scan(eventsBucket, number(p.next+1), nil) {
		if err != nil || p.full || n == looked {
			return err
		}
		if err := p.look(binary.BigEndian.Uint64(e.Key), e.Value); err != nil {
			return err
		}
		n++
	}
	p.current = true
	return nil
}

// pager fills a page.
type pager struct {
	search
	found
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
		if p.bytes += len(value); p.bytes > feed.MaxRun && len(p.rows) > 0 {
			p.full = true
			return nil
		}
		p.rows = append(p.rows, entry{r, e})
	}
	p.next, p.full = n, len(p.rows) == p.size
	return nil
}

// want returns the entry of an event, or nil if it is not asked for or not for
// the reader.
func (q search) want(r row) (*feedv1.Entry, error) {
	if q.campaign != "" && q.campaign != r.place.Campaign || !q.within(r.place) {
		return nil, nil
	}
	e := &feedv1.Entry{}
	if err := proto.Unmarshal(r.entry, e); err != nil {
		return nil, err
	}
	if !event.Wanted(q.types, e.GetKind()) || !q.may(r.place, e.GetBody().MessageName()) {
		return nil, nil
	}
	if open, err := q.open(r.place, e); !open || err != nil {
		return nil, err
	}
	return e, nil
}

// open says whether the resource is public, unless the reader sees its place by
// another role than a portal's.
func (q search) open(p event.Place, e *feedv1.Entry) (bool, error) {
	if q.access.Inside(p.Unit) || p.Assigned != "" && q.access.Inside(p.Assigned) {
		return true, nil
	}
	body, err := bodyOf(e)
	return body != nil && portal.Public(body), err
}

// within says whether the place lies in the unit asked for.
func (q search) within(p event.Place) bool {
	return q.unit == "" || slices.Contains(q.tree.Path(p.Unit), q.unit) ||
		p.Assigned != "" && slices.Contains(q.tree.Path(p.Assigned), q.unit)
}

// may says whether the reader may read the resource.
func (q search) may(p event.Place, message protoreflect.FullName) bool {
	roles := event.Readers(message)
	if len(roles) == 0 {
		return q.access.Sees(p.Unit)
	}
	return q.access.Holds(p.Unit, roles...) || p.Assigned != "" && q.access.Holds(p.Assigned, roles...)
}

// era names the order of events: cursors of another one lead nowhere here.
func era(tx store.Tx) (string, error) {
	b, err := tx.Get(headBucket, eraKey)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return string(b), err
}
