package server

import (
	"slices"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/aggregation/figures/cursors"
	"github.com/duban-project/duban/services/internal/change"
)

// told knows how far what installations below tell of reports is counted.
type told struct{ *Service }

// Told implements dues.Below. The logs that tell of a unit's reports are those of who keeps
// it, and of whose root it is.
func (t told) Told(tx *change.Tx, unit string, at time.Time) (bool, error) {
	keeper := t.directory.Installation(unit)
	if keeper == "" {
		return true, nil
	}
	tell := t.below.look().tell
	for _, src := range slices.Concat(tell[keeper], tell[unit]) {
		if whole, err := src.told(tx, at); err != nil || !whole {
			return false, err
		}
	}
	return len(tell[keeper]) > 0, nil
}

// told says whether all that the source has told until a moment is counted, or all that it
// tells, if that is zero.
func (s source) told(tx *change.Tx, at time.Time) (bool, error) {
	cursor, err := cursors.Read(tx, s.Feed)
	if err != nil {
		return false, err
	}
	if s.mirror.GetState() == federationv1.Mirror_STATE_ACTIVE && cursor.Next >= s.mirror.GetSize() {
		return true, nil
	}
	return !at.IsZero() && cursor.Next > 0 && !cursor.Effective.Before(at), nil
}
