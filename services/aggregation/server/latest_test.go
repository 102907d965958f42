package server_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/internal/calendar"
)

// askLatest compares which result of the unit rated counts, as of a moment and until
// the end of a day, with what the feeds say, read entry by entry.
func (h *history) askLatest(p *figures.Past, at time.Time, end string) error {
	got, err := p.Latest("units/a1", end)
	if err != nil {
		return err
	}
	origin := ""
	if got != nil {
		origin = got.Origin
	}
	if want := h.latest(at, end); origin != want {
		return fmt.Errorf("the score until %s is that of %q, and of %q by the feeds", end, origin, want)
	}
	return nil
}

// latest is the result that counts, or "": the greatest by year, height of the owner,
// day and name.
func (h *history) latest(at time.Time, end string) (origin string) {
	best := ""
	for name, day := range h.published(at) {
		round, _, _ := strings.Cut(name, "/results/")
		standing := fmt.Sprintf("%s %02d %s %s", day[:4], h.height(h.owner(round), day), day, name)
		if day <= end && standing > best {
			best, origin = standing, name
		}
	}
	return origin
}

// published are the results that were published at a moment, and their days.
func (h *history) published(at time.Time) map[string]string {
	days := map[string]string{}
	for _, e := range h.feeds["evaluation"] {
		r := &evaluationv1.Result{}
		if e.GetEffective().AsTime().After(at) || e.GetBody().UnmarshalTo(r) != nil {
			continue
		}
		delete(days, r.GetName())
		if r.GetPublishTime() != nil {
			days[r.GetName()] = calendar.On(r.GetPublishTime().AsTime()).String()
		}
	}
	return days
}

// owner is that of a round which is published now.
func (h *history) owner(round string) (owner string) {
	for _, e := range h.feeds["evaluation"] {
		r := &evaluationv1.Round{}
		if e.GetBody().UnmarshalTo(r) != nil || r.GetName() != round {
			continue
		}
		if owner = ""; r.GetState() == evaluationv1.Round_STATE_PUBLISHED {
			owner = r.GetOwner()
		}
	}
	return owner
}

// height is 20 less how many units stood above the owner at the end of the day, or 0
// for one that did not stand above the unit rated.
func (h *history) height(owner, day string) int {
	path := []string{"units/a1"}
	for above := h.above(path[0], day); above != ""; above = h.above(above, day) {
		path = append(path, above)
	}
	i := slices.Index(path, owner)
	if i < 1 {
		return 0
	}
	return 20 - (len(path) - 1 - i)
}

// above is the parent at the end of the day; before the first, the first.
func (h *history) above(unit, day string) (parent string) {
	first := true
	for _, e := range h.feeds["organization"] {
		u := &organizationv1.Unit{}
		if e.GetSubject() != unit || e.GetBody().UnmarshalTo(u) != nil {
			continue
		}
		if first || calendar.On(e.GetEffective().AsTime()).String() <= day {
			parent, first = u.GetParent(), false
		}
	}
	return parent
}
