// Package recount counts all figures once more, from the first entry of every
// feed, and compares them with those that are kept, now and as of past moments; and
// with them all else that is kept of the feeds: the tree in time, what each record
// counts and when it was known, who has which figure, worklists, cursors. Any
// difference is a bug or a tampered store.
//
// It takes the feeds in, each after those that it rests on. What one record counts is
// told by package tally, where units lay by tree, what reports say by reported, and
// which campaigns belong together by parts; package sum adds up, past holds what was
// known when, and hold finds the difference. They keep plain maps and share no code
// with package figures or the rules in package aggregation, so that the two do not
// err in the same way; only the metrics' names and numbers are the same, those of
// sources of reports, and by which rules a record asks for something. Pages that are
// not judged yet, and which rows wait for what, are not compared.
//
// It holds in memory one entry for each record, for each change of what it counts, and
// for each day on which a unit has figures in a cut: some hundred bytes each. It
// changes nothing, and no bytes in a store make it panic.
package recount

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/past"
	"github.com/duban-project/duban/services/aggregation/recount/sum"
	"github.com/duban-project/duban/services/internal/store"
)

// ErrDifferent says that something is kept that is not as the feeds say. Every
// other error of Check says that it could not be finished.
var ErrDifferent = hold.ErrDifferent

// Check counts anew from the feeds and returns the first difference from what is
// kept of them in kept: figures, now and as they were, the tree, worklists, and all
// that these are told by. It counts what these have counted: entries that wait to be
// are left to Waiting, and figures of more than a feed has are a difference. The feeds
// of installations below are read from their mirrors.
func Check(ctx context.Context, kept store.Engine, sources []Source) error {
	until, err := Source{Service: own}.counted(ctx, kept)
	if err != nil {
		return err
	}
	c := newCount(time.Unix(1<<40, 0))
	c.trail = newTrail(until)
	if err := c.all(ctx, kept, sources); err != nil {
		return err
	}
	var p *past.Past
	err = kept.View(ctx, func(tx store.Tx) (err error) {
		p, err = c.compare(tx)
		return err
	})
	if err != nil {
		return err
	}
	return c.before(p, func(at time.Time) (*sum.Figures, error) { return CountUntil(ctx, kept, sources, at) })
}

// CheckFigures is Check of the figures as they are now, and of no more. The feeds of
// installations below may be read from their own stores: with organization's among
// them, federation's is believed only of which of several has a unit that all of these
// claim, and all of it MUST have been counted.
func CheckFigures(ctx context.Context, kept store.Engine, sources []Source) error {
	f, err := Count(ctx, kept, sources)
	if err != nil {
		return err
	}
	return kept.View(ctx, f.Compare)
}

// Count reads the feeds from their beginning, each as far as kept has counted it.
func Count(ctx context.Context, kept store.Engine, sources []Source) (*sum.Figures, error) {
	return CountUntil(ctx, kept, sources, time.Unix(1<<40, 0))
}

// CountUntil is Count of what took effect until a moment: of each feed the entries
// before the first one that took effect later. Whose a unit is, is as it is now.
func CountUntil(ctx context.Context, kept store.Engine, sources []Source, until time.Time) (*sum.Figures, error) {
	c := newCount(until)
	if err := c.all(ctx, kept, sources); err != nil {
		return nil, err
	}
	return c.figures(), nil
}

// compare returns the first difference from what is kept but for figures as of past
// moments.
func (c *count) compare(tx store.Tx) (*past.Past, error) {
	f := c.figures()
	if err := f.Compare(tx); err != nil {
		return nil, err
	}
	if err := hold.Compare(tx, c.kept()); err != nil {
		return nil, err
	}
	if err := c.expected(tx); err != nil {
		return nil, err
	}
	p, err := past.Read(tx, c.said())
	if err != nil {
		return nil, err
	}
	return p, p.Compare(tx, f.Rows)
}

// expected holds what is remembered of what reports proposed against what they do, and
// these against those that may.
func (c *count) expected(tx store.Tx) error {
	working := map[string]bool{}
	for kv, err := range tx.Scan("reports.jobs", nil, nil) {
		if err != nil {
			return err
		}
		report, _, _ := strings.Cut(string(kv.Key), "\x00")
		working[report] = true
	}
	if err := c.reports.Left(func(report string) bool { return working[report] }); err != nil {
		return err
	}
	rows := map[string][]byte{}
	for kv, err := range tx.Scan("figures.expected", nil, nil) {
		if err != nil {
			return err
		}
		rows[string(kv.Key)] = slices.Clone(kv.Value)
	}
	return c.reports.Remembered(rows)
}

// said is what the feeds say of when figures became known.
func (c *count) said() past.Said {
	counted := map[past.Change]int64{}
	for change, n := range c.trail.changes {
		if change.Day == "" || c.reports.Have(change.What, change.Day) {
			continue
		}
		change.Day = c.reports.Counts(change.What, change.Day)
		counted[change] += n
	}
	return past.Said{Turns: c.tree.Turns(), Counted: counted, Brought: c.reports.Brought(), Reported: c.reports.Have}
}

// before holds figures as of past moments against counts until then. Of metrics of which
// reports have figures it passes over what is accepted, as whose that is goes by the
// order of counting; and over all, if there are reports from below.
func (c *count) before(p *past.Past, until func(time.Time) (*sum.Figures, error)) error {
	reported, mixed := c.reports.Metrics(), c.reports.Mixed()
	passes := func(cell sum.Cell) bool { return reported[cell.Metric] && (cell.Standing == 0 || mixed) }
	for _, at := range p.Moments() {
		want, err := until(at)
		if err != nil {
			return err
		}
		if err := p.Until(at, want.Rows, passes); err != nil {
			return err
		}
	}
	return nil
}
