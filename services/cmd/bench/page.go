package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// median of what a round gives.
func median[R any, N cmp.Ordered](rounds []R, figure func(R) N) N {
	all := make([]N, len(rounds))
	for i, r := range rounds {
		all[i] = figure(r)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func verdict(ok bool) string {
	if ok {
		return "held"
	}
	return "**short**"
}

// write makes the page anew.
func write(path string, p plan, c []creates, s []statuses, started starts) error {
	inProcess := median(c, func(c creates) float64 { return c.grpc / c.bare })
	rest := median(c, func(c creates) float64 { return c.rest / c.bare })
	split := median(c, func(c creates) float64 { return c.split / c.bare })
	status := median(s, func(s statuses) float64 { return float64(s.large) / float64(s.small) })
	var b strings.Builder
	fmt.Fprintf(&b, `# Performance

Written by %[1]smake bench%[1]s: ratios of one interleaved run, medians of %[2]d rounds after one that warms up. Absolute figures
are of the machine named below and say nothing about yours; the ratios do.

Machine: %[3]s, %[4]d cores, %[5]s/%[6]s, %[7]s.

| what | goal | median | |
|---|--:|--:|---|
| durable create of a problem, in-process gRPC ÷ engine alone | ≥ 0.50 | %.2[8]f | %[9]s |
| the same over REST, from another process ÷ engine alone | ≥ 0.33 (aim 0.5) | %.2[10]f | %[11]s |
| the same over REST, through a process for each role ÷ engine alone | ≥ 0.22 | %.2[16]f | %[17]s |
| status p95 at %[12]d problems ÷ at %[13]d | ≤ 1.2 | %.2[14]f | %[15]s |

`, "`", p.rounds, processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(),
		inProcess, verdict(inProcess >= 0.5), rest, verdict(rest >= 0.33), p.large, p.small, status, verdict(status <= 1.2), split, verdict(split >= 0.22))
	fmt.Fprintf(&b, `**Engine alone**: %d callers put the same bytes — record, indexes, request id, feed entries — as recorded from real creates, in
groups on our engine, without deciding, encoding, hashing or signing anything. **With all steps**: the same callers call
CreateProblem with request ids. Over REST the client is a process of its own on the same cores; its CPU stands beside. **Through processes** the
gateway and every role run alone, with mutual TLS between them and the same client.

| round | engine alone /s | in-process gRPC /s | REST /s | REST client's CPU s | REST through processes /s |
|--:|--:|--:|--:|--:|--:|
`, p.callers)
	for i, r := range c {
		fmt.Fprintf(&b, "| %d | %.0f | %.0f | %.0f | %.2f | %.0f |\n", i+1, r.bare, r.grpc, r.rest, r.clientCPU.Seconds(), r.split)
	}
	fmt.Fprintf(&b, "\n**From exec until it serves**, killed and started again with %d problems, mutual TLS between all:", (p.rounds+1)*p.creates)
	for _, role := range slices.Sorted(maps.Keys(started)) {
		fmt.Fprintf(&b, " %s %v;", role, started[role].Round(time.Millisecond))
	}
	b.WriteString(" the others go on meanwhile.\n")
	fmt.Fprintf(&b, "\n**Status** of a city over gRPC in process, %d callers in a closed loop, %d calls a round of each store.\n\n", statusCallers, p.calls)
	fmt.Fprintf(&b, "| round | p95 at %d problems | p95 at %d |\n|--:|--:|--:|\n", p.small, p.large)
	for i, r := range s {
		fmt.Fprintf(&b, "| %d | %v | %v |\n", i+1, r.small.Round(time.Microsecond), r.large.Round(time.Microsecond))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// processor is the name that Linux has for the processor.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
