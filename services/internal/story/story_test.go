package story_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/picture"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/stage"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

func small(t *testing.T) *cast.City {
	t.Helper()
	city, err := cast.Load()
	if err != nil {
		t.Fatal(err)
	}
	return city.Small()
}

// TestStory tells the whole year in a small city, and holds the suite's figures
// against the story's own count and its answers against openapi.json: in one process,
// and in one for each role.
func TestStory(t *testing.T) {
	for name, start := range map[string]func(testing.TB, string) *suitetest.Suite{
		"standalone": suitetest.RunIn, "split": suitetest.SplitIn,
	} {
		t.Run(name, func(t *testing.T) { told(t, start(t, t.TempDir())) })
	}
}

// documented reads after the year whatever answers name, as a portal and as people of every
// role of a unit's work do: each answer is as openapi.json says.
func documented(t *testing.T, s *suitetest.Suite, callers map[string]string) {
	t.Helper()
	document, who := s.Document(), readers(small(t))
	if suitetest.Raced {
		who = []string{"machines/portal"}
	}
	for _, r := range who {
		if callers[r] == "" && r != "machines/portal" {
			continue // the story keeps no key of theirs
		}
		answered := s.Documented(t, document, callers[r])
		t.Logf("%s reads by %d methods", r, len(answered))
		if len(answered) < 20 {
			t.Errorf("%s reads by %d methods alone: %q", r, len(answered), answered)
		}
	}
}

// readers are the portal, and for each role one who holds it.
func readers(city *cast.City) []string {
	who := map[string]string{"portal": "machines/portal"}
	for _, p := range city.People {
		for _, role := range p.Roles {
			if who[role] == "" {
				who[role] = p.Name()
			}
		}
	}
	return slices.Sorted(maps.Values(who))
}

func told(t *testing.T, s *suitetest.Suite) {
	client := rest.New(s.HTTP, stage.AtOnce)
	t.Cleanup(client.Close)
	tale := story.New(small(t), client, s.Bootstrap, func(m stage.Moment) {
		if m.Part == 1 {
			t.Logf("%2d/%d %s", m.Number, m.Chapters, m.Chapter)
		}
	})
	seen, err := tale.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d calls, %d figures compared, %d problems read again", client.Calls(), seen.Compared, seen.Problems)
	if len(seen.City.Lines) != 3 || len(seen.District.Lines) != 3 || len(seen.School.Lines) == 0 || len(seen.Categories.Lines) != 8 {
		t.Errorf("districts %d, schools %d, categories %d of a school and %d of the city",
			len(seen.City.Lines), len(seen.District.Lines), len(seen.School.Lines), len(seen.Categories.Lines))
	}
	if seen.Compared < 500 || seen.Problems == 0 || seen.Cities["problems_closed"] == 0 || len(seen.Gaps) != 1 || len(seen.Freshness) != 6 {
		t.Errorf("the picture lacks something: gaps %v, freshness %v, figures %v", seen.Gaps, seen.Freshness, seen.Cities)
	}
	unknown := func(l picture.Line) bool { return slices.Contains(l.Unknown, "problems_returned") }
	if i := slices.IndexFunc(seen.City.Lines, unknown); i < 0 || seen.City.Lines[i].Name != seen.Absent || seen.Cities["units_reporting"] == 0 {
		t.Errorf("%d units report; of the districts %v", seen.Cities["units_reporting"], seen.City.Lines)
	}
	documented(t, s, tale.Keys())
	s.Stop()
	agree(t, s.Folder)
	if n := suitetest.Honest(t, s.Folder); n < 1000 {
		t.Errorf("the year has %d entries", n)
	}
}

// agree holds what is left on disk against itself: every record is the fold of
// its feed, and every figure is what a recount from the feeds gives.
func agree(t *testing.T, folder string) {
	t.Helper()
	c := suite.Default()
	c.Data = folder
	checked := 0
	_, err := upkeep.Fsck(t.Context(), c, func(role string, r fsck.Report) {
		checked++
		if alone := role == "federation" || role == "event"; r.Wrong > 0 || r.Entries == 0 && !alone { // no other bureau, no webhook
			t.Errorf("%s: %d entries, %d wrong, first %+v", role, r.Entries, r.Wrong, r.First)
		}
	})
	if err != nil || checked != 8 {
		t.Errorf("Fsck of %d stores = %v", checked, err)
	}
	if err := upkeep.Recount(t.Context(), c); err != nil {
		t.Errorf("Recount = %v", err)
	}
}
