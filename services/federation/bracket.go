package federation

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// Slack is how much older than a head that was shown without it an entry may
// claim to be, before it counts as backdated (倒签嫌疑): two heartbeats.
const Slack = 2 * Beat

// NewBracket says between which moments an entry became known here: without is
// when a head was last shown that did not have it, with when the first was
// cosigned that had; either is zero if there was none. claimed is when the entry
// says it was written.
func NewBracket(without, with, claimed time.Time) *federationv1.Bracket {
	b := &federationv1.Bracket{ClaimedTime: timestamppb.New(claimed)}
	if !without.IsZero() {
		b.WithoutTime = timestamppb.New(without)
		b.Backdated = claimed.Before(without.Add(-Slack))
	}
	if !with.IsZero() {
		b.WithTime = timestamppb.New(with)
	}
	return b
}

// Silent says whether a log that was heard of at that time is to be called
// silent (失联) at now.
func Silent(heard, now time.Time, policy time.Duration) bool { return now.Sub(heard) > policy }
