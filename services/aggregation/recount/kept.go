package recount

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
)

// bucket is one that is held against the feeds row by row.
type bucket struct {
	name string
	// want has what each row must say, in the words in which say says it.
	want map[string]string
	// say says what a row has; false of one that cannot be read.
	say func(value []byte) (string, bool)
}

// compare returns the first difference.
func (b bucket) compare(tx store.Tx) error {
	kept := map[string]string{}
	for kv, err := range tx.Scan(b.name, nil, nil) {
		if err != nil {
			return err
		}
		says, ok := b.say(kv.Value)
		if !ok {
			return unreadable(b.name, kv.Key)
		}
		kept[string(kv.Key)] = says
	}
	if !maps.Equal(kept, b.want) {
		return differ("%s at %s", b.name, firstOf(kept, b.want))
	}
	return nil
}

// kept are all buckets but those of the figures themselves.
func (c *count) kept() []bucket {
	lists, subjects := c.awaited()
	return []bucket{
		{"figures.cursors", c.trail.cursors, sayCursor},
		{"figures.tree", c.lain(), text},
		{"figures.turns", c.turned(), text},
		{"figures.owners", c.owned(), text},
		{"figures.refused", c.trail.refused, text},
		{"figures.withheld", c.withheld(), sayWithheld},
		{"figures.reports", c.heads(), say(&aggregationv1.Report{})},
		{"figures.facts", c.facts(), sayFact},
		{"figures.holders", c.holders(), sayHolder},
		{"figures.reported", c.reportedRows(), sayReported},
		{"figures.scored", c.trail.scored, sayScored},
		{"worklist.subjects", subjects, say(&worklist.Item{})},
		{"worklist", lists, say(&worklist.Item{})},
		{"reports.campaigns", c.planned(), say(&campaignv1.Campaign{})},
	}
}

func text(b []byte) (string, bool) { return string(b), true }

// say says what is in a message.
func say(empty proto.Message) func([]byte) (string, bool) {
	return func(b []byte) (string, bool) {
		m := proto.Clone(empty)
		err := proto.Unmarshal(b, m)
		return fmt.Sprint(m), err == nil && len(m.ProtoReflect().GetUnknown()) == 0
	}
}

func cursor(next uint64, at, effective time.Time) string {
	return fmt.Sprintf("%d, written %v, effective %v", next, at.UTC(), effective.UTC())
}

func sayCursor(b []byte) (string, bool) {
	if len(b) != 24 {
		return "", false
	}
	moment := func(b []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(b))) }
	return cursor(binary.BigEndian.Uint64(b), moment(b[8:]), moment(b[16:])), true
}

// lain is the tree in time, each unit's parents line by line.
func (c *count) lain() map[string]string {
	all := map[string]string{}
	for unit, list := range c.trail.lain {
		for _, l := range list {
			all[unit] += strconv.FormatInt(max(l.since, 0), 10) + " " + l.above + "\n"
		}
	}
	return all
}

func (c *count) turned() map[string]string {
	all := map[string]string{}
	for _, at := range c.trail.turns() {
		all[moment(at)] = ""
	}
	return all
}

func moment(at int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(at))) }

func (c *count) owned() map[string]string {
	all := map[string]string{}
	for unit, installation := range c.owners {
		if all[unit] = ""; installation != "" {
			all[unit] = "installations/" + installation
		}
	}
	return all
}

func (c *count) withheld() map[string]string {
	all := map[string]string{}
	for feed, n := range c.trail.withheld {
		all[feed] = fmt.Sprint(n)
	}
	return all
}

func sayWithheld(b []byte) (string, bool) {
	r := &reader{b: b}
	return fmt.Sprint(r.size()), r.done()
}

// heads are the reports from below, without their rows.
func (c *count) heads() map[string]string {
	all := map[string]string{}
	for name, r := range c.trail.heads {
		all[name] = fmt.Sprint(&aggregationv1.Report{
			Form: r.GetForm(), Unit: r.GetUnit(), Source: r.GetSource(), Period: r.GetPeriod(), Sequence: r.GetSequence(),
		})
	}
	return all
}

// facts are what each record counts.
func (c *count) facts() map[string]string {
	all := map[string]string{}
	for name, r := range c.records {
		counts := map[tally]int64{}
		for _, m := range r.stands {
			counts[tally{metric: m}]++
		}
		maps.Copy(counts, r.came)
		maps.Copy(counts, r.due)
		if len(counts) > 0 || r.score != nil {
			all[name] = fact(r.at, r.owes, counts, r.score)
		}
	}
	return all
}

func fact(at where, owes string, counts map[tally]int64, s *score) string {
	var parts []string
	for c, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %s %d", c.metric, c.day, n))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%v owes %q, counts [%s], score %v", at, owes, strings.Join(parts, ", "), s)
}

// String says what a round gave.
func (s *score) String() string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%s %d %d", s.day, s.milli, s.rank)
}

func sayFact(b []byte) (string, bool) {
	r := &reader{b: b}
	at := where{unit: r.text(), campaign: r.text(), category: r.text(), source: r.text()}
	owes := r.text()
	at.accepted = r.flag()
	counts := map[tally]int64{}
	n := r.number()
	for r.broken = r.broken || n < 0; n > 0 && !r.broken; n-- {
		metric := r.metric()
		day := r.text()
		counts[tally{metric, day}] += r.number()
	}
	var s *score
	if r.flag() {
		s = &score{day: r.text(), milli: r.number(), rank: r.number()}
	}
	return fact(at, owes, counts, s), r.done()
}

func sayScored(b []byte) (string, bool) {
	const day = len("2006-01-02")
	if len(b) == 0 {
		return "none", true
	}
	if len(b) < day {
		return "", false
	}
	r := &reader{b: b[day:]}
	s := &score{day: string(b[:day]), milli: r.number(), rank: r.number()}
	return s.String(), r.done()
}

// reportable are the metrics that reports may bring.
var reportable = slices.Sorted(maps.Values(fields))

// holders say who has each figure that could be a report's: the source of reports
// that was first, or the feed, and of what came in a month how much.
func (c *count) holders() map[string]string {
	brought := map[[3]string]int64{}
	for figure := range c.trail.touched {
		if stocks[figure[1]] && slices.Contains(reportable, figure[1]) {
			brought[figure] = 1
		}
	}
	for _, r := range c.records {
		for t, n := range r.came {
			if _, found := slices.BinarySearch(reportable, t.metric); found {
				brought[claim(r.at.unit, t.metric, t.day)] += n
			}
		}
	}
	all := map[string]string{}
	for figure, n := range brought {
		if n != 0 {
			all[holderKey(figure)] = fmt.Sprintf("%d of the feed", n)
		}
	}
	for figure, source := range c.sources {
		all[holderKey(figure)] = "0 of " + source
	}
	return all
}

func holderKey(figure [3]string) string {
	return short(figure[0]) + "\x00" + strconv.Itoa(numbers[figure[1]]) + "\x00" + figure[2]
}

func sayHolder(b []byte) (string, bool) {
	r := &reader{b: b}
	n := r.number()
	if len(r.b) == 0 {
		return fmt.Sprintf("%d of the feed", n), !r.broken
	}
	return fmt.Sprintf("%d of %s", n, r.b), !r.broken
}

// sourceOf names who has what a report brings of a metric: of what came also by
// which form.
func sourceOf(installation string, r *aggregationv1.Report, metric string) string {
	source := reports.SourceName(r.GetUnit(), r.GetSource())
	if installation != "" {
		source = "installations/" + installation + "/" + source
	}
	if stocks[metric] {
		return source
	}
	return source + " " + r.GetForm()
}

// reportedRows are what reports last said.
func (c *count) reportedRows() map[string]string {
	all := map[string]string{}
	for _, p := range c.pages {
		r := c.reports[p.GetReport()]
		list := months(r.GetPeriod())
		for _, row := range p.GetRows() {
			if row.GetCounted() && len(list) > 0 {
				key := holderKey([3]string{row.GetResolvedUnit(), metricOf(r, row), row.GetCampaign()})
				all[key+"\x00"+row.GetCategory()+"\x00"+list[len(list)-1]] = said(row.GetValue(), r.GetSequence())
			}
		}
	}
	return all
}

func said(value, sequence int64) string { return fmt.Sprintf("%d by report %d", value, sequence) }

func sayReported(b []byte) (string, bool) {
	r := &reader{b: b}
	value := r.number()
	return said(value, r.number()), r.done()
}

// planned are the campaigns that reports may name.
func (c *count) planned() map[string]string {
	all := map[string]string{}
	for name, planned := range c.trail.planned {
		known := &campaignv1.Campaign{Name: name, Owner: planned.GetOwner()}
		for _, category := range planned.GetCategories() {
			known.Categories = append(known.Categories, &campaignv1.Category{Code: category.GetCode()})
		}
		all[name] = fmt.Sprint(known)
	}
	return all
}

// numbers and ids say which number a metric is stored under.
var numbers, ids = numbered()

func numbered() (map[string]int, map[int64]string) {
	numbers, ids := map[string]int{}, map[int64]string{}
	for _, d := range aggregation.Definitions {
		numbers[d.ID], ids[int64(d.Metric)] = int(d.Metric), d.ID
	}
	return numbers, ids
}

// metric reads the number of a metric.
func (r *reader) metric() string {
	id, known := ids[r.number()]
	r.broken = r.broken || !known
	return id
}
