// Package figures keeps the figures (汇总数据): for every unit with all beneath
// it, campaign, category, source and day, how much of each metric counts. A
// Fold takes changes in and writes them, in the transaction it was given, with
// whoever's cursor; Read answers in a number of rows that does not depend on
// how much was counted.
//
// The rows hold changes: a row for each month, by day, and a row for each year,
// by month, so that what stands at the end of a day and what came within a period
// are sums of one small row for each year and one more. What can be overdue stands
// by due date in the same way, so that nothing stored depends on the clock.
//
// Beside them it keeps when each change became known, a small row for each unit,
// cut and day, and a journal of single changes within a day: so that every figure
// can be told as it was known at any moment (Past). A unit's own rows, without
// those beneath, are kept as well: by them figures are grouped by another tree.
//
// What a record counts is decided by the rules in package aggregation, and what a
// report counts by package reported; which campaigns count together is kept by package
// joins, and who below may speak of a unit by package lower. Who may read is decided by
// the server; package recount computes the same figures in another way.
package figures

import (
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures/cursors"
	"github.com/duban-project/duban/services/aggregation/figures/ended"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
)

// The buckets and what is in them; parts of keys are parted by 0x00, and any
// stands for every value of a part.
const (
	rowsBucket    = "figures"         // axis, unit, campaign, category, source, span → row
	factsBucket   = "figures.facts"   // resource name → what it counts
	knownBucket   = "figures.known"   // stretch, unit, campaign, category, source → what changed
	journalBucket = "figures.journal" // stretch, moment, resource name → what was counted
	treeBucket    = "figures.tree"    // unit → its parents in time
	turnsBucket   = "figures.turns"   // moment on which a unit got another parent → nothing
	owedBucket    = "figures.owed"    // unit, campaign, due date, resource name → who owes
	scoresBucket  = "figures.scores"  // unit, day, resource name → score and rank
	scoredBucket  = "figures.scored"  // unit, moment, resource name → day, score and rank, or nothing
)

// Buckets are all of them.
var Buckets = append([]string{
	rowsBucket, knownBucket, journalBucket, factsBucket, treeBucket, turnsBucket, owedBucket, ended.Bucket, scoresBucket, scoredBucket,
	cursors.Bucket,
}, reported.Buckets...)

const (
	zero = "\x00"
	any  = "\x01"
)

// alone behind a unit's name stands for the unit without all beneath it.
const alone = "\x01"

// The axes of a row: on which day something came or changed, and when what is
// open is due. What is due changes oftener than what came, and lies apart.
const (
	byDay = "d"
	byDue = "o"
)

var axes = []string{byDay, byDue}

// span is the end of a row's key, and the part of the row that a day counts in.
type span struct {
	key  string
	part slot
}

// spans are the rows that a day counts in: its year's, by month, and its month's,
// by day.
func spans(day string) [2]span {
	return [2]span{{"y" + day[:4], number(day[5:7])}, {"m" + day[:7], number(day[8:10])}}
}

// number reads the two digits of a month or day.
func number(s string) slot { return slot(s[0]-'0')*10 + slot(s[1]-'0') }

// cuts are the parts of the figures that a cell counts in: all, its campaign,
// its category in the campaign, and each of these from its source.
func cuts(c aggregation.Cell) []string {
	all := make([]string, 0, 6)
	add := func(campaign, category string) {
		all = append(all, cut(campaign, category, any))
		if c.Source != "" {
			all = append(all, cut(campaign, category, c.Source))
		}
	}
	add(any, any)
	if c.Campaign == "" {
		return all
	}
	campaign := strings.TrimPrefix(c.Campaign, "campaigns/")
	add(campaign, any)
	if c.Category != "" {
		add(campaign, c.Category)
	}
	return all
}

func cut(campaign, category, source string) string {
	return campaign + zero + category + zero + source + zero
}

// under is the beginning of all keys of a unit.
func under(unit string) string { return strings.TrimPrefix(unit, "units/") + zero }
