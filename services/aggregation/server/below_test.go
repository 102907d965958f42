package server_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/recount"
	"github.com/duban-project/duban/services/internal/store"
)

// joined is a history in which the units under one, and the records about them,
// are an installation's below. What that one tells of its units comes late.
type joined struct {
	*history
	told time.Time // when the newest move below took effect
	// last are the pages of reports made below that count, by period.
	last map[string]*aggregationv1.ReportPage
	sent map[string]int64 // how many reports each source below has
}

const (
	belowID   = "510104"
	belowName = "installations/" + belowID
	belowFeed = belowID + ".rectification"
	belowPlan = belowID + ".campaign"

	belowReports = belowID + ".aggregation"
)

var (
	ownNames   = []string{"root", "a", "b", "b1"}
	belowNames = []string{"a1", "a2", "a1x"}
)

func newJoined(t *testing.T, r *rapid.T) *joined {
	j := &joined{history: newEmptyHistory(t, r), last: map[string]*aggregationv1.ReportPage{}, sent: map[string]int64{}}
	j.told = j.now
	for _, u := range [][2]string{{"root", ""}, {"a", "root"}, {"b", "root"}, {"b1", "b"}} {
		j.lie(u[0], u[1])
	}
	j.append("federation", belowName, &federationv1.Installation{Name: belowName, Unit: "units/a"})
	for _, u := range [][2]string{{"a1", "a"}, {"a2", "a"}, {"a1x", "a1"}, {"a3", "a2"}} {
		j.lieBelow(u[0], u[1], j.now)
	}
	return j
}

// lieBelow is what federation writes of a unit of the installation below.
func (j *joined) lieBelow(name, parent string, since time.Time) {
	j.parents[name] = parent
	u := &organizationv1.Unit{Name: "units/" + name, Parent: "units/" + parent, Installation: belowName}
	r := &federationv1.RemoteUnit{Name: "remoteUnits/" + name, Installation: belowName, Unit: u, EffectiveTime: timestamppb.New(since)}
	j.append("federation", r.GetName(), r)
}

// move moves a unit of this installation, or one below some time ago.
func (j *joined) move() {
	if j.flip("own") {
		name, to := ownNames[1+j.pick("mover", 3)], ownNames[j.pick("target", 4)]
		if !j.beneath(to, name) && to != "a" {
			j.lie(name, to)
		}
		return
	}
	name, to := belowNames[j.pick("mover", 3)], append(belowNames, "a")[j.pick("target", 4)]
	if j.beneath(to, name) {
		return
	}
	late := time.Duration(j.pick("late", 60)) * time.Hour * time.Duration(j.pick("whether late", 2))
	if since := j.now.Add(-late); since.After(j.told) {
		j.told = since
	}
	j.lieBelow(name, to, j.told)
}

// enter adds a version of a problem that is kept below.
func (j *joined) enterBelow() {
	p := &rectificationv1.Problem{
		Name: fmt.Sprintf("ledgers/l/problems/%04d", j.pick("problem", 20)), Unit: "units/" + append(belowNames, "a")[j.pick("unit", 4)],
		Campaign: campaigns[j.pick("campaign", 3)], CreateTime: j.stamp(), State: rectificationv1.Problem_State(1 + j.pick("state", 9)),
		Accepted: j.flip("accepted"), Deadline: j.around(), CloseTime: j.stamp(),
	}
	j.append(belowFeed, p.GetName(), p)
}

// plan publishes or changes a campaign of the installation below, or changes one
// that it should not.
func (j *joined) plan() {
	c := &campaignv1.Campaign{
		Name: campaigns[1+j.pick("planned", 2)], State: campaignv1.Campaign_State(1 + j.pick("state", 2)),
		Parent: rapid.SampledFrom([]string{
			"", "installations/510000/campaigns/x", "installations/510000/campaigns/y", belowName + "/campaigns/x", belowName + "/campaigns/y",
			"installations/elsewhere/campaigns/x", "campaigns/x", "installations/510000/campaigns/x\x00",
		}).Draw(j.T, "parent"),
	}
	j.append(belowPlan, c.GetName(), c)
}

// reportBelow lets count below what a report says came at a unit, of which a report made
// here may tell first, in the place of what the one before said of the month. The only page of a
// short report comes before it, judged, and once more when it is accepted.
func (j *joined) reportBelow() {
	period := j.now.AddDate(0, -j.pick("months", 3), -j.now.Day()+1).Format("2006-01")
	if old := j.last[period]; old != nil {
		for _, row := range old.GetRows() {
			row.Counted = false
		}
		j.append(belowReports, old.GetName(), old)
	}
	j.reports++
	r := &aggregationv1.Report{
		Name: fmt.Sprintf("reports/%d", j.reports), Form: "reportForms/ledger-monthly", Unit: "units/a", Source: "s", Period: period, Sequence: j.reports,
	}
	page := &aggregationv1.ReportPage{Name: r.GetName() + "/pages/000000", Report: r.GetName()}
	for _, row := range []*aggregationv1.Report_Row{{ResolvedUnit: onlyBelow, Field: "found"}, {ResolvedUnit: onlyBelow, Field: "closed"}, {ResolvedUnit: recordless, Field: "rectifying"}} {
		page.Rows = append(page.Rows, j.sayings(row)...)
	}
	j.last[period] = page
	if j.flip("short") {
		judged := proto.CloneOf(page)
		for _, row := range judged.GetRows() {
			row.Counted = false
		}
		j.append(belowReports, page.GetName(), judged)
	}
	j.append(belowReports, r.GetName(), r)
	j.append(belowReports, page.GetName(), page)
	others := &aggregationv1.Report{Name: fmt.Sprintf("reports/%d-x", j.reports), Form: r.GetForm(), Unit: "units/b1", Period: period, State: aggregationv1.Report_STATE_ACCEPTED}
	j.append(belowReports, others.GetName(), others) // of a unit that is not theirs
}

// sayings are what a report says of a figure, the row that is judged by itself, which may
// count, among others that do not: of those that say it again, or are somebody else's.
func (j *joined) sayings(of *aggregationv1.Report_Row) (rows []*aggregationv1.Report_Row) {
	first := j.pick("first", 3)
	for n := range 3 {
		row := proto.CloneOf(of)
		row.Value = int64(j.pick("value", 5))
		switch {
		case n == first:
			row.Verdict, row.Counted = aggregationv1.Report_Verdict(1+j.pick("verdict", 3)), j.flip("counted")
		case j.flip("said again"):
			row.Verdict = aggregationv1.Report_Verdict(4 + j.pick("refused", 3))
		default:
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

// onlyBelow is a unit of which only reports made below tell, and recordless another, which
// keeps no records either.
const onlyBelow, recordless = "units/a1x", "units/a3"

func (j *joined) actions() map[string]func(*rapid.T) {
	all := j.busy()
	delete(all, "move2")
	delete(all, "merge")
	do := func(f func()) func(*rapid.T) { return func(t *rapid.T) { j.T = t; f() } }
	report := all["report"]
	all["report"] = func(t *rapid.T) { j.T = t; j.countBelow(belowFeed, len(j.feeds[belowFeed])); report(t) }
	all["move"], all["below"], all["below2"] = do(j.move), do(j.enterBelow), do(j.enterBelow)
	all["count below"] = do(func() { j.countBelow(belowFeed, 1+j.pick("entries", 9)) })
	all["plan"], all["count plans"] = do(j.plan), do(func() { j.countBelow(belowPlan, 1+j.pick("entries", 3)) })
	return all
}

// countBelow counts the next n entries of a feed from below, and before them all
// units.
func (j *joined) countBelow(feed string, n int) {
	j.count("federation", len(j.feeds["federation"]))
	from := j.counted[feed]
	to := min(from+n, len(j.feeds[feed]))
	if from == to {
		return // followers count no empty run
	}
	source := count.Source{Feed: feed, Installation: belowName, Root: "units/a"}
	j.update(func(tx store.Tx) error { return source.Count(tx, j.feeds[feed][from:to]) })
	j.counted[feed] = to
}

// settleBelow counts everything, and returns the sources to count it from anew.
func (j *joined) settleBelow() []recount.Source {
	for _, feed := range []string{belowFeed, belowPlan, belowReports} {
		j.countBelow(feed, len(j.feeds[feed]))
	}
	j.settle()
	sources := recount.Sources("", j.stores)
	for name, as := range map[string]recount.Source{belowID + ".federation": {Installation: belowID, Service: "federation"}, "federation": {Service: "federation"}, belowFeed: {Installation: belowID, Service: "rectification"}, belowPlan: {Installation: belowID, Service: "campaign"}, belowReports: {Installation: belowID, Service: "aggregation"}} {
		as.Engine = fed{entries: j.feeds[name]}
		sources = append(sources, as)
	}
	return sources
}

// The figures of an installation below are those of a recount, now and as known at
// any past moment, also if what it tells of its tree comes late.
func TestFiguresBelowAreThoseOfARecount(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		j := newJoined(t, r)
		defer j.close()
		r.Repeat(j.actions())
		j.T = r
		sources := j.settleBelow()
		now, err := recount.Count(t.Context(), j.stores["aggregation"], sources)
		if err != nil {
			r.Fatal(err)
		}
		if err := j.stores["aggregation"].View(t.Context(), now.Compare); err != nil {
			r.Fatal(err)
		}
		if err := recount.Check(t.Context(), j.stores["aggregation"], sources); err != nil {
			r.Fatal(err)
		}
		for range moments / 5 { // there are histories enough
			at := j.momentOf(slices.Sorted(maps.Keys(j.feeds)))
			want, err := recount.CountUntil(t.Context(), j.stores["aggregation"], sources, at)
			if err != nil {
				r.Fatal(err)
			}
			err = j.stores["aggregation"].View(t.Context(), func(tx store.Tx) error { return j.askOf(tx, want, at) })
			if err != nil {
				r.Fatalf("as of %v: %v", at, err)
			}
		}
	})
}

// What counts of a report below counts here, whether its feed or that of the records is
// counted first, and in whatever runs.
func TestReportsBelowCountInWhateverOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		j := newJoined(t, r)
		defer j.close()
		all := j.actions()
		delete(all, "report")
		all["report below"] = func(t *rapid.T) { j.T = t; j.reportBelow() }
		all["count reports"] = func(t *rapid.T) { j.T = t; j.countBelow(belowReports, 1+j.pick("entries", 3)) }
		r.Repeat(all)
		j.T = r
		if err := recount.Check(t.Context(), j.stores["aggregation"], j.settleBelow()); err != nil {
			r.Fatal(err)
		}
	})
}

// A report is taken of a unit before the tree by which figures are kept has it, and after
// those above it have moved: once the tree has it, what came before they moved counts where
// they lay then.
func TestAReportOfAUnitThatIsYetToCome(t *testing.T) {
	j := newJoined(t, nil)
	defer j.close()
	j.now = j.now.AddDate(0, 1, 0)
	j.lie("a", "b")
	j.count("organization", len(j.feeds["organization"]))
	j.proposalOf("units/a1x")
	if err := recount.Check(t.Context(), j.stores["aggregation"], j.settleBelow()); err != nil {
		t.Fatal(err)
	}
}

// A month of the root below that a report made here has told stays that one's, also if
// below a report of it counts.
func TestWhatIsToldHereStaysSo(t *testing.T) {
	j := newJoined(t, nil)
	defer j.close()
	j.now = j.now.AddDate(0, 1, 0)
	j.reportOf("units/a")
	r := &aggregationv1.Report{Name: "reports/9", Unit: "units/a", Source: "s", Form: "reportForms/ledger-monthly", Period: "2025-12", Sequence: 9}
	j.append(belowReports, r.GetName(), r)
	page := &aggregationv1.ReportPage{Name: "reports/9/pages/000000", Report: r.GetName(), Rows: []*aggregationv1.Report_Row{
		{ResolvedUnit: "units/a", Field: "found", Value: 7, Counted: true}, {ResolvedUnit: "units/a", Field: "rectifying", Value: 6, Counted: true},
		{ResolvedUnit: "units/a1", Field: "found", Value: 5, Counted: true},
	}}
	j.append(belowReports, page.GetName(), page)
	if err := recount.Check(t.Context(), j.stores["aggregation"], j.settleBelow()); err != nil {
		t.Fatal(err)
	}
}
