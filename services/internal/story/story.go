// Package story tells one year of a city's work-style campaign (干部作风整顿) as its
// users live it: every step is a call of the REST API with the key of the person
// concerned, on the simulated clock of the installation, and every answer is
// checked, refusals too. It keeps its own count of what it did, which the
// figures of the suite are held against.
//
// Who takes part stands in package cast, how calls are made in rest, where it all
// happens in stage, how the city comes into it in setup, the evaluation in conduct,
// what the city then sees in picture and how that is shown in screen. Starting the
// suite is for the command or the test.
package story

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/conduct"
	"github.com/duban-project/duban/services/internal/story/picture"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/setup"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// Start is the first moment of the story: the suite MUST be opened with it.
var Start = time.Date(2026, 2, 9, 1, 0, 0, 0, time.UTC)

// Campaign is the name of the campaign that is told of.
const Campaign = "campaigns/zuofeng-2026"

const campaign = Campaign

// Story is one telling.
type Story struct {
	*stage.Stage

	top      string    // the code of the bureau that runs the campaign
	parent   string    // the campaign above that it is part of
	chapters []chapter // what is told
	setup    *setup.Setup
	conduct  *conduct.Round

	mu          sync.Mutex // guards what follows while many things are done at a time
	published   *campaignv1.Campaign
	assignments []*task
	ledgers     []*ledger
	matters     []*matter
	done        Count

	sequence       int64        // of the absent district's reports
	overdueOutside map[int]bool // which of its problems are counted as overdue
	standsOutside  map[int]bool // which are as being rectified
	reporter       string       // its machine
	picture        *picture.Picture
}

// New returns the story of a city in the installation that client calls and that
// has the bootstrap key. Tell is told how far it has come.
func New(c *cast.City, client *rest.Client, bootstrap string, tell func(stage.Moment)) *Story {
	const seed = 2026 // the same story each time
	s := of(stage.New(c, client, tell, seed), "YC", bootstrap)
	s.chapters, s.conduct.Subjects, s.reporter = chapters, "DISTRICT", "machines/xingshan"
	return s
}

// of returns a story of the unit at the top of a stage.
func of(on *stage.Stage, top, bootstrap string) *Story {
	on.Absent = on.City.OwnSystem()
	return &Story{
		Stage: on, top: top, overdueOutside: map[int]bool{}, standsOutside: map[int]bool{},
		setup: &setup.Setup{Stage: on, Bootstrap: bootstrap}, conduct: &conduct.Round{Stage: on, Owner: top},
	}
}

// A chapter is a step of the story, on its day.
type chapter struct {
	name, date string // YYYY-MM-DD; empty: the day of the chapter before
	play       func(*Story, context.Context) error
}

// founding are the first steps of every story.
var founding = []chapter{
	{"初始化，设立三员", "", initialize},
	{"导入单位", "", importUnits},
	{"登记人员", "", enterPeople},
	{"授予角色", "", grantRoles},
	{"发放密钥", "", issueKeys},
}

var chapters = slices.Concat(founding, []chapter{
	{"市局发布活动", "2026-02-13", (*Story).publish},
	{"区县、学校签收任务", "2026-02-14", (*Story).receive},
}, year("县"), []chapter{{"市局查询全市情况", End, (*Story).look}})

// End is the day of a story on which it is looked at.
const End = "2026-12-15"

// year is what everybody goes through, where a unit of that kind has a system of its own.
func year(own string) []chapter {
	return []chapter{
		{"学习发动，上报任务", "2026-02-27", until("2026-03-05")},
		{own + "自建系统首次报送月报", "2026-03-06", reportFrom("2026-02")},
		{"自查自纠，建立台账", "2026-03-10", (*Story).selfCheck},
		{"自查自纠，上报任务", "2026-03-18", until("2026-03-31")},
		{"一把手签字", "2026-04-01", (*Story).sign},
		{"台账报备", "2026-04-03", (*Story).fileInTime},
		{"报备任务", "2026-04-04", until("2026-04-05")},
		{"逾期报备", "2026-04-08", (*Story).fileLate},
		{"上级备案或退回", "2026-04-10", (*Story).review},
		{"退回后重新报备", "2026-04-16", (*Story).fileAgain},
		{"综合整治，上报任务", "2026-04-17", until("2026-06-30")},
		{"四、五月整改销号", "", rectify("2026-04-28", "2026-05-14")},
		{"不打招呼的督导检查", "2026-05-20", (*Story).inspect},
		{"登记投诉举报", "2026-05-22", (*Story).complain},
		{"受理、答复、转整改", "2026-05-26", (*Story).hear},
		{"五、六月整改销号", "", rectify("2026-05-28", "2026-06-12", "2026-06-29")},
		{own + "自建系统报送月报", "2026-07-03", reportFrom("2026-03", "2026-04", "2026-05", "2026-06")},
		{"七、八月整改销号", "", rectify("2026-07-09", "2026-07-30", "2026-08-26")},
		{"综合整治，继续上报", "", until("2026-10-31")},
		{"行风评议，发码投票", "2026-09-08", vote},
		{"九月整改销号", "", rectify("2026-09-14", "2026-09-29")},
		{"行风评议，计票公布", "2026-10-09", tally},
		{"十、十一月整改销号", "", rectify("2026-10-14", "2026-10-29", "2026-11-12")},
		{"总结提高，上报任务", "2026-11-19", until("2026-12-31")},
		{"回头看", "", rectify(secondLook)},
		{"年底整改销号", "", rectify("2026-12-01")},
		{own + "自建系统补齐月报", "2026-12-03", reportFrom("2026-07", "2026-08", missingMonth, "2026-10", "2026-11")},
	}
}

// Run tells the story to its end and returns what the city then saw. It stops at
// the first answer that is not as it should be.
func (s *Story) Run(ctx context.Context) (*picture.Picture, error) {
	for i, c := range s.chapters {
		m := stage.Moment{Chapter: c.name, Number: i + 1, Chapters: len(s.chapters)}
		s.Reach(m)
		if err := s.play(ctx, c); err != nil {
			return nil, fmt.Errorf("步骤“%s”: %w", c.name, err)
		}
		m.Part = 1
		s.Reach(m)
	}
	return s.picture, nil
}

func (s *Story) play(ctx context.Context, c chapter) error {
	if c.date != "" {
		if err := s.SetDate(ctx, c.date); err != nil {
			return err
		}
	}
	return c.play(s, ctx)
}

// Viewer is the key of the city's viewer, to try the API with.
func (s *Story) Viewer() string { return s.As(stage.Member(s.top, "viewer")).Key() }

func vote(s *Story, ctx context.Context) error        { return s.conduct.Vote(ctx) }
func tally(s *Story, ctx context.Context) error       { return s.conduct.Tally(ctx) }
func initialize(s *Story, ctx context.Context) error  { return s.setup.Initialize(ctx) }
func importUnits(s *Story, ctx context.Context) error { return s.setup.ImportUnits(ctx) }
func enterPeople(s *Story, ctx context.Context) error { return s.setup.EnterPeople(ctx) }
func grantRoles(s *Story, ctx context.Context) error  { return s.setup.GrantRoles(ctx) }
func issueKeys(s *Story, ctx context.Context) error   { return s.setup.IssueKeys(ctx) }
