package server_test

import (
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// TestWhatTookEffectBeforeItsUnitWasEntered: an installation that ran before it was enrolled
// here has records of before its units were entered. They count where the units were entered,
// also as of then, and when they are counted anew.
func TestWhatTookEffectBeforeItsUnitWasEntered(t *testing.T) {
	j := newJoined(t, nil)
	defer j.close()
	for i, unit := range []string{"units/a", "units/a1x"} {
		j.append(belowFeed, "ledgers/l/problems/"+unit[6:], &rectificationv1.Problem{Unit: unit, Deadline: "2026-02-01", CreateTime: j.stamp()})
		e := j.feeds[belowFeed][i]
		e.Effective = timestamppb.New(j.now.AddDate(0, -8+i, 0))
	}
	j.recounts()
}
