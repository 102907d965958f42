package telemetry

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Unsent is how much of a feed the installation above has not cosigned.
type Unsent struct {
	// Entries is how many entries that are.
	Entries uint64
	// Oldest is the age of the first of them.
	Oldest time.Duration
}

// Push shows how much of the feed of a service is not cosigned above (上报滞后). Look is
// called as Feed's size is. A service's second Push is an error.
func (t *Telemetry) Push(service string, look func() Unsent) error {
	if err := t.gauge("duban_push_behind", "Entries of the feed of a service that the installation above has not cosigned.", service,
		func() uint64 { return look().Entries }); err != nil {
		return err
	}
	return t.gauge("duban_push_oldest_seconds", "Age of the oldest entry of the feed of a service that the installation above has not cosigned.", service,
		func() uint64 { return uint64(look().Oldest / time.Second) })
}

// Clones shows how often two processes were the same installation below at once (克隆). A
// second call is an error.
func (t *Telemetry) Clones(look func() int64) error {
	err := t.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "duban_clones_total", Help: "How often two processes pushed as the same installation at once.",
	}, func() float64 { return float64(look()) }))
	if err != nil {
		return fmt.Errorf("showing clones: %w", err)
	}
	return nil
}

// Greetings shows how often who came as an installation below was not believed, by the code of
// the answer, and how many came that no key of theirs had signed. A second call is an error.
func (t *Telemetry) Greetings(look func() map[string]int64, unsigned func() int64) error {
	if err := t.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "duban_greetings_unsigned_total", Help: "How many greetings were refused that no key of the installation had signed as which they came.",
	}, func() float64 { return float64(unsigned()) })); err != nil {
		return fmt.Errorf("showing unsigned greetings: %w", err)
	}
	if err := t.registry.Register(greetings(look)); err != nil {
		return fmt.Errorf("showing refused greetings: %w", err)
	}
	return nil
}

var greetingsDesc = prometheus.NewDesc("duban_greetings_refused_total", "How often who came as an installation below was not believed, by code: of each once a minute at most.", []string{"code"}, nil)

// greetings implements prometheus.Collector.
type greetings func() map[string]int64

// Describe implements prometheus.Collector.
func (greetings) Describe(to chan<- *prometheus.Desc) { to <- greetingsDesc }

// Collect implements prometheus.Collector.
func (look greetings) Collect(to chan<- prometheus.Metric) {
	for code, n := range look() {
		to <- prometheus.MustNewConstMetric(greetingsDesc, prometheus.CounterValue, float64(n), code)
	}
}

// Mirror is what is shown of a mirrored log.
type Mirror struct {
	// Installation and Service name it.
	Installation, Service string
	// State is one of States.
	State string
	// Ended says that it is of an era before, which is counted by its state alone.
	Ended bool
	// Relayed says that its installation pushes to another below this one.
	Relayed bool
	// Heard is how long ago it was heard of.
	Heard time.Duration
	// Behind is how many entries are known of and not here yet.
	Behind uint64
	// Backdated is how many entries claim to be of before a head without them.
	Backdated uint64
}

// States are those that a mirrored log may be in.
var States = []string{"active", "silent", "behind", "frozen", "revoked"}

// mirrorsShown is how many mirrored logs are shown one by one.
const mirrorsShown = 1000

var (
	mirrorsDesc = prometheus.NewDesc("duban_mirrors", "Mirrored logs of installations below, by how they stand.", []string{"state"}, nil)
	heardDesc   = prometheus.NewDesc("duban_mirror_heard_seconds", "How long ago a log of an installation enrolled here was heard of.", []string{"installation", "service"}, nil)
	behindDesc  = prometheus.NewDesc("duban_mirror_behind", "Entries of a log of an installation enrolled here that are known of and not here yet.", []string{"installation", "service"}, nil)
	datedDesc   = prometheus.NewDesc("duban_mirror_backdated", "Entries of a log of an installation below that claim to be older than a head that was shown without them.", []string{"installation", "service"}, nil)
)

// Mirrors shows how the logs of installations below stand (下级日志): by state all, and
// one by one those of installations that push to this one, the first 1,000 that look
// names. Look is called as Feed's size is. A second call is an error.
func (t *Telemetry) Mirrors(look func() []Mirror) error {
	if err := t.registry.Register(mirrors(look)); err != nil {
		return fmt.Errorf("showing mirrors: %w", err)
	}
	return nil
}

// mirrors implements prometheus.Collector.
type mirrors func() []Mirror

// Describe implements prometheus.Collector.
func (mirrors) Describe(to chan<- *prometheus.Desc) {
	to <- mirrorsDesc
	to <- heardDesc
	to <- behindDesc
	to <- datedDesc
}

// Collect implements prometheus.Collector.
func (look mirrors) Collect(to chan<- prometheus.Metric) {
	states, shown := map[string]int{}, map[bool]int{} // by whether they are relayed
	for _, m := range look() {
		states[m.State]++
		if m.Ended {
			continue
		}
		if shown[m.Relayed]++; shown[m.Relayed] > mirrorsShown {
			continue
		}
		to <- prometheus.MustNewConstMetric(datedDesc, prometheus.GaugeValue, float64(m.Backdated), m.Installation, m.Service)
		if m.Relayed {
			continue
		}
		to <- prometheus.MustNewConstMetric(heardDesc, prometheus.GaugeValue, m.Heard.Seconds(), m.Installation, m.Service)
		to <- prometheus.MustNewConstMetric(behindDesc, prometheus.GaugeValue, float64(m.Behind), m.Installation, m.Service)
	}
	for _, state := range States {
		to <- prometheus.MustNewConstMetric(mirrorsDesc, prometheus.GaugeValue, float64(states[state]), state)
	}
}
