package suite

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"time"

	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/address"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/telemetry"
)

// Config is the whole configuration of a process. Its zero value is not usable:
// start from Default.
type Config struct {
	// Data is the folder of the stores and keys.
	Data string `yaml:"data"`
	// Installation names this installation among all: province, perhaps the place in it,
	// then itself. It is the start of its feeds' origins and cannot change later.
	Installation string `yaml:"installation"`
	// HTTP is where REST listens; empty: nowhere.
	HTTP string `yaml:"http"`
	// GRPC is where gRPC listens; empty: nowhere.
	GRPC string `yaml:"grpc"`
	// Reserve is the free disk, in MiB, below which nothing is written.
	Reserve uint64 `yaml:"reserve_mib"`
	// AllowedOrigins may call from a browser (CORS); none by default.
	AllowedOrigins []string `yaml:"allowed_origins"`
	// TrustedProxies are the networks of the reverse proxies whose X-Forwarded-For
	// says who asks; others' is not believed.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// Grace is how long calls may take to end when the process stops.
	Grace time.Duration `yaml:"grace"`
	// Metrics is where Prometheus finds its page; empty: nowhere.
	Metrics string `yaml:"metrics"`
	// Telemetry says what is told about calls, and to whom.
	Telemetry telemetry.Config `yaml:"telemetry"`
	// Federation says who is above this installation, and how those below reach it.
	Federation Federation `yaml:"federation"`
	// Identity says who is believed to say who calls.
	Identity Identity `yaml:"identity"`
	// Webhooks says where events may be sent.
	Webhooks Webhooks `yaml:"webhooks"`
	// Peers says how the processes reach each other, if there are several.
	Peers Peers `yaml:"peers"`
	// Sandbox is where duban sandbox runs.
	Sandbox Sandbox `yaml:"sandbox"`
	// Limits bound what the process takes on.
	Limits serve.Limits `yaml:"limits"`

	beside []string // where a sandbox's owner listens and those that it reaches
}

// Default is a configuration for one bureau on one machine, reachable from that
// machine only.
func Default() Config {
	return Config{
		Data: "data", Installation: "local/duban",
		HTTP: "127.0.0.1:8080", GRPC: "127.0.0.1:9090",
		Metrics: "127.0.0.1:9464", Telemetry: telemetry.Default, Federation: Federation{Silence: 10 * time.Minute},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		Identity:       Identity{KeysSign: true},
		Sandbox:        Sandbox{Data: "sandbox", HTTP: "127.0.0.1:8090"},
		Reserve:        64, Grace: 8 * time.Second, Limits: serve.DefaultLimits,
	}
}

// Name is the installation's among those that its parent knows.
func (c Config) Name() string { return "installations/" + path.Base(c.Installation) }

const (
	// What limits.message may be: in less a page of a list or of a feed (1 MiB), or a file
	// (page.FileBytes), might find no room, and more would have to be held at once.
	leastMessage = 4 << 20
	mostMessage  = 1 << 30
	// mostReserve is a pebibyte, in MiB: far below where bytes no longer fit a number.
	mostReserve = 1 << 30
	// mostCalls is more than a machine can run at once, and mostRate than it can answer in
	// a second: what is larger is a slip.
	mostCalls, mostRate = 1 << 20, 1 << 30
	// leastRate lets one who calls without pause get an answer each second, and what of that
	// is left to each network of the public one in eight.
	leastRate = 1
	// leastDeadline has room for a call that asks other services, mostDeadline is far beyond
	// what anybody waits for.
	leastDeadline, mostDeadline = time.Second, time.Hour
	// leastGrace lets REST go on while clients hear of the stop, mostGrace leaves a second of
	// the ten that a stop may take for the spans, and one to end.
	leastGrace, mostGrace = time.Second, 8 * time.Second
	// leastBodies has room for two of the largest bodies, mostBodies is more than a machine has.
	leastBodies, mostBodies = 32 << 20, 1 << 40
)

// Check implements config.Section.
func (c *Config) Check() error {
	var mistakes []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			mistakes = append(mistakes, fmt.Errorf(format, args...))
		}
	}
	check(c.Data != "", "data: must name a folder")
	_, _, named := federation.SplitName(c.Installation)
	check(named, "installation: must be province/installation or province/place/installation, of a-z, 0-9 and hyphen, each beginning with a letter or digit; all but the last may have dots")
	for key, at := range map[string]string{"http": c.HTTP, "grpc": c.GRPC, "metrics": c.Metrics} {
		check(address.Listens(at), "%s: must be host:port", key)
	}
	check(c.Reserve <= mostReserve, "reserve_mib: must be at most %d", mostReserve)
	check(c.Grace >= leastGrace && c.Grace <= mostGrace, "grace: must be from %v to %v, so that a stop takes less than ten", leastGrace, mostGrace)
	l := c.Limits
	for _, n := range []struct {
		key             string
		is, least, most float64
	}{
		{"in_flight", float64(l.InFlight), 1, mostCalls}, {"waits", float64(l.Waits), 1, mostCalls}, {"connections", float64(l.Connections), 1, mostCalls},
		{"rate", l.Rate, leastRate, mostRate}, {"burst", float64(l.Burst), 1, mostRate},
	} {
		check(n.is >= n.least && n.is <= n.most, "limits.%s: must be from %.0f to %.0f", n.key, n.least, n.most)
	}
	check(l.Deadline >= leastDeadline && l.Deadline <= mostDeadline, "limits.deadline: must be from %v to %v", leastDeadline, mostDeadline)
	check(l.Message >= leastMessage && l.Message <= mostMessage, "limits.message: must be from %d to %d bytes", leastMessage, mostMessage)
	check(l.Bodies >= leastBodies && l.Bodies <= mostBodies, "limits.bodies: must be from %d to %d bytes", leastBodies, mostBodies)
	owner := c.Data
	if c.beside != nil {
		owner = "" // it is a sandbox itself, and has none beside it
	}
	return errors.Join(append(mistakes, address.Origins(c.AllowedOrigins), address.Proxies(c.TrustedProxies), c.apart(),
		c.Federation.check(), c.Telemetry.Check(), c.Identity.Check(), c.Webhooks.check(), c.Sandbox.check(owner), c.Peers.check())...)
}
