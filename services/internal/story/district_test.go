package story_test

import (
	"testing"

	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/stage"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestDistrict tells the year of a district that has an installation of its own.
func TestDistrict(t *testing.T) {
	city, err := cast.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := suitetest.RunIn(t, t.TempDir())
	client := rest.New(s.HTTP, stage.AtOnce)
	t.Cleanup(client.Close)
	tale := story.NewDistrict(city.Beneath("YC-420502", "西陵区教育局（演示数据）", 3), client, s.Bootstrap, 1, func(m stage.Moment) {
		if m.Part == 1 {
			t.Logf("%2d/%d %s", m.Number, m.Chapters, m.Chapter)
		}
	})
	seen, err := tale.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counted := tale.Counted("YC-420502")
	for _, metric := range []string{"problems_found", "problems_closed", "tasks_approved", "ledgers_filed", "complaints_closed"} {
		if counted[metric] == 0 || seen.Compared < 20 {
			t.Errorf("%d figures compared; %v", seen.Compared, counted)
		}
	}
}
