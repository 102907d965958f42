package profile

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Client is the place of a process that calls.
const Client = "the client, a process of its own"

// REST is where a create over REST takes time.
var REST = []Place{
	whole("following feeds: figures, worklists, notices, trees", `services/internal/feed\.(Follow|poll)|_FeedService_`),
	whole("collecting garbage", `^runtime\.(gcBgMarkWorker|bgsweep|bgscavenge)`),
	whole("committing: pages, and what the disk takes", `bbolt\.\(\*Tx\)\.Commit`),
	inner("trees of bbolt", `^go\.etcd\.io/bbolt`),
	inner("gateway: JSON of bodies, read strictly", `^encoding/json\.|duban/gateway/internal/strict`),
	inner("gateway: JSON from and to messages", `^google\.golang\.org/protobuf/(encoding/protojson|internal/encoding/json)`),
	inner("encoding and decoding messages", `^google\.golang\.org/protobuf/`),
	inner("validating against the contract", `protovalidate|google/cel-go`),
	inner("feed: entries, hashes, signatures", `services/internal/feed\.|^crypto/`),
	inner("who calls, and what they may", `services/internal/(authn|authz|seat|scope|directory)\.`),
	inner("telemetry", `services/internal/telemetry\.|^go\.opentelemetry\.io/|^log/slog\.`),
	inner("steps before a service", `services/internal/(serve|limit)\.`),
	inner("gRPC in process", `grpchan|^google\.golang\.org/grpc`),
	inner("gateway: all else", `duban/gateway|grpc-gateway`),
	inner("HTTP server", `^net/http\.|^net/textproto\.`),
	inner("rules, records, indexes", `duban/services/`),
	inner("Go's scheduler", `^runtime\.(mcall|schedule|findRunnable|mstart|sysmon)`),
}

func whole(name, in string) Place {
	return Place{Name: name, In: regexp.MustCompile(in), Whole: true}
}

func inner(name, in string) Place {
	return Place{Name: name, In: regexp.MustCompile(in)}
}

// Spent is where processor time went while something was done so many times.
type Spent struct {
	Times  int
	Took   time.Duration // by the clock
	Shares []Share       // of this process, and of the client
}

// String is a table of the ten places that take the most, and of the client.
func (s Spent) String() string {
	var all time.Duration
	for _, each := range s.Shares {
		all += each.Took
	}
	of := func(t time.Duration) string {
		return fmt.Sprintf("%.1f %% | %d µs", 100*t.Seconds()/all.Seconds(), t.Microseconds()/int64(s.Times))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `
**Where REST spends its time**: %d creates more, behind the rounds, with a sample of every 10 ms of processor time; they took %.0f %% of what
%d cores had. A sample counts for the innermost of these places that it is in; feeds, garbage and commits have all that is done for them.

| where | of all | a create |
|---|--:|--:|
`, s.Times, 100*all.Seconds()/s.Took.Seconds()/float64(runtime.NumCPU()), runtime.NumCPU())
	for i, each := range s.Shares {
		if i < 10 || each.Place == Client {
			fmt.Fprintf(&b, "| %s | %s |\n", each.Place, of(each.Took))
		}
	}
	return b.String()
}
