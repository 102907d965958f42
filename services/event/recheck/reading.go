package recheck

import (
	"bytes"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// reading is a feed up to where it is taken in.
type reading struct {
	service     string
	tx          store.Tx
	next, until uint64
	entry       *feedv1.Entry // before next, if it must be an event and none was seen; or nil
	place       event.Place
}

// ahead goes on to the next entry that must be an event, if it is not there yet.
func (r *reading) ahead() error {
	for ; r.entry == nil && r.next < r.until; r.next++ {
		e, err := entryAt(r.tx, r.service, r.next)
		if err != nil {
			return err
		}
		if e.GetBody() == nil {
			continue
		}
		body, err := e.GetBody().UnmarshalNew()
		if err != nil {
			continue // it is of a kind that is not known here
		}
		if place, told := event.PlaceOf(body); told && place.Unit != "" {
			r.entry, r.place = e, place
		}
	}
	return nil
}

func entryAt(tx store.Tx, service string, seq uint64) (*feedv1.Entry, error) {
	b, err := tx.Get(feed.EntriesBucket, store.Number(seq))
	e := &feedv1.Entry{}
	if errors.Is(err, store.ErrNotFound) || err == nil && proto.Unmarshal(b, e) != nil {
		return nil, differs("entry %d of %s cannot be read", seq, service)
	}
	return e, err
}

// is says whether the value of an event is the entry with its place.
func (r *reading) is(value []byte) bool {
	rest, placed := bytes.CutPrefix(value, []byte(r.place.Unit+"\n"+r.place.Assigned+"\n"+r.place.Campaign+"\n"))
	e := &feedv1.Entry{}
	return placed && proto.Unmarshal(rest, e) == nil && proto.Equal(e, r.entry)
}

// units are those that have the entry in their lists.
func (r *reading) units() []string {
	all := []string{r.place.Unit, r.place.Assigned}
	return slices.Compact(slices.DeleteFunc(all, func(unit string) bool { return unit == "" }))
}
