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
		b.Backdated = claimed.before(without)
	}
	if !claimed.Recorded.IsZero() {
		b.RecordTime = timestamppb.New(claimed.Recorded)
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
	// Recorded is the earliest moment that its record says a service has set in it, of those that
	// are too old and did not stand in it before; zero if there is none.
	Recorded time.Time
}

// ClaimedBy is what the entry claims to one that goes by a simulated clock, or by real time.
func ClaimedBy(e *feedv1.Entry, simulated bool) Claimed {
	c := Claimed{At: e.GetAt().AsTime()}
	if !simulated {
		c.Effective = e.GetEffective().AsTime()
	}
	return c
}

// before says whether the entry claims to be of before a head that was shown without it.
func (c Claimed) before(without time.Time) bool {
	return c.At.Before(without.Add(-Slack)) || Over(c.Effective, without) || Over(c.Recorded, without)
}

// Over says whether the day of a moment was over when a head was shown, by more than Slack.
// The whole day counts: what is to have no fine time took effect as its day began. The zero
// time is none.
func Over(moment, shown time.Time) bool {
	shown = shown.Add(-Slack)
	return !moment.IsZero() && moment.Before(shown) && calendar.On(moment).End().Before(shown)
}

// Silent says whether a log that was heard of at that time is to be called
// silent (失联) at now.
func Silent(heard, now time.Time, policy time.Duration) bool { return now.Sub(heard) > policy }
