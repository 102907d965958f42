package recount

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
	"github.com/duban-project/duban/services/aggregation/recount/tree"
	"github.com/duban-project/duban/services/aggregation/worklist"
)

// kept are all buckets but those of the figures themselves.
func (c *count) kept() []hold.Bucket {
	lists, subjects := c.awaited()
	item := hold.Message(&worklist.Item{})
	return slices.Concat(
		[]hold.Bucket{{Name: "figures.cursors", Want: c.trail.cursors, Say: c.trail.sayCursor}},
		c.tree.Kept(),
		c.reports.Kept(),
		[]hold.Bucket{
			{Name: "figures.ended", Want: c.ended(), Say: sayEnded},
			{Name: "figures.withheld", Want: c.withheld(), Say: sayWithheld},
			{Name: "figures.reports", Want: c.heads(), Say: hold.Message(&aggregationv1.Report{})},
			{Name: "figures.duties", Want: c.duties(), Say: hold.Text},
			{Name: "figures.facts", Want: c.facts(), Say: sayFact},
			{Name: "figures.scored", Want: c.trail.scored, Say: sayScored},
			{Name: "worklist.subjects", Want: subjects, Say: item},
			{Name: "worklist", Want: lists, Say: item},
			{Name: "reports.campaigns", Want: c.planned(), Say: hold.Message(&campaignv1.Campaign{})},
		},
	)
}

func cursor(next uint64, at, effective time.Time) string {
	return fmt.Sprintf("%d, written %v, effective %v", next, at.UTC(), effective.UTC())
}

// ofEntry parts what a cursor says from the id of the entry before it.
const ofEntry = ", entry "

// sayCursor takes a cursor that was kept without an id for one that has the right one.
func (t *trail) sayCursor(b []byte) (string, bool) {
	if len(b) != 24 && len(b) != 40 {
		return "", false
	}
	moment := func(b []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(b))) }
	says := cursor(binary.BigEndian.Uint64(b), moment(b[8:]), moment(b[16:])) + ofEntry
	if len(b) > 24 {
		return says + hex.EncodeToString(b[24:]), true
	}
	for _, want := range t.cursors {
		if strings.HasPrefix(want, says) {
			return want, true
		}
	}
	return says, true
}

func (c *count) withheld() map[string]string {
	all := map[string]string{}
	for feed, n := range c.trail.withheld {
		all[feed] = fmt.Sprint(n)
	}
	return all
}

func sayWithheld(b []byte) (string, bool) {
	r := hold.NewReader(b)
	return fmt.Sprint(r.Size()), r.Done()
}

// heads are the reports from below, without their rows.
func (c *count) heads() map[string]string {
	all := map[string]string{}
	for name, r := range c.trail.heads {
		all[name] = fmt.Sprint(&aggregationv1.Report{
			Form: r.GetForm(), Unit: r.GetUnit(), Source: r.GetSource(), Period: r.GetPeriod(), Sequence: r.GetSequence(), State: r.GetState(),
			Late: r.GetLate(), CreateTime: r.GetCreateTime(), ReturnTime: r.GetReturnTime(), SupersededBy: r.GetSupersededBy(),
		})
	}
	return all
}

// duties are the reports from below by what they were owed for.
func (c *count) duties() map[string]string {
	all := map[string]string{}
	for name, r := range c.trail.heads {
		if c.tree.Has(c.trail.tops[name], r.GetUnit()) {
			all[r.GetUnit()+"\x00"+r.GetForm()+"\x00"+r.GetPeriod()+"\x00"+name] = ""
		}
	}
	return all
}

// facts are what each record counts.
func (c *count) facts() map[string]string {
	all := map[string]string{}
	for name, r := range c.records {
		counts := map[tally.Count]int64{}
		for _, m := range r.Stands {
			counts[tally.Count{Metric: m}]++
		}
		maps.Copy(counts, r.Came)
		maps.Copy(counts, r.Due)
		if len(counts) > 0 || r.Score != nil {
			all[name] = fact(r.At, r.Owes, counts, r.Score)
		}
	}
	return all
}

func fact(at tally.Where, owes string, counts map[tally.Count]int64, s *tally.Score) string {
	var parts []string
	for c, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %s %d", c.Metric, c.Day, n))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%v owes %q, counts [%s], score %v", at, owes, strings.Join(parts, ", "), s)
}

func sayFact(b []byte) (string, bool) {
	r := hold.NewReader(b)
	at := tally.Where{Unit: r.Text(), Campaign: r.Text(), Category: r.Text(), Source: r.Text()}
	owes := r.Text()
	at.Accepted = r.Flag()
	counts := map[tally.Count]int64{}
	n := r.Number()
	for r.Must(n >= 0); n > 0 && !r.Broken(); n-- {
		metric := r.Metric()
		day := r.Text()
		counts[tally.Count{Metric: metric, Day: day}] += r.Number()
	}
	var s *tally.Score
	if r.Flag() {
		s = &tally.Score{Day: r.Text(), Milli: r.Number(), Rank: r.Number()}
	}
	return fact(at, owes, counts, s), r.Done()
}

func sayScored(b []byte) (string, bool) {
	const day = len("2006-01-02")
	if len(b) == 0 {
		return "none", true
	}
	if len(b) < day {
		return "", false
	}
	r := hold.NewReader(b[day:])
	s := &tally.Score{Day: string(b[:day]), Milli: r.Number(), Rank: r.Number()}
	return s.String(), r.Done()
}

// ended is what reports had told of units that are told by records since, under all
// above them: the latest first.
func (c *count) ended() map[string]string {
	all := map[string]string{}
	for o, n := range c.reports.Ended() {
		var year, month, day int
		if _, err := fmt.Sscanf(c.reports.Begins(o.Unit), "%d-%d-%d", &year, &month, &day); err != nil || n == 0 {
			continue
		}
		rest := fmt.Sprintf("%04d%02d%02d\x00%s\x00%d\x00%s\x00%s", 9999-year, 99-month, 99-day, o.Unit, hold.Number(o.Metric), o.Campaign, o.Category)
		for _, unit := range c.tree.Path(o.Unit, tree.Now) {
			all[hold.Short(unit)+"\x00"+rest] = fmt.Sprint(n)
		}
	}
	return all
}

func sayEnded(b []byte) (string, bool) {
	r := hold.NewReader(b)
	return fmt.Sprint(r.Number()), r.Done()
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
