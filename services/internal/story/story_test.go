package story_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// small is the city with two districts of three schools that work in the suite,
// and one that reports from outside.
var small = []string{
	"YC-420502-S01", "YC-420502-S02", "YC-420502-S11",
	"YC-420527-S01", "YC-420527-S05", "YC-420527-S09",
	"YC-420526-S03", "YC-420526-S05",
}

func reduced(t *testing.T) *cast.City {
	t.Helper()
	city, err := cast.Load()
	if err != nil {
		t.Fatal(err)
	}
	return city.Only(func(u cast.Unit) bool {
		switch u.Kind {
		case "DISTRICT":
			return slices.ContainsFunc(small, func(code string) bool { return strings.HasPrefix(code, u.Code+"-") })
		case "SCHOOL":
			return slices.Contains(small, u.Code)
		default:
			return true
		}
	})
}

// TestStory tells the whole year in a small city, and holds the suite's figures
// against the story's own count.
func TestStory(t *testing.T) {
	s := suitetest.RunIn(t, t.TempDir())
	client := rest.New(s.HTTP, 8)
	t.Cleanup(client.Close)
	tale := &story.Story{City: reduced(t), Client: client, Bootstrap: s.Bootstrap, Tell: func(m story.Moment) {
		if m.Part == 1 {
			t.Logf("%2d/%d %s", m.Number, m.Chapters, m.Chapter)
		}
	}}
	if _, err := tale.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d calls", client.Calls())
}
