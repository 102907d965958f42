package recount

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/parts"
	"github.com/duban-project/duban/services/aggregation/recount/past"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
	"github.com/duban-project/duban/services/aggregation/worklist"
)

// trail is what the feeds say beyond figures: whatever else is kept of them. A nil
// trail notes nothing.
type trail struct {
	until    uint64    // how far one's own feed is followed for what it asks for
	at       time.Time // when the entry that is taken in took effect
	changes  map[past.Change]int64
	scored   map[string]string
	cursors  map[string]string
	withheld map[string]uint64
	heads    map[string]*aggregationv1.Report
	planned  map[string]*campaignv1.Campaign
	items    map[string][]*worklist.Item
	tops     map[string]string // of a record from below, its installation
}

func newTrail(until uint64) *trail {
	return &trail{
		until: until, changes: map[past.Change]int64{}, scored: map[string]string{},
		cursors: map[string]string{}, withheld: map[string]uint64{}, heads: map[string]*aggregationv1.Report{},
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
	t.cursors[s.name()] = cursor(e.GetSeq()+1, e.GetAt().AsTime(), t.at) + ofEntry + hex.EncodeToString(e.GetId())
	for _, sealed := range e.GetSealed() {
		if s.Installation != "" && sealed.GetLabel() != "office" {
			t.withheld[s.name()]++
		}
	}
	if s.Service != "organization" && s.Service != "federation" && s.tells(e) {
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
	c.Name = parts.Here(installation, c.GetName())
	t.planned[c.GetName()] = c
}

// await replaces what a record asks for. What it goes on asking for awaits its unit
// since the day it was first asked.
func (t *trail) await(installation, subject string, items []*worklist.Item) {
	for _, item := range items {
		item.SinceDate = t.at.In(tally.Zone).Format("2006-01-02")
		same := func(i *worklist.Item) bool { return i.GetAction() == item.GetAction() }
		if i := slices.IndexFunc(t.items[subject], same); i >= 0 {
			item.SinceDate = t.items[subject][i].GetSinceDate()
		}
		item.Subject, item.Campaign = subject, parts.Here(installation, item.GetCampaign())
	}
	t.items[subject] = items
}

// changed notes what a record counts since the entry that is taken in, and no more.
func (t *trail) changed(name string, before, after *tally.Record, day string) {
	if t == nil {
		return
	}
	at := string(binary.BigEndian.AppendUint64(nil, uint64(t.at.UnixNano())))
	if before != nil {
		t.counts(name, before, day, -1)
		if before.Score != nil {
			t.scored[hold.Short(before.Score.Unit)+"\x00"+at+name] = "none"
		}
	}
	t.counts(name, after, day, 1)
	if after.Score != nil {
		t.scored[hold.Short(after.Score.Unit)+"\x00"+at+name] = after.Score.String()
	}
}

func (t *trail) counts(name string, r *tally.Record, day string, sign int64) {
	count := func(metric, day string, n int64) {
		t.count(past.Change{At: t.at.UnixNano(), Name: name, What: tally.What{Where: r.At, Metric: metric}, Day: day}, n)
	}
	for _, m := range r.Stands {
		count(m, day, sign)
	}
	for _, all := range []map[tally.Count]int64{r.Came, r.Due} {
		for c, n := range all {
			count(c.Metric, c.Day, sign*n)
		}
	}
}

func (t *trail) count(c past.Change, n int64) {
	if t.changes[c] += n; t.changes[c] == 0 {
		delete(t.changes, c)
	}
}
