package target

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	timeout     = 15 * time.Second // of a whole delivery
	dialTimeout = 5 * time.Second
	maxHeader   = 16 << 10
	maxBody     = 64 << 10 // of an answer, which nobody reads
)

// Answer is what came of one delivery. Nothing of the receiver's words is kept.
type Answer struct {
	// Status is the HTTP status; 0 if there was none.
	Status int
	// RetryAfter is how long the receiver asks to be left alone.
	RetryAfter time.Duration
	// Failure says in a word why there was no answer: "target", "timeout", "tls",
	// "refused"; "" if there was one.
	Failure string
}

// Sender posts to addresses that a policy allows. It follows no redirect, asks no
// proxy and keeps no cookies.
type Sender struct {
	policy *Policy
	client *http.Client
}

// Sender returns a client that holds each connection against p.
func (p *Policy) Sender() *Sender {
	dialer := &net.Dialer{Timeout: dialTimeout, Control: p.control}
	return &Sender{p, &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
			MaxIdleConnsPerHost: 2, MaxIdleConns: 100, IdleConnTimeout: 30 * time.Second,
		},
	}}
}

// control is asked with the address that is about to be connected to, after names
// are resolved.
func (p *Policy) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse("不是 IP 地址", "it is no IP address")
	}
	return p.Address(at)
}

// Send posts body to the address.
func (s *Sender) Send(ctx context.Context, url string, header http.Header, body []byte) Answer {
	if _, err := s.policy.URL(url); err != nil {
		return Answer{Failure: "target"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(body)))
	if err != nil {
		return Answer{Failure: "target"}
	}
	req.Header = header
	res, err := s.client.Do(req)
	if err != nil {
		return Answer{Failure: word(err)}
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxBody) // so that the connection can be used again
	return Answer{Status: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), res.Header.Get("Date"))}
}

// word names an error without what it says: that may hold addresses.
func word(err error) string {
	var refusal *Refusal
	var network net.Error
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refusal):
		return "target"
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &record), errors.As(err, &certificate):
		return "tls"
	default:
		return "refused"
	}
}

// retryAfter reads the header: seconds, or a date held against the receiver's own.
func retryAfter(text, date string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(text)
	now, wrong := http.ParseTime(date)
	if err != nil || wrong != nil {
		return 0
	}
	return max(0, until.Sub(now))
}
