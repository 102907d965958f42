package federation

import (
	"strings"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// Turned is the row of a mirror that takes the place of that of an era before (新纪元): what was
// learned of the log stays.
func Turned(now, before *federationv1.Mirror) *federationv1.Mirror {
	now.HeardTime, now.EffectiveTime = before.GetHeardTime(), before.GetEffectiveTime()
	now.RefusedCount, now.RefusedUnits = before.GetRefusedCount(), before.GetRefusedUnits()
	now.BackdatedCount, now.BackdatedSeqs = before.GetBackdatedCount(), before.GetBackdatedSeqs()
	now.RefusedGreetings = before.GetRefusedGreetings()
	return now
}

// Ended is the row that stays of a log's mirror beside that of a later era, under a name of its
// own, installations/{installation}/mirrors/{service}.{era}: of an era of which two histories were
// signed, here or as who relays it says. Of any other nothing is to be told, and it is nil.
func Ended(m *federationv1.Mirror) *federationv1.Mirror {
	if m.GetState() != federationv1.Mirror_STATE_FROZEN && m.GetRelayedState() != federationv1.Mirror_STATE_FROZEN {
		return nil
	}
	o, _ := ParseLog(LogOf(m))
	out := proto.CloneOf(m)
	out.Feed = "feeds/" + o.Past()
	out.Name = o.Mirror() + strings.TrimPrefix(o.Past(), o.Feed())
	return out
}

// IsEnded says whether a row is one that Ended has left.
func IsEnded(m *federationv1.Mirror) bool {
	o, _ := ParseLog(LogOf(m))
	return m.GetFeed() == "feeds/"+o.Past()
}
