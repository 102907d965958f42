// Package story tells one year of a city's work-style campaign (干部作风整顿) as its
// users live it: every step is a call of the REST API with the key of the person
// concerned, on the simulated clock of the installation, and every answer is
// checked, refusals too. It keeps its own count of what it did, which the
// figures of the suite are held against.
//
// Who takes part stands in package cast, how calls are made in package rest, what
// is shown in package screen. Starting the suite is for the command or the test.
package story

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/rest"
)

// Start is the first moment of the story: the suite MUST be opened with it.
var Start = time.Date(2026, 2, 9, 1, 0, 0, 0, time.UTC)

// Absent is the district that does not work in the suite and reports from a
// system of its own.
const Absent = "YC-420526"

const (
	city     = "YC"
	campaign = "campaigns/zuofeng-2026"
)

// AtOnce is how many calls the story makes at a time: enough that the suite
// commits them in groups.
const AtOnce = 32

// Moment is how far the story has come.
type Moment struct {
	Chapter  string
	Number   int     // of the chapter, from 1
	Chapters int     // how many there are
	Part     float64 // of the chapter, 0 to 1
}

// Story is one telling.
type Story struct {
	// City is who takes part.
	City *cast.City
	// Client calls the installation.
	Client *rest.Client
	// Bootstrap is the installation's bootstrap key.
	Bootstrap string
	// Tell is told how far the story has come, by one goroutine at a time.
	Tell func(Moment)

	random *rand.Rand
	moment Moment
	date   string // today

	mu          sync.Mutex
	keys        map[string]string // by principal
	published   *campaignv1.Campaign
	assignments []*task
	ledgers     []*ledger
	matters     []*matter
	votes       []*ballot
	done        Count

	sequence       int64        // of the absent district's reports
	overdueOutside map[int]bool // which of its problems are counted as overdue
	picture        *Picture
}

// A chapter is a step of the story, on its day.
type chapter struct {
	name, date string // YYYY-MM-DD; empty: the day of the chapter before
	play       func(*Story, context.Context) error
}

var chapters = []chapter{
	{"初始化，设立三员", "", (*Story).initialize},
	{"导入单位", "", (*Story).importUnits},
	{"登记人员", "", (*Story).enterPeople},
	{"授予角色", "", (*Story).grantRoles},
	{"发放密钥", "", (*Story).issueKeys},
	{"市局发布活动", "2026-02-13", (*Story).publish},
	{"区县、学校签收任务", "2026-02-14", (*Story).receive},
	{"学习发动，上报任务", "2026-02-27", until("2026-03-05")},
	{"自查自纠，建立台账", "2026-03-10", (*Story).selfCheck},
	{"自查自纠，上报任务", "2026-03-18", until("2026-03-31")},
	{"主要负责人签字", "2026-04-01", (*Story).sign},
	{"台账报备", "2026-04-03", (*Story).fileInTime},
	{"报备任务", "2026-04-04", until("2026-04-05")},
	{"逾期报备", "2026-04-08", (*Story).fileLate},
	{"上级备案或退回", "2026-04-10", (*Story).review},
	{"退回后重新报备", "2026-04-16", (*Story).fileAgain},
	{"综合整治，上报任务", "2026-04-17", until("2026-06-30")},
	{"四、五月整改销号", "", rectify("2026-04-28", "2026-05-14")},
	{"不打招呼的督查", "2026-05-20", (*Story).inspect},
	{"登记投诉举报", "2026-05-22", (*Story).complain},
	{"受理、答复、转整改", "2026-05-26", (*Story).hear},
	{"五、六月整改销号", "", rectify("2026-05-28", "2026-06-12", "2026-06-29")},
	{"县自建系统报送月报", "2026-07-03", reportFrom("2026-03", "2026-04", "2026-05", "2026-06")},
	{"七、八月整改销号", "", rectify("2026-07-09", "2026-07-30", "2026-08-26")},
	{"综合整治，继续上报", "", until("2026-10-31")},
	{"行风评议，发码投票", "2026-09-08", (*Story).vote},
	{"九月整改销号", "", rectify("2026-09-14", "2026-09-29")},
	{"行风评议，计票公布", "2026-10-09", (*Story).tally},
	{"十、十一月整改销号", "", rectify("2026-10-14", "2026-10-29", "2026-11-12")},
	{"总结提高，上报任务", "2026-11-19", until("2026-12-31")},
	{"回头看", "", rectify(secondLook)},
	{"年底整改销号", "", rectify("2026-12-01")},
	{"县自建系统补齐月报", "2026-12-03", reportFrom("2026-07", "2026-08", missingMonth, "2026-10", "2026-11")},
	{"市局查询全市情况", "2026-12-15", (*Story).look},
}

// Run tells the story to its end and returns what the city then saw. It stops at
// the first answer that is not as it should be.
func (s *Story) Run(ctx context.Context) (*Picture, error) {
	s.random = rand.New(rand.NewPCG(2026, 405)) // the same story each time
	s.keys, s.overdueOutside = map[string]string{}, map[int]bool{}
	s.moment.Chapters = len(chapters)
	for i, c := range chapters {
		s.moment.Chapter, s.moment.Number, s.moment.Part = c.name, i+1, 0
		s.Tell(s.moment)
		if err := s.play(ctx, c); err != nil {
			return nil, fmt.Errorf("步骤“%s”: %w", c.name, err)
		}
		s.moment.Part = 1
		s.Tell(s.moment)
	}
	return s.picture, nil
}

func (s *Story) play(ctx context.Context, c chapter) error {
	if c.date != "" {
		if err := s.setDate(ctx, c.date); err != nil {
			return err
		}
	}
	return c.play(s, ctx)
}

// setDate moves the installation's clock to ten in the morning of a day.
func (s *Story) setDate(ctx context.Context, date string) error {
	now, err := time.Parse(time.RFC3339, date+"T10:00:00+08:00")
	if err != nil {
		return err
	}
	s.date = date
	return s.as("system").Post(ctx, "/v1/clock:set", &clockv1.SetClockRequest{Now: timestamppb.New(now)}, &clockv1.Clock{})
}

// each does something with all of a list, some at a time, and stops at the first
// error.
func each[T any](ctx context.Context, s *Story, list []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(AtOnce)
	for _, item := range list {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := do(ctx, item); err != nil {
				return err
			}
			s.advance(1 / float64(len(list)))
			return nil
		})
	}
	return g.Wait()
}

// nearly is how far a chapter has come at most before it has ended.
const nearly = 0.99

func (s *Story) advance(part float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moment.Part = min(s.moment.Part+part, nearly)
	s.Tell(s.moment)
}

// as returns a caller with the key of a principal.
func (s *Story) as(principal string) rest.Caller {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Client.As(s.keys[principal])
}

// by returns a caller with the key of a unit's person, such as "head".
func (s *Story) by(unit, person string) rest.Caller { return s.as(member(unit, person)) }

// member is the resource name of a unit's person.
func member(unit, person string) string { return cast.Name(unit) + "/members/" + person }

func (s *Story) keep(principal, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[principal] = key
}

// Viewer is the key of the city's viewer, to try the API with.
func (s *Story) Viewer() string { return s.as(member(city, "viewer")).Key() }

// unit finds a unit by its code.
func (s *Story) unit(code string) cast.Unit {
	for _, u := range s.City.Units {
		if u.Code == code {
			return u
		}
	}
	return cast.Unit{}
}

// works says whether a unit works in the suite: the absent district does not.
func works(code string) bool { return code != Absent && !strings.HasPrefix(code, Absent+"-") }

// supervisor is the code of the unit that supervises another: its parent.
func (s *Story) supervisor(code string) string { return s.unit(code).Parent }

// query joins parameters behind a path.
func query(path string, pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + v.Encode()
}
