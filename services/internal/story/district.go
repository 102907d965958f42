package story

import (
	"context"
	"slices"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/picture"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// End is the day of a district's story on which it is looked at.
const End = "2026-12-15"

// district is the year in a district that has an installation of its own: the
// bureau at its root runs the campaign, and its schools take part.
var district = slices.Concat(founding, []chapter{
	{"区县局发布活动", "2026-02-13", (*Story).publish},
	{"学校签收任务", "2026-02-14", (*Story).receive},
	{"学习发动，上报任务", "2026-02-27", until("2026-03-05")},
	{"自查自纠，建立台账", "2026-03-10", (*Story).selfCheck},
	{"一把手签字", "2026-04-01", (*Story).sign},
	{"台账报备", "2026-04-03", (*Story).fileInTime},
	{"逾期报备", "2026-04-08", (*Story).fileLate},
	{"上级备案或退回", "2026-04-10", (*Story).review},
	{"退回后重新报备", "2026-04-16", (*Story).fileAgain},
	{"登记举报，密封不上送", "2026-04-20", (*Story).sealOne},
	{"整改销号", "", rectify(rounds[:len(rounds)-1]...)},
	{"回头看", "", rectify(secondLook)},
	{"年底整改销号", "", rectify("2026-12-01")},
	{"核对本区县数字", End, (*Story).lookDistrict},
})

// NewDistrict returns the story of a district that has an installation of its
// own: the root of what Beneath has made of the cast. The seed draws its lots.
func NewDistrict(d *cast.City, client *rest.Client, bootstrap string, seed uint64, tell func(stage.Moment)) *Story {
	s := New(d, client, bootstrap, tell)
	s.Stage = stage.New(d, client, tell, seed)
	s.setup.Stage, s.top, s.chapters = s.Stage, d.Units[0].Code, district
	return s
}

// Join makes the district's campaign part of one above, by the name that it has
// there. It MUST be called before Run.
func (s *Story) Join(parent string) { s.parent = parent }

// sealOne takes in a report on a school that stays sealed: it is no figure, and of
// what it says nothing goes upward.
func (s *Story) sealOne(ctx context.Context) error {
	said := &complaintv1.CreateComplaintRequest{Intake: cast.Name(s.top), Complaint: &complaintv1.Complaint{
		Type: complaintv1.Complaint_TYPE_REPORT, Channel: complaintv1.Complaint_CHANNEL_HOTLINE,
		Unit: s.Working("SCHOOL")[0].Name(), Category: "收费", Text: "演示举报内容，只在本区县保存。",
	}}
	return s.By(s.top, "complaint").Post(ctx, "/v1/complaints", said, &complaintv1.CreateComplaintResponse{})
}

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
