package story

import (
	"maps"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
)

// Count is what the story knows of its own doings, without having asked the
// suite: by unit, category and metric.
type Count struct {
	city  *cast.City
	cells map[cell]int64
}

type cell struct{ unit, category, metric string }

// add counts n; without a category for all of them.
func (c *Count) add(unit, category, metric string, n int64) {
	if c.cells == nil {
		c.cells = map[cell]int64{}
	}
	c.cells[cell{unit, "", metric}] += n
	if category != "" {
		c.cells[cell{unit, category, metric}] += n
	}
}

// Of is the figure of a unit, by its code, and of all beneath it; an empty
// category means all of them.
func (c *Count) Of(unit, category, metric string) int64 {
	sum := c.cells[cell{unit, category, metric}]
	for _, u := range c.city.Units {
		if u.Parent == unit && unit != "" {
			sum += c.Of(u.Code, category, metric)
		}
	}
	return sum
}

// count sums up, as of today. What no superior has accepted does not count.
func (s *Story) count() *Count {
	c := &Count{city: s.City, cells: maps.Clone(s.done.cells)}
	for _, m := range s.matters {
		if m.accepted {
			c.matter(m, s.Date)
		}
	}
	for _, t := range s.assignments {
		c.task(t, s.Date)
	}
	for _, l := range s.ledgers {
		c.add(l.unit, "", "ledgers_due", 1)
		if l.never {
			continue
		}
		c.add(l.unit, "", "ledgers_filed", 1)
		c.add(l.unit, "", "ledgers_acknowledged", 1)
		if l.late {
			c.add(l.unit, "", "ledgers_filed_late", 1)
		}
	}
	return c
}

func (c *Count) matter(m *matter, today string) {
	count := func(metric string, n int64) { c.add(m.unit, m.Category, metric, n) }
	count("problems_returned", int64(m.returns))
	count("problems_reopened", int64(m.reopens))
	switch {
	case m.cancelled:
		count("problems_cancelled", 1)
		return
	case m.closed:
		count("problems_closed", 1)
	default:
		count("problems_open", 1)
		if m.deadline < today {
			count("problems_overdue", 1)
		}
	}
	count("problems_found", 1)
}

func (c *Count) task(t *task, today string) {
	unit := cast.Code(t.GetUnit())
	if t.GetDueDate() <= today {
		c.add(unit, "", "tasks_due", 1)
	}
	switch t.GetState() {
	case campaignv1.Assignment_STATE_APPROVED:
		c.add(unit, "", "tasks_approved", 1)
		if t.fate == reportedLate {
			c.add(unit, "", "tasks_late", 1)
		}
		if t.fate == sentBack {
			c.add(unit, "", "tasks_returned", 1)
		}
	default:
		if t.GetDueDate() < today {
			c.add(unit, "", "tasks_overdue", 1)
		}
	}
}
