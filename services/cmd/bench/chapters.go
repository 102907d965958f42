package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/duban-project/duban/services/cmd/bench/replication"
)

// What the page says of each measurement: its lines in the table at the top, and
// below what was done and what came of each round.

func createLines(_ plan, r results) []line {
	by := func(figure func(creates) float64) float64 {
		return median(r.creates, func(c creates) float64 { return figure(c) / c.bare })
	}
	rest := by(func(c creates) float64 { return c.rest })
	return []line{
		atLeast("durable create of a problem, in-process gRPC ÷ engine alone", 0.5, by(func(c creates) float64 { return c.grpc })),
		atLeast("the same over REST, from another process ÷ engine alone", 0.33, rest),
		atLeast("and what it aims at", 0.5, rest),
		atLeast("the same over REST, through a process for each role ÷ engine alone", 0.22, by(func(c creates) float64 { return c.split })),
	}
}

func createText(p plan, r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Creates

**Engine alone**: %d callers put the same bytes — record, indexes, request id, feed entries — as recorded from real creates, in groups
on our engine, without deciding, encoding, hashing or signing anything. **With all steps**: the same callers call CreateProblem with
request ids. Over REST the client is a process of its own; its processor time stands beside. **Through processes** the gateway and
every role run alone, with mutual TLS between them and the same client.

| round | engine alone /s | in-process gRPC /s | REST /s | REST client's CPU s | REST through processes /s |
|--:|--:|--:|--:|--:|--:|
`, p.callers)
	for i, c := range r.creates {
		fmt.Fprintf(&b, "| %d | %.0f | %.0f | %.0f | %.2f | %.0f |\n", i+1, c.bare, c.grpc, c.rest, c.clientCPU.Seconds(), c.split)
	}
	return b.String() + r.spent.String()
}

func statusLines(p plan, r results) []line {
	ratio := func(of func(statuses) []time.Duration, large, small int) float64 {
		return median(r.statuses, func(s statuses) float64 { return float64(of(s)[large]) / float64(of(s)[small]) })
	}
	idle, busy := func(s statuses) []time.Duration { return s.idle }, func(s statuses) []time.Duration { return s.busy }
	return []line{
		atMost(fmt.Sprintf("status p95 at %d problems ÷ at %d", p.stores[2], p.stores[0]), 1.2, ratio(idle, 2, 0)),
		atMost(fmt.Sprintf("status p95 at %d problems ÷ at %d", p.stores[3], p.stores[1]), 1.2, ratio(idle, 3, 1)),
		atMost(fmt.Sprintf("the same while %d callers write", p.callers), 1.2, ratio(busy, 3, 1)),
		atMost("the same at the province, which has it by push", 1.2, ratio(idle, 5, 4)),
		atMost(fmt.Sprintf("the same while %d callers write in the city", p.callers), 1.2, ratio(busy, 5, 4)),
	}
}

func statusText(p plan, r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Status

A city of %d districts and %d schools. Its problems were not created one call at a time: while no suite ran, they were entered by the
service's rules as the records, indexes and feed entries that it writes, in commits of %d, spread over the %d days before; without
request ids, and each ledger once in a commit. The suite's own followers then counted all of it.

Above the second and the fourth stands a province, an installation of its own in the same process, which took over TCP all that they
have pushed.

Status of the city, all metrics and all districts, over gRPC in process, %d callers in a closed loop, %d calls of each store in turn;
then as many of each while %d callers plan what schools do about their problems, which changes records, feed and figures
and not how many problems there are. Then the same of the provinces, while callers write in the city below.

A caller lets those go first who wait for a core. Where none does, Go's scheduler lets a caller and who answers it go on for 10 ms, as each
wakes the other, and 10 to 20 of their calls overtake one of the others: about one call in twenty waits so, and whether p95 is among them
is chance.

`, p.city.districts, p.city.schools, together, int(months.Hours()/24), statusCallers, p.calls, p.callers)
	b.WriteString("| round |")
	for _, n := range p.stores {
		fmt.Fprintf(&b, " p95 at %d | while writing (/s) |", n)
	}
	for _, n := range []int{p.stores[1], p.stores[3]} {
		fmt.Fprintf(&b, " province: p95 at %d | while writing (/s) |", n)
	}
	b.WriteString("\n|--:|" + strings.Repeat("--:|--:|", len(r.statuses[0].idle)) + "\n")
	for i, s := range r.statuses {
		fmt.Fprintf(&b, "| %d |", i+1)
		for j := range s.idle {
			fmt.Fprintf(&b, " %s | %s (%.0f) |", short(s.idle[j]), short(s.busy[j]), s.writes[j])
		}
		b.WriteString("\n")
	}
	b.WriteString("| processors |")
	for j := range r.statuses[0].took {
		fmt.Fprintf(&b, " %s | |", short(median(r.statuses, func(s statuses) time.Duration { return s.took[j] })))
	}
	return b.String() + "\n\n**Processors**: what a call takes of them while nobody writes, its caller's part with it; the median of the rounds.\n" + writingCosts
}

// writingCosts says what writing costs more in a large store. It was counted in bbolt in
// runs apart, and is to be counted anew when what is kept changes.
const writingCosts = `
**Why writing costs more in the large store.** A status reads as many rows of either. Commits write more pages of the large one, and callers
wait for the two cores meanwhile. Pages of 4 KiB in a commit, counted while each of 64 schools planned (23 November 2026), leaves of the
trees and what lies above them:

| store | entries in a commit | at 10000 problems | at 1000000 |
|---|--:|--:|--:|
| rectification | 45 | 153 + 35 | 173 + 200 |
| aggregation, all that a follower takes in at once | 100 to 300 | 273 + 66 | 299 + 369 |
| – of these by record: facts, worklists | | 203 + 59 | 208 + 359 |
| – of these figures, and when they were known | | 19 + 4 | 19 + 5 |
| event | 80 | 94 + 7 | 89 + 63 |

What is kept by record lies at 64 places of either store; the trees of the large one are four and five levels deep, and above the leaves few
pages lead to two of them. Figures do not grow with the store: what is due lies apart from what came, and what became known on a day side by
side. Before, each school's lay by itself, and a commit wrote 460 + 89 pages of figures alone. Problems that were entered in bulk are not
planned: where all are, what is due has more rows, and a school's may be on pages of its own. Followers let more come together the longer
counting takes, from 0.2 s to 0.5 s. What does not help, tried on a tree of 1000000 records, of which 64 change: fuller pages (142 pages are
written if they are filled by half when they part, 134 by 0.7, 143 by 0.9), and larger ones (128 pages of 8 KiB, 1.8 times the bytes).
`

func replicationLines(_ plan, r results) []line {
	rate := median(r.replications, func(r replication.Round) float64 { return r.Mirrored })
	lag := median(r.replications, func(r replication.Round) time.Duration { return r.Lag })
	return []line{
		atLeast(fmt.Sprintf("replication ÷ engine alone, in commits of %d", replication.Batch), 0.7, median(r.replications, func(r replication.Round) float64 { return r.Mirrored / r.Raw })),
		{"replicated entries a second", "≥ 10000", fmt.Sprintf("%.0f", rate), rate >= 10_000},
		{fmt.Sprintf("lag p99 at %d entries a second", replication.Steady), "≤ 2 s", short(lag), lag <= 2*time.Second},
	}
}

func replicationText(p plan, r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Replication

**Engine alone**: what an upper installation stored when %d entries were pushed to it — each entry with what opens it, its hashes, id and
place in its subject's chain, and the cosignatures — is put as the same bytes in the same transactions, %d entries in each, on a new engine
of ours, one after the other, without reading, verifying, hashing or signing anything. It was recorded before the rounds, untimed.

In each round then two new installations: the lower writes as many entries, as many in a commit, signed (**own**); and pushes them over TCP
to the upper, which verifies, stores and cosigns them, until the last is durable there (**replicated**). Then the lower writes %d more, each
by itself, and the time is taken from each commit until the entry is durable above.

| round | engine alone /s | own entries /s | replicated /s | written /s | lag p99 |
|--:|--:|--:|--:|--:|--:|
`, p.entries, replication.Batch, p.lagged)
	for i, r := range r.replications {
		fmt.Fprintf(&b, "| %d | %.0f | %.0f | %.0f | %.0f | %s |\n", i+1, r.Raw, r.Own, r.Mirrored, r.Written, short(r.Lag))
	}
	return b.String()
}

func overloadLines(p plan, r results) []line {
	kept := func(of func(overloads) flood) float64 {
		return median(r.overloads, func(o overloads) float64 { return of(o).Good / o.peak.Good })
	}
	return []line{
		atLeast(fmt.Sprintf("goodput at %d times the load ÷ at capacity, calls of %v, clients that do as refusals say", tenfold, p.service), 0.7,
			kept(func(o overloads) flood { return o.polite })),
		atLeast("the same, clients that call on whatever is answered", 0.7, kept(func(o overloads) flood { return o.rude })),
	}
}

func overloadText(p plan, r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Overload

A problem is read over gRPC on TCP, from a process of its own with %d connections, while the store of rectification answers %d reads at a
time in %v each. Good is what is answered within %v of the call. **At capacity** %d callers call in a closed loop. **As refusals say**: ten
times as many callers as may run at once, who wait as long as a refusal's RetryInfo says, more or less by half. **Whatever is
answered**: ten times the calls a second of capacity, as an attack does. What each process took of the processors stands behind.

| round | at capacity /s | as refusals say /s | refused /s | client, server | whatever is answered /s | refused /s | client, server |
|--:|--:|--:|--:|--:|--:|--:|--:|
`, connections, slots, p.service, intime, p.callers)
	for i, o := range r.overloads {
		fmt.Fprintf(&b, "| %d | %.0f | %s | %s |\n", i+1, o.peak.Good, o.polite.cells(), o.rude.cells())
	}
	return b.String()
}

func (f flood) cells() string {
	return fmt.Sprintf("%.0f | %.0f | %.2f, %.2f", f.Good, f.Refused, f.client.Seconds(), f.server.Seconds())
}

// allowed is how many bytes may live in a process when there are so many problems.
func allowed(problems int) uint64 { return 64e6 + 16*uint64(problems) }

func processLines(p plan, r results) []line {
	slowest, took := worst(r.processes.started)
	fullest, live := worst(r.processes.live)
	problems := p.stores[len(p.stores)-1]
	return []line{
		{fmt.Sprintf("from exec until it serves, at %d problems, the slowest role (%s)", problems, slowest), "≤ 150 ms", short(took), took <= 150*time.Millisecond},
		{fmt.Sprintf("live heap at %d problems, the fullest process (%s)", problems, fullest), fmt.Sprintf("≤ %.1f MB", float64(allowed(problems))/1e6),
			fmt.Sprintf("%.1f MB", float64(live)/1e6), live <= allowed(problems)},
	}
}

func processText(p plan, r results) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Processes

On the store of %d problems, each role as a process of its own with mutual TLS between all. **From exec**: each is killed and started
again while the others go on, its files in the page cache, and it has followed nothing yet. A role serves when its health is SERVING, and the
gateway when its /readyz says so: it is asked over HTTP and asks every role by its health, over connections that are new. **Live heap**: what is left after two
collections, when statuses were read, ledgers listed and problems planned through the gateway.

| role | from exec until it serves | live heap |
|---|--:|--:|
`, p.stores[len(p.stores)-1])
	for _, role := range slices.Sorted(maps.Keys(r.processes.live[0])) {
		took := median(r.processes.started, func(s starts) time.Duration { return s[role] })
		live := median(r.processes.live, func(h heaps) uint64 { return h[role] })
		fmt.Fprintf(&b, "| %s | %s | %.1f MB |\n", role, short(took), float64(live)/1e6)
	}
	return b.String()
}
