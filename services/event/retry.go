package event

import (
	"slices"
	"time"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
)

// pauses are those between the tries of one delivery, as Standard Webhooks 1.0.0
// recommends them: the first try is at once, the last after 75 h and 35 min.
var pauses = [...]time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

const (
	// Tries is how often a delivery is tried at most.
	Tries = len(pauses) + 1

	// patience is how long a webhook may fail before it is suspended.
	patience = 5 * 24 * time.Hour
	// longest is the longest pause that a receiver can ask for.
	longest = 24 * time.Hour
	// Dead is how many deliveries that were given up are kept, and how many may be
	// given up before the webhook is suspended.
	Dead = 1_000

	// breath is how long nothing is sent to a receiver that has too much to do, and
	// rest the longest that this becomes.
	breath = 5 * time.Second
	rest   = 5 * time.Minute
)

// The statuses of HTTP by which a receiver says more than that it failed.
const (
	gone               = 410
	tooManyRequests    = 429
	badGateway         = 502
	serviceUnavailable = 503
	gatewayTimeout     = 504
)

// Outcome is what came of one try.
type Outcome struct {
	Status     int           // of HTTP; 0 for none
	RetryAfter time.Duration // that the receiver asks for
}

// Delivered says whether the receiver has taken it.
func (o Outcome) Delivered() bool { return o.Status >= 200 && o.Status < 300 }

// Gone says whether the receiver wants no more at all.
func (o Outcome) Gone() bool { return o.Status == gone }

// Throttled says whether the receiver has too much to do: then nothing else is
// sent to it either for a while.
func (o Outcome) Throttled() bool {
	return slices.Contains([]int{tooManyRequests, badGateway, serviceUnavailable, gatewayTimeout}, o.Status)
}

// Asked is how long nothing at all is to be sent, by the receiver's own words.
func (o Outcome) Asked() time.Duration {
	switch {
	case !o.Throttled():
		return 0
	case o.Status == tooManyRequests:
		return max(breath, min(o.RetryAfter, longest))
	default:
		return min(o.RetryAfter, longest)
	}
}

// Breath is how long nothing is sent to a receiver that has had too much to do so
// many times in a row, each for a delivery that was new to it; and how long an
// installation that cannot send for a reason of its own waits before it looks again.
func Breath(times int) time.Duration {
	return min(breath<<min(max(times-1, 0), 10), rest)
}

// Again says how long to wait before the next try, if tries have failed so far,
// the last with o; or that there is none. The jitter, from 0 to 1, spreads
// what failed together over a tenth of the pause.
func (o Outcome) Again(tries int, jitter float64) (pause time.Duration, ok bool) {
	if tries < 1 || tries > len(pauses) {
		return 0, false
	}
	pause = pauses[tries-1]
	pause += time.Duration(float64(pause) * jitter / 10)
	return max(pause, min(o.RetryAfter, longest)), true
}

// Cause says why a webhook is to be suspended after a try at now: since is when
// it began to fail, dead how many deliveries it has given up since it was enabled.
func (o Outcome) Cause(since, now time.Time, dead int) eventv1.Webhook_Cause {
	switch {
	case o.Gone():
		return eventv1.Webhook_CAUSE_GONE
	case o.Delivered():
		return eventv1.Webhook_CAUSE_UNSPECIFIED
	case now.Sub(since) >= patience:
		return eventv1.Webhook_CAUSE_FAILING
	case dead >= Dead:
		return eventv1.Webhook_CAUSE_DEAD_LETTERS
	default:
		return eventv1.Webhook_CAUSE_UNSPECIFIED
	}
}
