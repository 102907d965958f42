package federation

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// Slack is how much older than a head that was shown without it an entry may
// claim to be, before it counts as backdated (倒签嫌疑): two heartbeats.
const Slack = 2 * Beat

// MaxListed is how many backdated entries of a log are listed.
const MaxListed = 100

// NewBracket says between which moments an entry became known here: without is
// when a head was last shown that did not have it, with when the first was
// cosigned that had; either is zero if there was none.
func NewBracket(without, with time.Time, claimed Claimed) *federationv1.Bracket {
	b := &federationv1.Bracket{ClaimedTime: timestamppb.New(claimed.At)}
	if !claimed.Effective.IsZero() {
		b.EffectiveTime = timestamppb.New(claimed.Effective)
	}
	if !without.IsZero() {
		b.WithoutTime = timestamppb.New(without)
		b.Backdated = claimed.before(without.Add(-Slack))
	}
	if !with.IsZero() {
		b.WithTime = timestamppb.New(with)
	}
	return b
}

// Claimed is what an entry says of its time.
type Claimed struct {
	// At is when it was written.
	At time.Time
	// Effective is since when it counts; zero if that is no real time.
	Effective time.Time
}

// ClaimedBy is what the entry claims to one that goes by a simulated clock, or by real time.
func ClaimedBy(e *feedv1.Entry, simulated bool) Claimed {
	c := Claimed{At: e.GetAt().AsTime()}
	if !simulated {
		c.Effective = e.GetEffective().AsTime()
	}
	return c
}

// before says whether the entry claims to be of before a moment, in what it took effect by
// the whole day: what is to have no fine time took effect as its day began.
func (c Claimed) before(t time.Time) bool {
	return c.At.Before(t) || !c.Effective.IsZero() && calendar.On(c.Effective).End().Before(t)
}

// Silent says whether a log that was heard of at that time is to be called
// silent (失联) at now.
func Silent(heard, now time.Time, policy time.Duration) bool { return now.Sub(heard) > policy }
