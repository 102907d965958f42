package telemetry

import (
	"bufio"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sample returns the value of the only line of page whose name and labels hold
// all of parts.
func sample(t *testing.T, page string, parts ...string) float64 {
	t.Helper()
	var found []string
	for lines := bufio.NewScanner(strings.NewReader(page)); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#") && holds(line, parts) {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d lines hold %q: %q in\n%s", len(found), parts, found, page)
	}
	v, err := strconv.ParseFloat(found[0][strings.LastIndexByte(found[0], ' ')+1:], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func holds(line string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(line, p) {
			return false
		}
	}
	return true
}

// pageWith is the page once both sides of a call stand in it: over TCP the one
// that serves counts a call after the other has its answer.
func (b *bed) pageWith(t *testing.T, outcomes ...string) (page string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 6000 { // half a minute
		page = b.page(t)
		missing := func(outcome string) bool {
			parts := []string{"rpc_server_call_duration_seconds_count", `rpc_response_status_code="` + outcome + `"`}
			return !slices.ContainsFunc(strings.Split(page, "\n"), func(line string) bool { return holds(line, parts) })
		}
		if !slices.ContainsFunc(outcomes, missing) {
			return page
		}
		<-tick.C
	}
	return page
}

func TestMetricsPage(t *testing.T) {
	everyTransport(t, func(t *testing.T, over transport) {
		b := lay(t, over)
		size := uint64(41)
		if err := b.Feed("organization", func() uint64 { return size }); err != nil {
			t.Fatal(err)
		}
		b.get(t, "1", "")
		b.get(t, "zhang-san", "")
		b.recorded(t, 8)
		size++

		page := b.pageWith(t, "OK", "INTERNAL")
		for _, c := range []struct {
			want  float64
			parts []string
		}{
			{1, []string{"http_server_request_duration_seconds_count", `http_route="/v1/units/{unit}"`, `status_code="200"`}},
			{1, []string{"rpc_server_call_duration_seconds_count", `rpc_method="grpc.health.v1.Health/Check"`, `"OK"`}},
			{1, []string{"rpc_server_call_duration_seconds_count", `rpc_method="grpc.health.v1.Health/Check"`, `rpc_response_status_code="INTERNAL"`}},
			{2, []string{"duban_store_duration_seconds_count", `service="organization"`, `operation="update"`}},
			{42, []string{"duban_feed_size", `service="organization"`}},
		} {
			if got := sample(t, page, c.parts...); got != c.want {
				t.Errorf("%q = %v, want %v", c.parts, got, c.want)
			}
		}
		if got := sample(t, page, "rpc_server_call_duration_seconds_sum", `"OK"`); got <= 0 || got > 60 {
			t.Errorf("the call took %v s", got)
		}
		few(t, page)
		sample(t, page, "go_goroutines")
		sample(t, page, "process_open_fds")
	})
}

// most is how many series a method or a route has for each status: the count, the
// sum, and the buckets.
const most = 8

// few holds the page against what a method may have on it: with hundreds of methods
// and the statuses of their refusals it is what everybody's scrape takes.
func few(t *testing.T, page string) {
	t.Helper()
	series := map[string]int{}
	for line := range strings.Lines(page) {
		name, labels, _ := strings.Cut(line, "{")
		if !strings.HasPrefix(name, "rpc_") && !strings.HasPrefix(name, "http_") {
			continue
		}
		labels, _, _ = strings.Cut(labels, ",le=")
		labels, _, _ = strings.Cut(labels, "}")
		series[labels]++
	}
	if len(series) == 0 {
		t.Error("nothing is shown of calls")
	}
	for labels, n := range series {
		if n > most {
			t.Errorf("%d series have %s, want at most %d", n, labels, most)
		}
	}
}

func TestFeedIsShownOnce(t *testing.T) {
	b := lay(t, inProcess)
	size := func() uint64 { return 1 }
	for _, service := range []string{"organization", "campaign"} {
		if err := b.Feed(service, size); err != nil {
			t.Errorf("Feed(%s): %v", service, err)
		}
	}
	if err := b.Feed("campaign", size); err == nil {
		t.Error("a second feed of campaign is no error")
	}
}
