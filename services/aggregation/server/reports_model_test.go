package server_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// paper is a report as the model knows it.
type paper struct {
	name       string
	sequence   int64
	says       map[string]int64 // unit → value
	before     *paper
	replacedBy *paper
	state      string
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
	p := &paper{sequence: *m.taken + 1, says: map[string]int64{}, state: "submitted"}
	r := m.s.report(p.sequence)
	for _, unit := range m.units() {
		if n := rapid.IntRange(-1, 3).Draw(t, "value"); n >= 0 {
			p.says[unit] = int64(n)
			r.Rows = append(r.Rows, &aggregationv1.Report_Row{Unit: unit, Field: "found", Campaign: "campaigns/x", Category: m.category, Value: int64(n)})
		}
	}
	if len(r.Rows) == 0 {
		return
	}
	if n := rapid.IntRange(-1, len(m.papers)-1).Draw(t, "before"); n >= 0 {
		p.before = m.papers[n]
		r.Supersedes = p.before.name
	}
	p.name = reports.Name(r)
	_, err := m.s.send(r)
	if fit := p.before == nil || p.before.state != "superseded" && p.before.replacedBy == nil; fit != (err == nil) {
		t.Fatalf("sending in the place of %+v = %v", p.before, err)
	}
	if err != nil {
		return
	}
	*m.taken++
	m.papers = append(m.papers, p)
	if p.before != nil {
		p.before.replacedBy = p
		if p.before.state == "submitted" {
			p.before.state = "superseded"
		}
	}
}

// origin is the paper in whose place p counts.
func (p *paper) origin() *paper {
	b := p.before
	for b != nil && b.state == "returned" {
		b = b.before
	}
	return b
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
	if (p.state == "submitted") != (err == nil) {
		t.Fatalf("reviewing %+v = %v", p, err)
	}
	if err != nil {
		return
	}
	origin := p.origin()
	if !accepts {
		if p.state = "returned"; origin != nil && origin.state == "accepted" && origin.replacedBy == p {
			origin.replacedBy = nil
		}
		return
	}
	p.state = "accepted"
	for unit := range p.says {
		if m.owner[unit] == nil || m.owner[unit] == origin {
			m.owner[unit] = p
		}
	}
	if origin != nil && origin.state == "accepted" {
		origin.state = "superseded"
		for unit, owner := range m.owner {
			if owner == origin {
				delete(m.owner, unit)
			}
		}
	}
}

func (m *model) look(t *rapid.T) {
	want := int64(0)
	for unit, p := range m.owner {
		want += p.says[unit]
	}
	status := m.s.status(m.s.reviewer.Key, m.s.Root, &aggregationv1.Cut{Campaign: "campaigns/x", Category: m.category})
	if got := figure(status.GetFigures(), "problems_found").GetValue(); got != want {
		t.Fatalf("the root has %d found, want %d", got, want)
	}
}

// What counts upward is what the accepted reports say that nothing supersedes,
// after any order of reports, corrections, returns and acceptances.
func TestWhatCountsIsWhatStandsAccepted(t *testing.T) {
	s := newScene(t)
	s.published("x", s.Root)
	n, taken := 0, int64(0)
	rapid.Check(t, func(r *rapid.T) {
		n++
		m := &model{T: r, s: s, category: fmt.Sprint("c", n), taken: &taken, owner: map[string]*paper{}}
		r.Repeat(map[string]func(*rapid.T){
			"send":   m.send,
			"send2":  m.send,
			"accept": func(t *rapid.T) { m.review(t, true) },
			"return": func(t *rapid.T) { m.review(t, false) },
			"":       m.look,
		})
	})
	s.recounted()
}

// One of 100,000 lines: how long until it is taken, judged, and counted.
func BenchmarkLongReport(b *testing.B) {
	for b.Loop() {
		s := newScene(b)
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
