package reported

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
)

// proposal is a row of a report that awaits a superior, or one that counts and that such a
// report does not say.
type proposal struct {
	by    *aggregationv1.Report
	row   *aggregationv1.Report_Row
	drops bool
}

func (p proposal) order() string {
	return fmt.Sprintf("%016x%016x%s", p.by.GetCreateTime().AsTime().UnixNano(), p.by.GetSequence(), p.by.GetName())
}

func (p proposal) metric() string { return metricOf(p.by, p.row) }
func (p proposal) holder() string { return sourceOf("", p.by, p.metric()) }

func (p proposal) where() tally.What {
	at := tally.Where{Unit: p.row.GetResolvedUnit(), Campaign: p.row.GetCampaign(), Category: p.row.GetCategory()}
	return tally.What{Where: at, Metric: p.metric()}
}

// figures are what has one holder, of each month of the period.
func (p proposal) figures() (all []Figure) {
	for _, month := range months(p.by.GetPeriod()) {
		all = append(all, FigureOf(p.row.GetResolvedUnit(), p.metric(), month))
	}
	return all
}

// proposals are all of them, the first that came first.
func (s *Reports) proposals() (all []proposal) {
	for _, p := range s.local {
		for _, row := range p.GetRows() {
			if row.GetProposed() {
				all = append(all, proposal{by: s.reports[p.GetReport()], row: row})
			}
		}
		for _, i := range p.GetDropped() {
			if int(i) < len(p.GetRows()) {
				all = append(all, proposal{s.reports[p.GetDroppedBy()], p.GetRows()[i], true})
			}
		}
	}
	all = slices.DeleteFunc(all, func(p proposal) bool { return p.metric() == "" || len(p.figures()) == 0 })
	slices.SortStableFunc(all, func(a, b proposal) int {
		return cmp.Or(strings.Compare(a.order(), b.order()), map[bool]int{true: 1}[a.drops]-map[bool]int{true: 1}[b.drops])
	})
	return all
}

// Left says which report proposes something though it awaits nobody any more, if there is
// one on which nobody works and no work has failed.
func (s *Reports) Left(working func(report string) bool) error {
	for _, p := range s.proposals() {
		switch p.by.GetState() {
		case aggregationv1.Report_STATE_PROCESSING, aggregationv1.Report_STATE_SUBMITTED, aggregationv1.Report_STATE_ENTERING:
			continue
		}
		if p.by.GetFailure() == "" && !working(p.by.GetName()) {
			return hold.Differ("%s proposes %s of %s, and is %s", p.by.GetName(), p.metric(), p.row.GetResolvedUnit(), p.by.GetState())
		}
	}
	return nil
}

// leaders are who has each figure of which something is proposed, or would.
func (s *Reports) leaders(all []proposal) map[Figure]string {
	who := map[Figure]string{}
	for _, p := range all {
		for _, f := range p.figures() {
			if held := s.sources[f]; held != "" {
				who[f] = held
			} else if who[f] == "" {
				who[f] = p.holder()
			}
		}
	}
	return who
}

// replaces is the sequence of the report in whose place another is to count, or 0: of the
// chain of those that it names, the first that a superior has accepted.
func (s *Reports) replaces(r *aggregationv1.Report) int64 {
	for range len(s.reports) {
		if r = s.reports[r.GetSupersedes()]; r == nil {
			return 0
		}
		switch r.GetState() {
		case aggregationv1.Report_STATE_ENTERING, aggregationv1.Report_STATE_ACCEPTED:
			return r.GetSequence()
		case aggregationv1.Report_STATE_SUPERSEDED:
			if r.GetReviewer() != "" {
				return r.GetSequence()
			}
		}
	}
	return 0
}

// Proposed lists by how much would change on which day what is counted of reports if those
// that await it were accepted, of what no records of the unit's own tell.
func (s *Reports) Proposed() map[tally.What]map[string]int64 {
	all := s.expected()
	for o, days := range all {
		begins := s.Begins(o.Unit)
		if !stocks[o.Metric] || begins == "" {
			continue
		}
		ended := map[string]int64{}
		for day, n := range days {
			ended[day] += n
			ended[max(day, begins)] -= n
		}
		all[o] = ended
	}
	return all
}

// expected is the same, were no unit to keep records.
func (s *Reports) expected() map[tally.What]map[string]int64 {
	proposals, all := s.proposals(), map[tally.What]map[string]int64{}
	who, said, by := s.leaders(proposals), s.said(), s.saidBy()
	would, decided := map[tally.What]map[string]int64{}, map[string]bool{}
	for _, p := range proposals {
		o, month := p.where(), lastMonth(p.by.GetPeriod())
		accepted := o
		accepted.Accepted = true
		if would[o] == nil {
			would[o] = maps.Clone(said[accepted])
			if would[o] == nil {
				would[o] = map[string]int64{}
			}
		}
		key := keyOf(p.by, p.row)
		sequence, counts := by[key]
		leads := !slices.ContainsFunc(p.figures(), func(f Figure) bool { return who[f] != p.holder() })
		switch {
		case !leads || decided[key] || counts && sequence != s.replaces(p.by) || !counts && p.drops:
			continue
		case p.drops:
			delete(would[o], month)
		default:
			would[o][month] = p.row.GetValue()
		}
		decided[key] = true
	}
	for o, months := range would {
		accepted := o
		accepted.Accepted = true
		all[o] = changes(o.Metric, months)
		for day, n := range changes(o.Metric, said[accepted]) {
			all[o][day] -= n
		}
	}
	return all
}

// saidBy has the sequences of the reports whose figures count, by their keys.
func (s *Reports) saidBy() map[string]int64 {
	all := map[string]int64{}
	for _, p := range s.pages {
		for _, row := range p.GetRows() {
			if r := s.reports[p.GetReport()]; row.GetCounted() {
				all[keyOf(r, row)] = r.GetSequence()
			}
		}
	}
	return all
}

// proposed is what is kept of proposals.
func (s *Reports) proposed() map[string]string {
	all := map[string]string{}
	for _, p := range s.proposals() {
		sign := map[bool]string{false: "+", true: "-"}[p.drops]
		for _, f := range p.figures() {
			key := []string{f.key(), p.order(), strconv.Itoa(hold.Number(p.metric())), p.row.GetCampaign(), p.row.GetCategory(), sign}
			says := strings.Join([]string{p.holder(), strings.Join(months(p.by.GetPeriod()), " ")}, "\x00")
			all[strings.Join(key, "\x00")] = sayProposal(p.row.GetValue(), s.replaces(p.by), says)
		}
	}
	return all
}

func sayProposal(value, supersedes int64, rest string) string {
	return fmt.Sprintf("%d in the place of report %d by %s", value, supersedes, rest)
}

func sayProposed(b []byte) (string, bool) {
	r := hold.NewReader(b)
	value, supersedes := r.Number(), r.Number()
	return sayProposal(value, supersedes, r.Rest()), r.Done()
}

// Mixed says whether reports of installations below count: when these were counted beside
// what is proposed here goes by the order of counting.
func (s *Reports) Mixed() bool { return len(s.pages) > len(s.local) }

// Remembered holds what is remembered of what was proposed of what stands against what is:
// all that it came to, whenever. A row whose days come to nothing says as much as none does.
func (s *Reports) Remembered(rows map[string][]byte) error {
	kept, want := map[string]int64{}, map[string]int64{}
	for key, b := range rows {
		parts := strings.Split(key, "\x00")
		r := hold.NewReader(b)
		for r.More() {
			n := r.Number()
			kept[strings.Join(parts[:max(len(parts)-1, 0)], "\x00")+"\x00"+r.Next(uint64(len("2006-01-02")))] += n
		}
		if len(parts) != 5 || !r.Done() {
			return hold.Unreadable("figures.expected", []byte(key))
		}
	}
	for o, days := range s.expected() {
		for day, n := range days {
			if stocks[o.Metric] {
				want[strings.Join([]string{hold.Short(o.Unit), strconv.Itoa(hold.Number(o.Metric)), o.Campaign, o.Category, day}, "\x00")] += n
			}
		}
	}
	for _, all := range []map[string]int64{kept, want} {
		maps.DeleteFunc(all, func(_ string, n int64) bool { return n == 0 })
	}
	if !maps.Equal(kept, want) {
		return hold.Differ("figures.expected at %s", hold.FirstOf(kept, want))
	}
	return nil
}
