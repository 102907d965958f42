// Package reported keeps whose each figure is, the feed's or a source of reports', and
// what reports last said of it. It says what counts of a report and what that changes;
// package figures adds it up, and package reports decides what a report may say.
package reported

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// Figure is one figure of a report.
type Figure struct {
	Cell   aggregation.Cell
	Metric aggregation.Metric
	// Months are those of the period, each YYYY-MM. The figure counts at the end
	// of the last.
	Months []string
	// Source names the source of reports, among all units', and Form its form.
	Source, Form string
	Sequence     int64
	// Supersedes is the sequence of the report whose place this one takes; 0: none.
	Supersedes int64
	Value      int64
	// Proposer is the figure's report, which is needed while that awaits a superior, and
	// Drops says that it does not say what the one that it supersedes does.
	Proposer Proposer
	Drops    bool
	// Moment is when that was entered, in nanoseconds since 1970. It is set by Claims.
	Moment int64
	// judged says that it has been, and counted.
	judged bool
}

// The buckets and what is in them; parts of keys are parted by 0x00.
const (
	holdersBucket  = "figures.holders"  // unit, measure and month, or metric → which source of reports has it, or of what installation may
	reportedBucket = "figures.reported" // unit, metric, campaign, category, month → value, sequence and moment
	ownBucket      = "figures.own"      // unit, what is counted → since when the unit keeps records of it, or reports tell
	fedBucket      = "figures.fed"      // unit, measure, month, metric, campaign, category, source, day → what the feed says came
	proposedBucket = "figures.proposed" // the same as holders, who proposes, metric, campaign, category, + or - → value, sequence, holder and months
	expectedBucket = "figures.expected" // unit, metric, campaign, category, moment → by how much what is proposed of what stands changed on which days
)

// Buckets are all of them.
var Buckets = []string{holdersBucket, reportedBucket, ownBucket, fedBucket, proposedBucket, expectedBucket}

const zero = "\x00"

// Claims says within a transaction whose figures are, and what reports bring.
type Claims struct {
	// Moment is when what is entered takes effect, in nanoseconds since 1970.
	Moment  int64
	tx      store.Tx
	counter Counter
	holders map[string]string // as far as they were read, to be written
	owns    map[string]own    // likewise
	news    map[string]came   // what the feed said since, by key, to be added

	before    map[series]map[string]int64 // what was proposed of what has changed since, see ahead
	disturbed map[string]bool             // of what, by keys of holders, all is in before
	proposers map[string][]claimant       // as far as they were read, by keys of holders
}

// Counter counts what claims find out.
type Counter struct {
	// Report counts what a report's figure changes, which was known no earlier than
	// the figure's moment.
	Report func(Figure, aggregation.Delta) error
	// Feed takes back what the feed had counted, as was known no earlier than a moment.
	Feed func(d aggregation.Delta, moment int64) error
	// End notes that so much more of what reports said ended on a day, as the unit's own
	// records begin. Report has counted it.
	End func(aggregation.Delta) error
}

// New returns the claims in tx.
// What has got a holder is written by Flush, which MUST be called in the transaction.
func New(tx store.Tx, counter Counter) *Claims {
	return &Claims{
		tx: tx, counter: counter, holders: map[string]string{}, owns: map[string]own{}, news: map[string]came{},
		before: map[series]map[string]int64{}, disturbed: map[string]bool{}, proposers: map[string][]claimant{},
	}
}

// put changes what counts on a day by n.
func (c *Claims) put(r Figure, day string, n int64) error {
	if n == 0 {
		return nil
	}
	return c.counter.Report(r, aggregation.Delta{Cell: r.Cell, Accepted: true, Metric: r.Metric, Day: day, N: n})
}

// Judge says what entering r would do. Its fault says why it would not be
// counted: another source has the figure, or another report of this one.
func (c *Claims) Judge(r Figure) (aggregationv1.Report_Verdict, error) {
	verdict, _, err := c.judge(r)
	return verdict, err
}

// judge also says whether r would then be what counts: what another report said
// already, and is not superseded, remains that one's.
func (c *Claims) judge(r Figure) (verdict aggregationv1.Report_Verdict, counts bool, err error) {
	if free, err := c.free(r); !free || err != nil {
		return aggregationv1.Report_VERDICT_CONFLICT, false, cmp.Or(err, error(reports.ErrFigureTaken))
	}
	s, ok, err := c.said(r.key())
	switch ours := s.sequence == r.Supersedes; {
	case err != nil:
		return 0, false, err
	case !ok:
		return aggregationv1.Report_VERDICT_CREATED, true, nil
	case s.sequence == r.Sequence:
		return aggregationv1.Report_VERDICT_REJECTED, false, reports.ErrRowTwice.At("field", "重复", "twice")
	case s.value == r.Value:
		return aggregationv1.Report_VERDICT_UNCHANGED, ours, nil
	case ours:
		return aggregationv1.Report_VERDICT_UPDATED, true, nil
	case s.sequence > r.Sequence:
		return aggregationv1.Report_VERDICT_CONFLICT, false, reports.ErrSuperseded
	default:
		return aggregationv1.Report_VERDICT_CONFLICT, false, reports.ErrFigureLocked
	}
}

// free says whether nobody else has the figure. Once the unit keeps records of its own
// the feed has what stands from their day on.
func (c *Claims) free(r Figure) (bool, error) {
	o, err := c.ownOf(r.Cell.Unit, r.Metric)
	if err != nil || !r.flow() && o.from != "" && aggregation.LastDay(r.month()) >= o.since() {
		return false, err
	}
	for month, key := range r.holderKeys() {
		held, open, err := c.open(key, r)
		if err != nil || !open {
			return false, err
		}
		if held != "" || !r.flow() || r.judged {
			continue
		}
		if fed, err := c.feeds(r, month, o); fed || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Enter counts r, if Judge finds no fault in it, and answers as Judge does, and
// whether r is what counts now.
func (c *Claims) Enter(r Figure) (verdict aggregationv1.Report_Verdict, counted bool, err error) {
	verdict, counts, err := c.judge(r)
	if err != nil || !counts {
		return verdict, false, err
	}
	n, err := c.around(r)
	if err := errors.Join(err, c.touch(r.series()), c.hold(r), c.bind(r)); err != nil {
		return 0, false, err
	}
	before := n.carried
	if n.said {
		before = n.at.value
	}
	b := binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(nil, r.Value), r.Sequence), c.Moment)
	return verdict, true, errors.Join(c.shift(r, n, r.Value-before), c.tx.Put(reportedBucket, []byte(r.key()), b))
}

// Withdraw takes r off, if it is what counts: its report is superseded by one
// that does not say it. Of a stock, what stood before stands on, and the source has it
// until nothing of it is left. What came in a month the source keeps.
func (c *Claims) Withdraw(r Figure) error {
	held, err := c.holder(holderKey(r.Cell.Unit, r.Metric, aggregation.LastDay(r.month())))
	if err != nil || held != r.holder() { // another source may have the same numbers
		return err
	}
	n, err := c.around(r)
	if err != nil || !n.said || n.at.sequence != r.Sequence {
		return err
	}
	err = errors.Join(c.touch(r.series()), c.shift(r, n, n.carried-n.at.value), c.tx.Delete(reportedBucket, []byte(r.key())))
	if err != nil || r.flow() {
		return err
	}
	return c.release(r)
}

// Said returns what counts in the last month of r, if a report has said it.
func (c *Claims) Said(r Figure) (value int64, ok bool, err error) {
	s, ok, err := c.said(r.key())
	return s.value, ok, err
}

// Stands says whether a stock (存量) of the unit, as the figure's source told it in any campaign
// and category, still is more than 0 once the figure counts, at the end of its month.
func (c *Claims) Stands(r Figure, unit string) (bool, error) {
	end := aggregation.LastDay(r.month())
	held, err := c.holder(holderKey(unit, r.Metric, end))
	if err != nil || r.flow() || held != r.holder() {
		return false, err
	}
	if o, err := c.ownOf(unit, r.Metric); err != nil || o.from != "" && end >= o.since() {
		return false, err
	}
	last := map[string]int64{} // by campaign and category
	from, to := store.Prefix(strings.TrimPrefix(unit, "units/") + zero + number(r.Metric) + zero)
	for e, err := range c.tx.Scan(reportedBucket, from, to) {
		if err != nil {
			return false, err
		}
		s, err := readSaid(e.Value)
		if err != nil {
			return false, err
		}
		i := bytes.LastIndexByte(e.Key, 0) + 1
		month := string(e.Key[i:])
		if replaced := month == r.month() && s.sequence == r.Supersedes; month <= r.month() && !replaced {
			last[string(e.Key[:i])] = s.value
		}
	}
	delete(last, r.prefix())
	return slices.ContainsFunc(slices.Collect(maps.Values(last)), func(n int64) bool { return n != 0 }), nil
}

// shift adds to what counts from the month of r on, up to the next one that was
// reported, or to where the unit's own records begin.
func (c *Claims) shift(r Figure, n neighbours, more int64) error {
	if err := c.put(r, aggregation.LastDay(r.month()), more); err != nil {
		return err
	}
	if r.flow() {
		return nil
	}
	if n.next != "" {
		return c.put(r, aggregation.LastDay(n.next), -more)
	}
	o, err := c.ownOf(r.Cell.Unit, r.Metric)
	if err != nil || o.from == "" {
		return err
	}
	return c.ends(r, o.since(), more)
}

// month is the one at whose end the figure counts.
func (r Figure) month() string { return r.Months[len(r.Months)-1] }

// holder is who has the figure: two forms of one source must not both bring what
// came in a month.
func (r Figure) holder() string {
	if r.flow() {
		return r.Source + " " + r.Form
	}
	return r.Source
}

func (r Figure) flow() bool { return aggregation.Define(r.Metric).Flow() }

// holderKeys are one for each month of a flow, and the same for all of anything else.
func (r Figure) holderKeys() iter.Seq2[string, string] {
	return func(yield func(month, key string) bool) {
		for _, month := range r.Months {
			if !yield(month, holderKey(r.Cell.Unit, r.Metric, aggregation.LastDay(month))) {
				return
			}
		}
	}
}
