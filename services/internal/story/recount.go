package story

import (
	"context"
	"fmt"
	"slices"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/picture"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// Metrics are what the story counts for itself.
var metrics = []string{
	"problems_found", "problems_closed", "problems_open", "problems_overdue", "problems_returned", "problems_reopened", "problems_cancelled",
	"tasks_due", "tasks_approved", "tasks_late", "tasks_returned", "tasks_overdue",
	"ledgers_due", "ledgers_filed", "ledgers_filed_late", "ledgers_acknowledged",
	"complaints_received", "complaints_accepted", "complaints_replied", "complaints_closed",
}

// ofProblems is how many of the metrics are about problems, which alone have
// categories.
const ofProblems = 7

// compare holds figures of the suite against the story's own count.
func (s *Story) compare(unit, category string, got picture.Figures) error {
	count, kinds := s.count(), metrics
	if category != "" {
		kinds = metrics[:ofProblems]
	}
	if !s.Works(unit) {
		kinds = append(slices.Clone(kinds), "problems_rectifying") // which reports tell
	}
	for _, metric := range kinds {
		s.picture.Compared++
		if want := count.Of(unit, category, metric); got[metric] != want {
			return fmt.Errorf("%s of %s %s: the suite says %d, the story counted %d", metric, unit, category, got[metric], want)
		}
	}
	return nil
}

// recount reads every problem one by one, as anybody may who sees the city, and
// counts anew.
func (s *Story) recount(ctx context.Context) error {
	anew := &Count{city: s.City}
	for token := ""; ; {
		list := &rectificationv1.ListProblemsResponse{}
		path := stage.Query("/v1/ledgers/-/problems", "campaign", campaign, "pageSize", "1000", "pageToken", token)
		if err := s.By(s.top, "viewer").Get(ctx, path, list); err != nil {
			return err
		}
		for _, p := range list.GetProblems() {
			s.picture.Problems++
			if p.GetAccepted() {
				anew.problem(p, s.Date)
			}
		}
		if token = list.GetNextPageToken(); token == "" {
			break
		}
	}
	for at, want := range s.count().cells {
		if slices.Contains(metrics[:ofProblems], at.metric) && s.Works(at.unit) {
			s.picture.Compared++
			if got := anew.cells[at]; got != want {
				return fmt.Errorf("%s of %s %s: read one by one %d, the story counted %d", at.metric, at.unit, at.category, got, want)
			}
		}
	}
	return nil
}

// problem counts a problem as it was read.
func (c *Count) problem(p *rectificationv1.Problem, today string) {
	m := &matter{unit: cast.Code(p.GetUnit()), deadline: p.GetDeadline(), returns: int(p.GetReturns()), reopens: int(p.GetReopens())}
	m.Category = p.GetCategory()
	if p.GetAccepted() {
		m.Category = p.GetAcceptedContent().GetCategory()
	}
	m.closed = p.GetState() == rectificationv1.Problem_STATE_CLOSED
	m.cancelled = p.GetState() == rectificationv1.Problem_STATE_CANCELLED
	c.matter(m, today)
}
