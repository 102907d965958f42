package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
)

// Config is the section "telemetry" of the configuration.
type Config struct {
	// LogLevel is the lowest level that is logged: debug, info, warn or error.
	LogLevel string `yaml:"log_level"`
	// OTLPEndpoint is the host:port of the collector that takes traces by OTLP
	// over gRPC. Empty means silence: nothing is recorded and no connection is
	// tried; calls still have trace ids, for logs and X-Request-Id.
	OTLPEndpoint string `yaml:"otlp_endpoint"`
	// OTLPInsecure connects to the collector without TLS. Otherwise it MUST have
	// a certificate that the system's roots vouch for.
	OTLPInsecure bool `yaml:"otlp_insecure"`
	// Service is the name under which traces and metrics are found.
	Service string `yaml:"service"`
	// Sample is the share of traces that are recorded, from 0 to 1. It is decided where
	// a client or another installation calls, whatever that sends, and holds for all
	// that our own processes do for the call.
	Sample float64 `yaml:"sample"`
}

// Default logs from info on and sends nothing; given a collector, it records
// every tenth trace.
var Default = Config{LogLevel: "info", Service: "duban", Sample: 0.1}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug,
	"info":  slog.LevelInfo,
	"warn":  slog.LevelWarn,
	"error": slog.LevelError,
}

func (c Config) level() slog.Level { return levels[c.LogLevel] }

// Check returns every mistake at once, each with the key it is at.
func (c Config) Check() error {
	var errs []error
	if _, ok := levels[c.LogLevel]; !ok {
		errs = append(errs, fmt.Errorf("telemetry.log_level: %q is none of debug, info, warn, error", c.LogLevel))
	}
	if c.OTLPEndpoint != "" && !isAddress(c.OTLPEndpoint) {
		errs = append(errs, fmt.Errorf("telemetry.otlp_endpoint: %q is not host:port", c.OTLPEndpoint))
	}
	if c.Service == "" {
		errs = append(errs, errors.New("telemetry.service: is empty"))
	}
	if !(c.Sample >= 0 && c.Sample <= 1) { // NaN is neither
		errs = append(errs, fmt.Errorf("telemetry.sample: %v is not between 0 and 1", c.Sample))
	}
	return errors.Join(errs...)
}

func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
