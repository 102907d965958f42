// Package stage is where a story is played: the installation it is told to, who
// holds which key, what day it is, and how to do many things at a time and look
// whether answers are as they should be. What is played is the story's.
package stage

import (
	"context"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"

	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/rest"
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

// Stage is one installation with a city in it.
type Stage struct {
	// City is who takes part.
	City *cast.City
	// Client calls the installation.
	Client *rest.Client
	// Tell is told how far the story has come, by one goroutine at a time.
	Tell func(Moment)
	// Random is drawn from by one goroutine at a time.
	Random *rand.Rand
	// Date is today, YYYY-MM-DD.
	Date string
	// Absent is the code of the unit that does not work in the suite, nor does
	// what is beneath it.
	Absent string

	mu     sync.Mutex
	moment Moment
	keys   map[string]string // by principal
}

// New returns a stage. The same seed draws the same lots.
func New(city *cast.City, client *rest.Client, tell func(Moment), seed uint64) *Stage {
	return &Stage{City: city, Client: client, Tell: tell, Random: rand.New(rand.NewPCG(seed, seed)), keys: map[string]string{}}
}

// Reach says how far the story has come.
func (s *Stage) Reach(m Moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moment = m
	s.Tell(m)
}

// SetDate moves the installation's clock to ten in the morning of a day.
func (s *Stage) SetDate(ctx context.Context, date string) error {
	now, err := time.Parse(time.RFC3339, date+"T10:00:00+08:00")
	if err != nil {
		return err
	}
	s.Date = date
	return s.As("system").Post(ctx, "/v1/clock:set", &clockv1.SetClockRequest{Now: timestamppb.New(now)}, &clockv1.Clock{})
}

// Each does something with all of a list, some at a time, and stops at the first
// error.
func Each[T any](ctx context.Context, s *Stage, list []T, do func(context.Context, T) error) error {
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
			s.Advance(1 / float64(len(list)))
			return nil
		})
	}
	return g.Wait()
}

// nearly is how far a chapter has come at most before it has ended.
const nearly = 0.99

func (s *Stage) Advance(part float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moment.Part = min(s.moment.Part+part, nearly)
	s.Tell(s.moment)
}

// As returns a caller with the key of a principal.
func (s *Stage) As(principal string) rest.Caller {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Client.As(s.keys[principal])
}

// By returns a caller with the key of a unit's person, such as "head".
func (s *Stage) By(unit, person string) rest.Caller { return s.As(Member(unit, person)) }

// Member is the resource name of a unit's person.
func Member(unit, person string) string { return cast.Name(unit) + "/members/" + person }

// Keep notes the key of a principal.
func (s *Stage) Keep(principal, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[principal] = key
}

// Keys returns the keys that were kept, by whose they are.
func (s *Stage) Keys() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.keys)
}

// Unit finds a unit by its code.
func (s *Stage) Unit(code string) cast.Unit {
	for _, u := range s.City.Units {
		if u.Code == code {
			return u
		}
	}
	return cast.Unit{}
}

// Works says whether a unit works in the suite: the absent district does not.
func (s *Stage) Works(code string) bool {
	return s.Absent == "" || code != s.Absent && !strings.HasPrefix(code, s.Absent+"-")
}

// Supervisor is the code of the unit that supervises another: its parent.
func (s *Stage) Supervisor(code string) string { return s.Unit(code).Parent }

// Working returns the units of these kinds that work in the suite.
func (s *Stage) Working(kinds ...string) (list []cast.Unit) {
	for _, u := range s.City.Units {
		for _, k := range kinds {
			if u.Kind == k && s.Works(u.Code) {
				list = append(list, u)
			}
		}
	}
	return list
}

// WithDepartments returns a unit and its departments, which act through it.
func (s *Stage) WithDepartments(code string) (list []cast.Unit) {
	for _, u := range s.City.Units {
		if u.Code == code || u.Parent == code && u.Kind == "DEPARTMENT" {
			list = append(list, u)
		}
	}
	return list
}

// Pick draws so many working units of a kind.
func (s *Stage) Pick(kind string, n int) map[string]bool {
	list := s.Working(kind)
	s.Random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	drawn := map[string]bool{}
	for _, u := range list[:min(n, len(list))] {
		drawn[u.Code] = true
	}
	return drawn
}
