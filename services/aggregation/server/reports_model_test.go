package server_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// line are the papers of which each takes the place of one before: one of them
// counts, and one may wait to count in its place.
type line struct{ stands, waits *paper }

// paper is a report as the model knows it.
type paper struct {
	name     string
	says     map[string]int64 // unit → value
	stood    map[string]bool  // of which units it would have counted when it came
	line     *line
	over     *paper // what stood in the line when it came
	replaced bool
	state    string
}

// correctable says whether another paper may take the place of p: who waits, or
// if nobody does who stands, or who was returned since that does.
func (p *paper) correctable() bool {
	l := p.line
	return p == l.waits || l.waits == nil && (p == l.stands || p.state == "returned" && !p.replaced && p.over == l.stands)
}

// model says, in plain maps, what counts after any history of reports.
type model struct {
	*rapid.T
	s        *scene
	category string
	taken    *int64 // how many reports the source has sent, over all histories
	papers   []*paper
	owner    map[string]*paper // unit → whose value counts
}

func (m *model) units() []string { return []string{m.s.district, m.s.school, m.s.other} }

// send sends a report of some units, perhaps in the place of another.
func (m *model) send(t *rapid.T) {
	var before *paper
	if n := rapid.IntRange(-1, len(m.papers)-1).Draw(t, "before"); n >= 0 {
		before = m.papers[n]
	}
	m.sendFor(t, before)
}

// correct sends a report in the place of the last one, whatever became of that.
func (m *model) correct(t *rapid.T) {
	if n := len(m.papers); n > 0 {
		m.sendFor(t, m.papers[n-1])
	}
}

func (m *model) sendFor(t *rapid.T, before *paper) {
	p := &paper{says: map[string]int64{}, stood: map[string]bool{}, line: &line{}, state: "submitted"}
	r := m.s.report(*m.taken + 1)
	for _, unit := range m.units() {
		if n := rapid.IntRange(-1, 3).Draw(t, "value"); n >= 0 {
			p.says[unit] = int64(n)
			r.Rows = append(r.Rows, &aggregationv1.Report_Row{Unit: unit, Field: "found", Campaign: "campaigns/x", Category: m.category, Value: int64(n)})
		}
	}
	if len(r.Rows) == 0 {
		return
	}
	if before != nil {
		p.line, r.Supersedes = before.line, before.name
	}
	p.name, p.over = reports.Name(r), p.line.stands
	sent, err := m.s.send(r)
	if fit := before == nil || before.correctable(); fit != (err == nil) {
		t.Fatalf("sending in the place of %+v = %v", before, err)
	}
	if err != nil {
		return
	}
	for _, row := range sent.GetRows() {
		if row.GetVerdict() != aggregationv1.Report_VERDICT_CONFLICT {
			p.stood[row.GetResolvedUnit()] = true
		}
	}
	*m.taken++
	m.papers = append(m.papers, p)
	if before != nil {
		before.replaced = true
	}
	if p.line.waits != nil {
		p.line.waits.state = "superseded"
	}
	p.line.waits = p
}

func (m *model) review(t *rapid.T, accepts bool) {
	if len(m.papers) == 0 {
		return
	}
	p := rapid.SampledFrom(m.papers).Draw(t, "paper")
	var err error
	if accepts {
		_, err = m.s.Aggregation(m.s.reviewer.Key).AcceptReport(m.s.T.Context(), &aggregationv1.AcceptReportRequest{Name: p.name})
	} else {
		_, err = m.s.Aggregation(m.s.reviewer.Key).ReturnReport(m.s.T.Context(), &aggregationv1.ReturnReportRequest{Name: p.name, Reason: "退回"})
	}
	if (p == p.line.waits) != (err == nil) {
		t.Fatalf("reviewing %+v = %v", p, err)
	}
	if err != nil {
		return
	}
	p.line.waits = nil
	if p.state = "returned"; accepts {
		m.stand(p)
	}
}

// stand lets what is accepted count in the place of what stood in its line.
func (m *model) stand(p *paper) {
	old := p.line.stands
	p.line.stands, p.state = p, "accepted"
	for unit := range p.says {
		if m.owner[unit] == nil || m.owner[unit] == old {
			m.owner[unit] = p
		}
	}
	for unit, owner := range m.owner {
		if owner == old {
			delete(m.owner, unit)
		}
	}
	if old != nil {
		old.state = "superseded"
	}
}

func (m *model) look(t *rapid.T) {
	for _, asked := range []bool{false, true} {
		want := m.counts(asked)
		cut := &aggregationv1.Cut{Campaign: "campaigns/x", Category: m.category, IncludeUnaccepted: asked}
		status := m.s.status(m.s.reviewer.Key, m.s.Root, cut)
		if got := figure(status.GetFigures(), "problems_found").GetValue(); got != want {
			t.Fatalf("the root has %d found, want %d; of what awaits too: %t", got, want, asked)
		}
	}
}

// counts is what is found altogether, or would be if all that awaits were accepted in the
// order in which it came: what it was not rejected for when it came.
func (m *model) counts(asked bool) (n int64) {
	says := map[string]int64{}
	for unit, p := range m.owner {
		says[unit] = p.says[unit]
	}
	decided := map[string]bool{}
	for _, p := range m.papers {
		if !asked || p != p.line.waits {
			continue
		}
		for _, unit := range m.units() {
			owner := m.owner[unit]
			value, said := p.says[unit]
			switch {
			case decided[unit] || owner != nil && owner != p.line.stands || owner == nil && !p.stood[unit]:
				continue
			case said && p.stood[unit]:
				says[unit] = value
			case owner != nil && !said:
				delete(says, unit)
			default:
				continue
			}
			decided[unit] = true
		}
	}
	for _, value := range says {
		n += value
	}
	return n
}

// What counts upward is what the accepted reports say that nothing supersedes,
// after any order of reports, corrections, returns and acceptances; and for whoever asks,
// what would if those that await it were accepted.
func TestWhatCountsIsWhatStandsAccepted(t *testing.T) {
	s := newScene(t)
	s.published("x", s.Root)
	n, taken := 0, int64(0)
	rapid.Check(t, func(r *rapid.T) {
		n++
		m := &model{T: r, s: s, category: fmt.Sprint("c", n), taken: &taken, owner: map[string]*paper{}}
		r.Repeat(map[string]func(*rapid.T){
			"send":    m.send,
			"correct": m.correct,
			"accept":  func(t *rapid.T) { m.review(t, true) },
			"return":  func(t *rapid.T) { m.review(t, false) },
			"":        m.look,
		})
	})
	s.recounted()
}

// One of 100,000 lines: how long until it is taken, judged, and counted.
func BenchmarkLongReport(b *testing.B) {
	for b.Loop() {
		s := newScene(b)
		s.published("x", s.Root)
		r := s.uploaded(s.report(1), lines(100_000, s.school, s.other))
		taken := b.Elapsed()
		s.finished(r.GetName())
		judged := b.Elapsed()
		s.accepted(r.GetName())
		s.finished(r.GetName())
		b.ReportMetric(judged.Seconds()-taken.Seconds(), "s/judging")
		b.ReportMetric(b.Elapsed().Seconds()-judged.Seconds(), "s/counting")
		b.ReportMetric(taken.Seconds(), "s/taking")
	}
}
