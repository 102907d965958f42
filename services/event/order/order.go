// Package order keeps the events of all services in one order: it takes the entries
// of their feeds in, gives each a number, and reads them again for those who may be
// told. Following the feeds, the cursors that readers hold, and sending to webhooks
// are the server's; whose an event is and who reads it is decided by the rules in
// package event.
package order

import (
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// The buckets of events and what is in them. Numbers are eight bytes,
// big-endian; events are numbered from 1.
const (
	eventsBucket  = "event.events"  // number → place, and the entry as it stands in its feed
	unitsBucket   = "event.units"   // unit 0x00 number → nothing
	cursorsBucket = "event.cursors" // service → the first entry of its feed that is not taken in
	headBucket    = "event.head"    // headKey → the newest number; eraKey → which order this is
)

// Buckets are all of them.
var Buckets = []string{eventsBucket, unitsBucket, cursorsBucket, headBucket}

// Forms is of what says where the order is.
var Forms = map[string]store.Form{
	headBucket: store.Shaped(func(key, value []byte) bool {
		return string(key) == string(headKey) && len(value) == 8 || string(key) == string(eraKey) && len(value) == 36 // a UUID
	}),
}

var headKey, eraKey = []byte("head"), []byte("era")

// Head returns the newest number, 0 if there is no event yet.
func Head(tx store.Tx) (uint64, error) { return store.ReadNumber(tx, headBucket, headKey) }

// Place returns how far a service's feed is taken in.
func Place(tx store.Tx, service string) (feed.Place, error) {
	return feed.SeekPlace(tx, cursorsBucket, service)
}

// Era names the order, "" if it has not begun: numbers of another one mean nothing
// here.
func Era(tx store.Tx) (string, error) {
	b, _, err := store.Seek(tx, headBucket, eraKey)
	return string(b), err
}
