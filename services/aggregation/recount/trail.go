package recount

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/aggregation/worklist"
)

// trail is what the feeds say beyond figures: whatever else is kept of them. A nil
// trail notes nothing.
type trail struct {
	until    uint64    // how far one's own feed is followed for what it asks for
	at       time.Time // when the entry that is taken in took effect
	lain     map[string][]lay
	changes  map[noted]int64
	touched  map[[3]string]bool // who may have a figure of which the feed has brought something
	scored   map[string]string
	cursors  map[string]string
	withheld map[string]uint64
	refused  map[string]string
	heads    map[string]*aggregationv1.Report
	planned  map[string]*campaignv1.Campaign
	items    map[string][]*worklist.Item
	tops     map[string]string // of a record from below, its installation
}

// lay says that a unit lies under another since a moment, math.MinInt64 for ever.
type lay struct {
	since int64
	above string
}

// ever is before every moment.
const ever = math.MinInt64

// noted is a change of the figures that a record made.
type noted struct {
	at   int64
	name string
	of   of
	day  string
}

func newTrail(until uint64) *trail {
	return &trail{
		until: until, lain: map[string][]lay{}, changes: map[noted]int64{}, touched: map[[3]string]bool{}, scored: map[string]string{},
		cursors: map[string]string{}, withheld: map[string]uint64{}, refused: map[string]string{}, heads: map[string]*aggregationv1.Report{},
		planned: map[string]*campaignv1.Campaign{}, items: map[string][]*worklist.Item{}, tops: map[string]string{},
	}
}

// passed are the services whose feeds from below are not counted: what they say
// comes by the tree.
var passed = []string{"organization", "federation", "event"}

// entry notes what an entry says by itself. It comes before all else of the entry.
func (t *trail) entry(s Source, e *feedv1.Entry) {
	if t == nil {
		return
	}
	t.at = e.GetEffective().AsTime()
	if s.name() == own && e.GetSeq() >= t.until || s.Installation != "" && slices.Contains(passed, s.Service) {
		return
	}
	t.cursors[s.name()] = cursor(e.GetSeq()+1, e.GetAt().AsTime(), t.at)
	for _, sealed := range e.GetSealed() {
		if s.Installation != "" && sealed.GetLabel() != "office" {
			t.withheld[s.name()]++
		}
	}
	if s.Service != "organization" && s.Service != "federation" {
		t.asks(s, e)
	}
}

// asks notes what the record of an entry asks for, and what else is kept of it.
func (t *trail) asks(s Source, e *feedv1.Entry) {
	var body proto.Message
	if e.GetBody() != nil {
		body, _ = e.GetBody().UnmarshalNew() // what cannot be read is found by who counts it
	}
	subject := e.GetSubject()
	if s.Installation != "" {
		subject = "installations/" + s.Installation + "/" + subject
		t.tops[subject] = s.Installation
	}
	switch b := body.(type) {
	case *aggregationv1.Report:
		if s.Installation != "" {
			t.heads[subject] = b
		}
	case *campaignv1.Campaign:
		if b.GetState() != campaignv1.Campaign_STATE_DRAFT {
			t.plans(s.Installation, b)
		}
	}
	t.await(s.Installation, subject, worklist.Of(body))
}

// plans notes a campaign that was published, here or below.
func (t *trail) plans(installation string, c *campaignv1.Campaign) {
	c.Name = theirCampaign(installation, c.GetName())
	t.planned[c.GetName()] = c
}

// await replaces what a record asks for. What it goes on asking for awaits its unit
// since the day it was first asked.
func (t *trail) await(installation, subject string, items []*worklist.Item) {
	for _, item := range items {
		item.SinceDate = t.at.In(zone).Format("2006-01-02")
		same := func(i *worklist.Item) bool { return i.GetAction() == item.GetAction() }
		if i := slices.IndexFunc(t.items[subject], same); i >= 0 {
			item.SinceDate = t.items[subject][i].GetSinceDate()
		}
		item.Subject, item.Campaign = subject, theirCampaign(installation, item.GetCampaign())
	}
	t.items[subject] = items
}

// lies notes where a unit lies since a moment.
func (t *trail) lies(unit, above string, at time.Time) {
	if t == nil {
		return
	}
	switch list := t.lain[unit]; {
	case len(list) == 0:
		t.lain[unit] = []lay{{ever, above}}
	case list[len(list)-1].above == above:
	case list[len(list)-1].since >= at.UnixNano():
		list[len(list)-1].above = above
	default:
		t.lain[unit] = append(list, lay{at.UnixNano(), above})
	}
}

func (t *trail) refuse(r *federationv1.RefusedUnit) {
	if t != nil {
		t.refused[strings.Split(r.GetName(), "/refusedUnits/")[0]+"\x00"+r.GetUnit()] = ""
	}
}

// changed notes what a record counts since the entry that is taken in, and no more.
func (t *trail) changed(name string, before, after *record, day string) {
	if t == nil {
		return
	}
	if before != nil {
		t.counts(name, before, day, -1)
	}
	t.counts(name, after, day, 1)
	at := string(binary.BigEndian.AppendUint64(nil, uint64(t.at.UnixNano())))
	if before != nil && before.score != nil {
		t.scored[short(before.score.unit)+"\x00"+at+name] = "none"
	}
	if after.score != nil {
		t.scored[short(after.score.unit)+"\x00"+at+name] = after.score.String()
	}
}

func (t *trail) counts(name string, r *record, day string, sign int64) {
	for _, m := range r.stands {
		t.count(noted{t.at.UnixNano(), name, of{r.at, m}, day}, sign)
	}
	for _, all := range []map[tally]int64{r.came, r.due} {
		for c, n := range all {
			t.count(noted{t.at.UnixNano(), name, of{r.at, c.metric}, c.day}, sign*n)
		}
	}
}

func (t *trail) count(c noted, n int64) {
	t.touched[claim(c.of.unit, c.of.metric, c.day)] = true
	if t.changes[c] += n; t.changes[c] == 0 {
		delete(t.changes, c)
	}
}

// turns are the moments in which a unit got another parent, in their order.
func (t *trail) turns() (all []int64) {
	for _, list := range t.lain {
		for _, l := range list {
			if l.since != ever {
				all = append(all, l.since)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
