package telemetry

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// results are what a delivery to a webhook may come to.
var results = []string{"delivered", "failed", "given_up"}

// Deliveries counts what came of tries to deliver events to webhooks (事件推送):
// the function it returns is told "delivered", "failed" or "given_up", and is
// safe for concurrent use. A second call is an error.
func (t *Telemetry) Deliveries() (count func(result string), err error) {
	tries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "duban_webhook_deliveries_total", Help: "Tries to deliver events to webhooks, by what came of them.",
	}, []string{"result"})
	if err := t.registry.Register(tries); err != nil {
		return nil, fmt.Errorf("counting deliveries: %w", err)
	}
	counters := map[string]prometheus.Counter{}
	for _, r := range results {
		counters[r] = tries.WithLabelValues(r)
	}
	return func(result string) { counters[result].Inc() }, nil
}

// Lag is how far events and their deliveries are behind.
type Lag struct {
	// Entries are those of the feeds that are not yet told as events.
	Entries uint64
	// Waiting are the deliveries that wait, Dead those that were given up and are
	// kept.
	Waiting, Dead uint64
	// Stuck are the webhooks to which nothing is sent because of the installation
	// itself.
	Stuck uint64
}

// Events shows how far events and webhooks are behind. Look is called at each
// scrape, by several goroutines at a time; it MUST NOT block for long. A second
// call is an error.
func (t *Telemetry) Events(look func() Lag) error {
	for _, g := range []struct {
		name, help string
		of         func(Lag) uint64
	}{
		{"duban_events_behind", "Entries of feeds that are not yet told as events.", func(l Lag) uint64 { return l.Entries }},
		{"duban_webhook_deliveries_waiting", "Deliveries to webhooks that wait for a try.", func(l Lag) uint64 { return l.Waiting }},
		{"duban_webhook_deliveries_dead", "Deliveries to webhooks that were given up and are kept.", func(l Lag) uint64 { return l.Dead }},
		{"duban_webhooks_stuck", "Webhooks to which nothing is sent because of this installation itself.", func(l Lag) uint64 { return l.Stuck }},
	} {
		if err := t.gauge(g.name, g.help, "event", func() uint64 { return g.of(look()) }); err != nil {
			return err
		}
	}
	return nil
}
