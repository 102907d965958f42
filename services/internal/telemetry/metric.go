package telemetry

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
)

// scrapes is how many readers of the metrics are served at once.
const scrapes = 4

// newMeters returns the source of the HTTP and RPC metrics, which are read
// through registry. Exemplars are off: they carry the attributes that a view
// has dropped.
func newMeters(about *resource.Resource, registry *prometheus.Registry) (*sdkmetric.MeterProvider, error) {
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	return sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(about),
		sdkmetric.WithReader(reader),
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter),
		sdkmetric.WithView(shown),
	), nil
}

// shown is how what is measured of calls stands on the page. Each method and status is
// a histogram of its own, of which there are thousands: the page has how long the
// process took to answer, by the bounds that somebody is woken by, and neither the
// sizes of bodies nor the other side of the same calls.
func shown(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
	s := sdkmetric.Stream{Name: i.Name, Description: i.Description, Unit: i.Unit, AttributeFilter: kept}
	switch i.Name {
	case "http.server.request.duration", "rpc.server.call.duration":
		s.Aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{0.01, 0.05, 0.25, 1, 5}, NoMinMax: true}
	default:
		s.Aggregation = sdkmetric.AggregationDrop{}
	}
	return s, true
}

// page serves what registry holds, and what the process and the Go runtime use.
func page(registry *prometheus.Registry, log *slog.Logger) http.Handler {
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: scrapes,
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
	})
}

// Feed shows how many entries the feed of a service holds (台账条数). Size is
// called at each scrape, by several goroutines at a time; it MUST NOT block. A
// service's second Feed is an error.
func (t *Telemetry) Feed(service string, size func() uint64) error {
	return t.gauge("duban_feed_size", "Entries in the feed of a service.", service, size)
}

// Held shows whether the feed of a service makes no entries (停写), because it is known
// not to be whole: 1 if so, else 0. Held is called as Feed's size is.
func (t *Telemetry) Held(service string, held func() bool) error {
	return t.gauge("duban_feed_held", "Whether the feed of a service makes no entries: 1 if so.", service, func() uint64 {
		if held() {
			return 1
		}
		return 0
	})
}

// Counted shows how many entries of the feed of a service the figures count
// (汇总进度): what Feed shows, a moment later. Count is called as Feed's size is.
func (t *Telemetry) Counted(service string, count func() uint64) error {
	return t.gauge("duban_feed_counted", "Entries of the feed of a service that the figures count.", service, count)
}

// Disk shows how many bytes are free where the data are, and below how many
// nothing is written (磁盘余量). Free is called as Feed's size is.
func (t *Telemetry) Disk(free func() uint64, reserve uint64) error {
	for name, gauge := range map[string]struct {
		help  string
		value func() uint64
	}{
		"duban_disk_free_bytes":    {"Free bytes of the disk that holds the data.", free},
		"duban_disk_reserve_bytes": {"Free bytes below which nothing is written.", func() uint64 { return reserve }},
	} {
		err := t.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: gauge.help},
			func() float64 { return float64(gauge.value()) }))
		if err != nil {
			return fmt.Errorf("showing %s: %w", name, err)
		}
	}
	return nil
}

// SetAside shows how many orders of a service to another are set aside because
// they fail for a reason of their own (暂缓): above 0 somebody must look. Count is
// called as Feed's size is.
func (t *Telemetry) SetAside(service string, count func() uint64) error {
	return t.gauge("duban_orders_set_aside", "Orders to other services that fail for a reason of their own and are tried again later.", service, count)
}

// Governed shows until when a security administrator of the root has a key (安全管理员密钥
// 到期时间), in seconds since 1970, 0 if that is not known: from then on nobody can issue
// any. Until is called as Feed's size is.
func (t *Telemetry) Governed(until func() uint64) error {
	return t.gauge("duban_security_keys_end_seconds", "When the last key of the security administrators of the root ends, in seconds since 1970.", "organization", until)
}

func (t *Telemetry) gauge(name, help, service string, value func() uint64) error {
	err := t.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name, Help: help, ConstLabels: prometheus.Labels{"service": service},
	}, func() float64 { return float64(value()) }))
	if err != nil {
		return fmt.Errorf("showing %s of %s: %w", name, service, err)
	}
	return nil
}
