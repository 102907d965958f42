package story

import (
	"context"
	"slices"

	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/picture"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// district is the year in a district that has an installation of its own: the
// bureau at its root runs the campaign, and its schools take part.
var district = slices.Concat(founding, []chapter{
	{"区县局发布活动", "2026-02-13", (*Story).publish},
	{"学校签收任务", "2026-02-14", (*Story).receive},
}, year("学校"), []chapter{{"核对本区县数字", End, (*Story).lookDistrict}})

// NewDistrict returns the story of a district that has an installation of its
// own: the root of what Beneath has made of the cast. The seed draws its lots.
func NewDistrict(d *cast.City, client *rest.Client, bootstrap string, seed uint64, tell func(stage.Moment)) *Story {
	s := of(stage.New(d, client, tell, seed), d.Units[0].Code, bootstrap)
	s.chapters, s.conduct.Subjects, s.reporter = district, "SCHOOL", "machines/own-system"
	return s
}

// Join makes the district's campaign part of one above, by the name that it has
// there. It MUST be called before Run.
func (s *Story) Join(parent string) { s.parent = parent }

// lookDistrict compares the district's figures with what the story counted.
func (s *Story) lookDistrict(ctx context.Context) error {
	s.picture = &picture.Picture{Date: s.Date}
	if _, err := s.agreed(ctx, s.top); err != nil {
		return err
	}
	return s.recount(ctx)
}

// Counted are the figures of a unit and all beneath it, by metric, as the story
// counted them without asking the suite.
func (s *Story) Counted(code string) picture.Figures {
	count, f := s.count(), picture.Figures{}
	for _, metric := range metrics {
		f[metric] = count.Of(code, "", metric)
	}
	return f
}
