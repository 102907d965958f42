package aggregation_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/aggregation"
)

func TestMetricsAreWhole(t *testing.T) {
	seen := map[aggregation.Metric]bool{}
	for _, d := range aggregation.Definitions {
		if seen[d.Metric] || d.Metric >= aggregation.Numbers || aggregation.Define(d.Metric).ID != d.ID {
			t.Errorf("%s: number %d", d.ID, d.Metric)
		}
		seen[d.Metric] = true
		for _, text := range []string{d.ID, d.Service, d.Measure, d.Zh, d.En, d.MeansZh, d.MeansEn} {
			if text == "" {
				t.Errorf("%s says too little", d.ID)
			}
		}
		if (d.Kind == aggregationv1.Metric_KIND_RATIO) != (d.Over != 0 && d.By != 0) {
			t.Errorf("%s: a ratio has numerator and denominator", d.ID)
		}
	}
	if !slices.IsSortedFunc(aggregation.Metrics(), func(a, b *aggregationv1.Metric) int {
		return slices.Compare([]string{a.GetName()}, []string{b.GetName()})
	}) {
		t.Error("metrics are not in the order of their names")
	}
}

func TestRatiosAreOfSums(t *testing.T) {
	rate := aggregation.Define(aggregation.ProblemsClosingRate)
	for _, c := range [][3]int64{{0, 0, 0}, {1, 3, 333}, {2, 3, 667}, {1, 2000, 1}, {1, 2001, 0}, {279, 306, 912}} {
		f := aggregation.FigureOf(rate, func(m aggregation.Metric) int64 {
			return map[aggregation.Metric]int64{aggregation.ProblemsClosed: c[0], aggregation.ProblemsFound: c[1]}[m]
		})
		if f.GetValue() != c[2] || f.GetNumerator() != c[0] || f.GetDenominator() != c[1] {
			t.Errorf("%d of %d = %v, want %d", c[0], c[1], f, c[2])
		}
	}
}

func TestRanks(t *testing.T) {
	place := func(unit, class string, value int64) *aggregationv1.CompareStatusResponse_Place {
		return &aggregationv1.CompareStatusResponse_Place{Unit: unit, Class: class, Figure: &aggregationv1.Figure{Value: value}}
	}
	places := []*aggregationv1.CompareStatusResponse_Place{place("d", "b", 9), place("c", "a", 3), place("b", "a", 3), place("a", "a", 5), place("e", "a", 1)}
	check := func(m aggregation.Metric, want string) {
		t.Helper()
		aggregation.Rank(aggregation.Define(m), places)
		got := ""
		for _, p := range places {
			got += p.GetUnit() + string(rune('0'+p.GetRank())) + " "
		}
		if got != want {
			t.Errorf("ranked %q, want %q", got, want)
		}
	}
	check(aggregation.TasksApproved, "a1 b2 c2 e4 d1 ")
	check(aggregation.ProblemsReturned, "e1 b2 c2 a4 d1 ")
	check(aggregation.EvaluationScore, "a0 b0 c0 e0 d0 ")
	for i, p := range places { // of 2: e more than all
		p.Figure = &aggregationv1.Figure{Numerator: int64(i), Denominator: 2}
	}
	check(aggregation.ProblemsClosingRate, "c1 b2 a3 e0 d0 ")
}

// TestWhoCannotBeRankedStandsLastInItsClass, of whatever kind the metric is and whichever
// way is good.
func TestWhoCannotBeRankedStandsLastInItsClass(t *testing.T) {
	some := &aggregationv1.Figure{Value: 500, Numerator: 1, Denominator: 2, Origin: "rounds/1"}
	none := &aggregationv1.Figure{}
	for _, d := range aggregation.Definitions {
		counted := aggregation.Ranked(&d, none)
		places := []*aggregationv1.CompareStatusResponse_Place{
			{Unit: "units/a", Class: "KIND_SCHOOL", Figure: none}, {Unit: "units/b", Class: "KIND_DEPARTMENT", Figure: none},
			{Unit: "units/c", Class: "KIND_SCHOOL", Figure: some}, {Unit: "units/d", Class: "KIND_SCHOOL", Figure: none},
		}
		aggregation.Rank(&d, places)
		got := ""
		for _, p := range places {
			got += fmt.Sprint(p.GetUnit(), " ", p.GetRank(), ", ")
		}
		if want := "units/b 0, units/c 1, units/a 0, units/d 0, "; !counted && got != want {
			t.Errorf("by %s: %s want %s", d.ID, got, want)
		} else if counted && strings.Contains(got, " 0") {
			t.Errorf("by %s, which everybody has: %s", d.ID, got)
		}
	}
}

func TestRankingsAreBounded(t *testing.T) {
	if err := aggregation.Comparable(aggregation.Compared); err != nil {
		t.Error(err)
	}
	if err := aggregation.Comparable(aggregation.Compared + 1); !errors.Is(err, aggregation.ErrTooManyCompared) {
		t.Errorf("more units = %v", err)
	}
}

// A metric is read from the sums that it is made of, and from no others.
func TestSumsOfMetrics(t *testing.T) {
	for m, want := range map[aggregation.Metric][]aggregation.Metric{
		aggregation.TasksDue:            {aggregation.TasksDue},
		aggregation.ProblemsClosingRate: {aggregation.ProblemsClosed, aggregation.ProblemsFound},
		aggregation.EvaluationRank:      nil,
	} {
		sums := aggregation.Sums(*aggregation.Define(m))
		for _, d := range aggregation.Definitions {
			if sums.Has(d.Metric) != slices.Contains(want, d.Metric) {
				t.Errorf("%s needs %s: %v", aggregation.Define(m).ID, d.ID, sums.Has(d.Metric))
			}
		}
	}
}

func TestStretchesOfASeries(t *testing.T) {
	found := aggregation.Define(aggregation.ProblemsFound)
	got, err := found.Stretches("2024-01-30", "2024-03-02", aggregationv1.GetStatusSeriesRequest_BUCKET_MONTH)
	want := []aggregation.Stretch{{Start: "2024-01-30", End: "2024-01-31"}, {Start: "2024-02-01", End: "2024-02-29"}, {Start: "2024-03-01", End: "2024-03-02"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("= %v, %v", got, err)
	}
	for m, last := range map[aggregation.Metric]string{
		aggregation.ProblemsFound: "2025-02-03", aggregation.ProblemsOverdue: "2024-03-02", aggregation.EvaluationRank: "2024-03-02",
	} {
		d := aggregation.Define(m)
		if got, err := d.Stretches("2024-01-01", last, aggregationv1.GetStatusSeriesRequest_BUCKET_DAY); err != nil || len(got) != d.Points() {
			t.Errorf("%s: %d days, %v", d.ID, len(got), err)
		}
		behind, err := time.Parse(time.DateOnly, last)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Stretches("2024-01-01", behind.AddDate(0, 0, 1).Format(time.DateOnly), aggregationv1.GetStatusSeriesRequest_BUCKET_DAY); !errors.Is(err, aggregation.ErrSeriesTooLong) {
			t.Errorf("%s: a day more = %v", d.ID, err)
		}
	}
}

// What is rejected counts on that day, once.
func TestARejectedComplaintCountsOnce(t *testing.T) {
	c := &complaintv1.Complaint{Unit: "units/s", Type: complaintv1.Complaint_TYPE_COMPLAINT, State: complaintv1.Complaint_STATE_REJECTED}
	before := aggregation.FactOf(c, &aggregation.Fact{}, "2026-02-09")
	later := aggregation.FactOf(c, &before, "2026-02-20")
	want := []aggregation.Count{{Metric: aggregation.ComplaintsRejected, Day: "2026-02-09", N: 1}}
	if got := counted(later, aggregation.ComplaintsRejected); !slices.Equal(got, want) {
		t.Errorf("counted: %+v", got)
	}
}

// A rate of decisions in time knows of a complaint once it is decided, or can no more be
// in time: one that has just come takes nothing off, one that was rejected in time adds to it.
func TestAComplaintIsDecidedInTimeOrLate(t *testing.T) {
	const limit = "2026-02-28"
	for name, c := range map[string]struct {
		state          complaintv1.Complaint_State
		limit          string
		accepted, day  string
		inTime, inRate string
	}{
		"received":                    {complaintv1.Complaint_STATE_RECEIVED, limit, "", "2026-02-09", "", "2026-03-01"},
		"received, without a limit":   {complaintv1.Complaint_STATE_RECEIVED, "", "", "2026-02-09", "", ""},
		"accepted on the last day":    {complaintv1.Complaint_STATE_ACCEPTED, limit, limit, limit, limit, limit},
		"accepted a day later":        {complaintv1.Complaint_STATE_ACCEPTED, limit, "2026-03-01", "2026-03-01", "", "2026-03-01"},
		"accepted a month later":      {complaintv1.Complaint_STATE_ACCEPTED, limit, "2026-03-30", "2026-03-30", "", "2026-03-01"},
		"accepted, without a limit":   {complaintv1.Complaint_STATE_ACCEPTED, "", "2026-03-30", "2026-03-30", "2026-03-30", "2026-03-30"},
		"closed":                      {complaintv1.Complaint_STATE_CLOSED, limit, "2026-02-10", "2026-05-01", "2026-02-10", "2026-02-10"},
		"rejected on the last day":    {complaintv1.Complaint_STATE_REJECTED, limit, "", limit, limit, limit},
		"rejected a month later":      {complaintv1.Complaint_STATE_REJECTED, limit, "", "2026-03-30", "", "2026-03-01"},
		"rejected, without any limit": {complaintv1.Complaint_STATE_REJECTED, "", "", "2026-03-30", "2026-03-30", "2026-03-30"},
	} {
		body := &complaintv1.Complaint{Unit: "units/s", Type: complaintv1.Complaint_TYPE_COMPLAINT, State: c.state, DecideDue: &complaintv1.Due{Date: c.limit}}
		if at, err := time.Parse(time.DateOnly, c.accepted); err == nil {
			body.AcceptTime = timestamppb.New(at)
		}
		fact := aggregation.FactOf(body, &aggregation.Fact{}, c.day)
		if got := fact.First(aggregation.ComplaintsDecidedInTime); got != c.inTime || len(counted(fact, aggregation.ComplaintsDecidedInTime)) > 1 {
			t.Errorf("%s: decided in time on %q, want %q", name, got, c.inTime)
		}
		if got := fact.First(aggregation.ComplaintsDecisionsDue); got != c.inRate || len(counted(fact, aggregation.ComplaintsDecisionsDue)) > 1 {
			t.Errorf("%s: in the rate since %q, want %q", name, got, c.inRate)
		}
	}
}

// A task is owed until it is submitted, received or not, and what is owed is overdue.
func TestATaskIsOwedUntilItIsSubmitted(t *testing.T) {
	const due, again = "2026-04-03", "2026-04-15"
	for state, want := range map[campaignv1.Assignment_State]string{
		campaignv1.Assignment_STATE_ISSUED: due, campaignv1.Assignment_STATE_RECEIVED: due, campaignv1.Assignment_STATE_RETURNED: again,
		campaignv1.Assignment_STATE_SUBMITTED: "", campaignv1.Assignment_STATE_APPROVED: "",
	} {
		a := &campaignv1.Assignment{Unit: "units/s", State: state, DueDate: due}
		if state == campaignv1.Assignment_STATE_RETURNED {
			a.CorrectionDueDate = again
		}
		fact := aggregation.FactOf(a, &aggregation.Fact{}, due)
		if fact.Owes != want || fact.First(aggregation.ItemsMissing) != want || fact.First(aggregation.TasksOverdue) != want {
			t.Errorf("%v is owed by %q, want %q: %+v", state, fact.Owes, want, fact.Counts)
		}
	}
}

// counted is what a fact counts of a metric.
func counted(f aggregation.Fact, m aggregation.Metric) (all []aggregation.Count) {
	for _, c := range f.Counts {
		if c.Metric == m {
			all = append(all, c)
		}
	}
	return all
}

// The definition of a metric says of which days it is, where a cut's period does not.
func TestDefinitionsSayOfWhichDaysTheyAre(t *testing.T) {
	says := map[aggregationv1.Metric_Kind]string{aggregationv1.Metric_KIND_OVERDUE: "As of today", aggregationv1.Metric_KIND_RATIO: "until the end of the period"}
	for _, m := range aggregation.Metrics() {
		if !strings.Contains(m.GetDefinitionEn(), says[m.GetKind()]) {
			t.Errorf("%s means %q", m.GetName(), m.GetDefinitionEn())
		}
	}
}

// What was filed awaits its superior until there is an answer, also while the unit signs a
// supplement of it; the end of its campaign or unit ends that if it came before the day.
// One that was filed before such days were kept never does.
func TestALedgerIsUnacknowledgedUntilItIsAnswered(t *testing.T) {
	const day = "2026-04-22"
	for name, c := range map[string]struct {
		ledger *rectificationv1.Ledger
		want   string
	}{
		"filed":               {&rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_FILED, Version: 1, AcknowledgeDueDate: day}, day},
		"supplemented":        {&rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_FILED, Version: 2, AcknowledgedVersion: 1, AcknowledgeDueDate: day}, day},
		"signed once more":    {&rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_SIGNED, Version: 1, AcknowledgeDueDate: day}, day},
		"closed on the day":   {&rectificationv1.Ledger{Version: 1, AcknowledgeDueDate: day, CampaignCloseDate: day}, day},
		"closed before it":    {&rectificationv1.Ledger{Version: 1, AcknowledgeDueDate: day, CampaignCloseDate: "2026-04-21"}, ""},
		"archived before it":  {&rectificationv1.Ledger{Version: 1, AcknowledgeDueDate: day, UnitArchiveDate: "2026-04-21"}, ""},
		"answered":            {&rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_ACKNOWLEDGED, Version: 1, AcknowledgedVersion: 1}, ""},
		"filed by an earlier": {&rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_FILED, Version: 1}, ""},
	} {
		fact := aggregation.FactOf(c.ledger, &aggregation.Fact{}, "2026-03-31")
		if got := fact.First(aggregation.LedgersUnacknowledged); got != c.want {
			t.Errorf("%s: unacknowledged after %q, want %q", name, got, c.want)
		}
	}
}

// A rate of what was accepted says nothing of a complaint that nobody accepts.
func TestAComplaintIsOverdueUntilItIsReplied(t *testing.T) {
	decide, finish := "2026-03-10", "2026-05-04"
	for state, want := range map[complaintv1.Complaint_State]string{
		complaintv1.Complaint_STATE_RECEIVED: decide, complaintv1.Complaint_STATE_REJECTED: "", complaintv1.Complaint_STATE_ACCEPTED: finish,
		complaintv1.Complaint_STATE_INVESTIGATING: finish, complaintv1.Complaint_STATE_REPLIED: "", complaintv1.Complaint_STATE_CLOSED: "",
	} {
		c := &complaintv1.Complaint{
			Unit: "units/s", Type: complaintv1.Complaint_TYPE_COMPLAINT, State: state, DecideDue: &complaintv1.Due{Date: decide}, FinishDue: &complaintv1.Due{Date: finish},
		}
		if got := overdue(c); got != want {
			t.Errorf("%v is overdue after %q, want %q", state, got, want)
		}
		c.Sealed = true
		if got := overdue(c); got != "" {
			t.Errorf("%v, sealed, is overdue after %q", state, got)
		}
	}
}

// What nobody accepts is late by the first limit that passes: to be accepted or to be replied
// to, which packs for enquiries count from the day it came and set alone.
func TestWhatNobodyAcceptsIsOverdueByItsFirstLimit(t *testing.T) {
	const sooner, later = "2026-02-14", "2026-02-24"
	for _, x := range []struct{ decide, finish, received, accepted string }{
		{"", sooner, sooner, sooner},
		{sooner, "", sooner, ""},
		{later, sooner, sooner, sooner},
		{sooner, later, sooner, later},
		{"", "", "", ""},
	} {
		for state, want := range map[complaintv1.Complaint_State]string{complaintv1.Complaint_STATE_RECEIVED: x.received, complaintv1.Complaint_STATE_ACCEPTED: x.accepted} {
			c := &complaintv1.Complaint{
				Unit: "units/s", Type: complaintv1.Complaint_TYPE_ENQUIRY, State: state, DecideDue: &complaintv1.Due{Date: x.decide}, FinishDue: &complaintv1.Due{Date: x.finish},
			}
			if got := overdue(c); got != want {
				t.Errorf("%v, decided by %q, finished by %q: overdue after %q, want %q", state, x.decide, x.finish, got, want)
			}
		}
	}
}

// overdue is the day after which a complaint counts as overdue, or "".
func overdue(c *complaintv1.Complaint) (day string) {
	for _, n := range aggregation.FactOf(c, &aggregation.Fact{}, "2026-02-09").Counts {
		if n.Metric == aggregation.ComplaintsOverdue {
			day += n.Day
		}
	}
	return day
}

// What an installation above urged counts once a day, whoever urged, and only of what awaits
// the unit still.
func TestUrgedAbove(t *testing.T) {
	item := &aggregationv1.WorkItem{
		Unit: "units/a", Subject: "ledgers/l", Action: aggregationv1.WorkItem_ACTION_FILE_LEDGER, SinceDate: "2026-03-01", DueDate: "2026-03-05",
	}
	said := func(day string) *aggregationv1.Urge {
		return &aggregationv1.Urge{Unit: "units/a", Subject: "installations/a/ledgers/l", UrgeDate: day, UrgingUnit: "units/above", Urger: "units/above/members/m", Count: 7}
	}
	first := aggregation.UrgedAbove(nil, item, said("2026-03-06"), "2026-03-31")
	if first.GetCount() != 1 || first.GetSubject() != "ledgers/l" || first.GetUrgingUnit() != "units/above" || first.GetUrger() != "" || first.GetName() != aggregation.UrgeName("units/a", "ledgers/l", item.GetAction()) {
		t.Errorf("the first time it is %v", first)
	}
	if again := aggregation.UrgedAbove(first, item, said("2026-03-07"), "2026-03-31"); again.GetCount() != 2 || again.GetUrgeDate() != "2026-03-07" {
		t.Errorf("the day after it is %v", again)
	}
	later := &aggregationv1.WorkItem{Unit: "units/a", Subject: "ledgers/l", Action: item.GetAction(), SinceDate: "2026-03-08"}
	if anew := aggregation.UrgedAbove(first, later, said("2026-03-09"), "2026-03-31"); anew.GetCount() != 1 {
		t.Errorf("when it awaits the unit anew it is %v", anew)
	}
	for what, got := range map[string]*aggregationv1.Urge{
		"what is known":          aggregation.UrgedAbove(first, item, said("2026-03-06"), "2026-03-31"),
		"what is older":          aggregation.UrgedAbove(first, item, said("2026-03-02"), "2026-03-31"),
		"what is yet to be":      aggregation.UrgedAbove(nil, item, said("2026-04-01"), "2026-03-31"),
		"what awaits no more":    aggregation.UrgedAbove(nil, nil, said("2026-03-06"), "2026-03-31"),
		"what awaits only since": aggregation.UrgedAbove(nil, later, said("2026-03-07"), "2026-03-31"),
	} {
		if got != nil {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// Sums of large reports are compared as they are, however many digits their products have.
func TestLargeRatiosAreRankedExactly(t *testing.T) {
	d, err := aggregation.Find("metrics/problems_closing_rate")
	if err != nil {
		t.Fatal(err)
	}
	place := func(unit string, over, by int64) *aggregationv1.CompareStatusResponse_Place {
		return &aggregationv1.CompareStatusResponse_Place{Unit: unit, Figure: &aggregationv1.Figure{Metric: d.Name(), Numerator: over, Denominator: by}}
	}
	places := []*aggregationv1.CompareStatusResponse_Place{
		place("units/d1", 700_000_005, 7_000_000_022), place("units/d2", 5_000_000_023, 7_000_000_031),
		place("units/d3", 10_000_000_046, 14_000_000_062), place("units/d4", 0, 7_000_000_022),
	}
	aggregation.Rank(d, places)
	var got []string
	for _, p := range places {
		got = append(got, fmt.Sprintf("%s %d", p.GetUnit(), p.GetRank()))
	}
	if want := []string{"units/d2 1", "units/d3 1", "units/d1 3", "units/d4 4"}; !slices.Equal(got, want) {
		t.Errorf("ranked %v, want %v", got, want)
	}
}

// What is unknown meets no target, whichever way it points.
func TestTheUnknownMeetsNoTarget(t *testing.T) {
	target := &aggregationv1.Target{Metric: "metrics/tasks_overdue", Direction: aggregationv1.Target_DIRECTION_AT_MOST}
	for _, c := range []struct {
		figure *aggregationv1.Figure
		met    bool
	}{
		{&aggregationv1.Figure{Partial: true}, false},
		{&aggregationv1.Figure{}, true},
		{&aggregationv1.Figure{Value: 1, Partial: true}, false},
	} {
		if p := aggregation.Progress(target, c.figure); p.GetMet() != c.met {
			t.Errorf("%v meets at most 0: %v", c.figure, p.GetMet())
		}
	}
}

// A row leaves out what is none or 0, but no score that was published, and nothing unknown.
func TestARowKeepsAPublishedZero(t *testing.T) {
	for _, c := range []struct {
		figure *aggregationv1.Figure
		blank  bool
	}{
		{&aggregationv1.Figure{Metric: "metrics/problems_found"}, true},
		{&aggregationv1.Figure{Metric: "metrics/evaluation_score"}, true},
		{&aggregationv1.Figure{Metric: "metrics/evaluation_score", Origin: "rounds/r/results/s1"}, false},
		{&aggregationv1.Figure{Metric: "metrics/problems_closing_rate", Denominator: 1}, false},
		{&aggregationv1.Figure{Metric: "metrics/tasks_overdue", Partial: true}, false},
		{&aggregationv1.Figure{Metric: "metrics/problems_found", Value: 1}, false},
	} {
		if aggregation.Blank(c.figure) != c.blank {
			t.Errorf("%v is left out: %v", c.figure, !c.blank)
		}
	}
}
