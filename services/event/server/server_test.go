package server_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// scene is a district with two schools, one of which has a ledger.
type scene struct {
	*suitetest.Suite
	district, school, other string
	clerk, eye              suitetest.Person
	ledger                  *rectificationv1.Ledger
}

func newScene(t *testing.T) *scene {
	s := &scene{Suite: suitetest.Run(t)}
	s.district = s.Unit("d", s.Root, organizationv1.Unit_KIND_DISTRICT)
	s.school = s.Unit("s1", s.district, organizationv1.Unit_KIND_SCHOOL)
	s.other = s.Unit("s2", s.district, organizationv1.Unit_KIND_SCHOOL)
	s.clerk = s.Person(s.school, accessv1.Role_ROLE_CLERK)
	s.eye = s.Person(s.district, accessv1.Role_ROLE_VIEWER)
	var err error
	s.ledger, err = s.Rectification(s.clerk.Key).CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{
		Ledger: &rectificationv1.Ledger{Unit: s.school},
	})
	s.must(err)
	return s
}

func (s *scene) must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// problem enters one and answers its name.
func (s *scene) problem() *rectificationv1.Problem {
	s.T.Helper()
	p, err := s.Rectification(s.clerk.Key).CreateProblem(s.T.Context(), &rectificationv1.CreateProblemRequest{
		Parent: s.ledger.GetName(), Problem: &rectificationv1.Problem{
			Source: rectificationv1.Problem_SOURCE_SELF_CHECK, Level: rectificationv1.Problem_LEVEL_UNIT,
			Description: "演示问题", Deadline: "2026-03-01", PersonResponsible: s.clerk.Name,
		},
	})
	s.must(err)
	return p
}

// edit changes a problem n times.
func (s *scene) edit(p *rectificationv1.Problem, n int) *rectificationv1.Problem {
	s.T.Helper()
	for i := range n {
		var err error
		p, err = s.Rectification(s.clerk.Key).UpdateProblem(s.T.Context(), &rectificationv1.UpdateProblemRequest{
			Problem: &rectificationv1.Problem{Name: p.GetName(), Description: "演示问题 " + strconv.Itoa(i)},
		})
		s.must(err)
	}
	return p
}

// until reads from a cursor on until every event wanted has come. Which of two that
// are of different services comes first nobody knows.
func (s *scene) until(key string, req *eventv1.ListEventsRequest, wanted ...func(*eventv1.Event) bool) (all []*eventv1.Event, next string) {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(s.T.Context(), time.Minute)
	defer cancel()
	req.Wait = durationpb.New(10 * time.Second)
	for {
		res, err := s.Event(key).ListEvents(ctx, req)
		if err != nil {
			s.T.Fatalf("%d of those wanted have not come, %v, but %v", len(wanted), err, told(all))
		}
		all = append(all, res.GetEvents()...)
		wanted = slices.DeleteFunc(wanted, func(is func(*eventv1.Event) bool) bool { return slices.ContainsFunc(res.GetEvents(), is) })
		if len(wanted) == 0 {
			return all, res.GetNext()
		}
		req.After = res.GetNext()
	}
}

// about says whether an event is a subject's, of whichever revision.
func about(subject string) func(*eventv1.Event) bool {
	return func(e *eventv1.Event) bool { return e.GetSubject() == subject }
}

// at says whether an event is a subject's of a revision.
func at(subject, etag string) func(*eventv1.Event) bool {
	return func(e *eventv1.Event) bool {
		return e.GetSubject() == subject && strconv.FormatInt(e.GetRevision(), 10) == etag
	}
}

// ordered fails unless the revisions of each subject come one after the other.
func ordered(t *testing.T, all []*eventv1.Event) {
	t.Helper()
	revisions, ids := map[string]int64{}, map[string]bool{}
	for _, e := range all {
		if e.GetRevision() != revisions[e.GetSubject()]+1 {
			t.Errorf("%s has revision %d after %d", e.GetSubject(), e.GetRevision(), revisions[e.GetSubject()])
		}
		if ids[e.GetId()] {
			t.Errorf("event %s comes twice", e.GetId())
		}
		revisions[e.GetSubject()], ids[e.GetId()] = e.GetRevision(), true
	}
}

// Whoever reads from zero, by pages of any size, has at the end what the services
// themselves answer.
func TestAConsumerRebuildsFromZero(t *testing.T) {
	s := newScene(t)
	p := s.edit(s.problem(), 20)
	want, err := s.Rectification(s.eye.Key).GetProblem(t.Context(), &rectificationv1.GetProblemRequest{Name: p.GetName()})
	s.must(err)
	for _, size := range []int32{1, 7, 1000} {
		all, _ := s.until(s.eye.Key, &eventv1.ListEventsRequest{PageSize: size}, at(p.GetName(), p.GetEtag()), about(s.school), about(s.ledger.GetName()))
		ordered(t, all)
		last := map[string]*eventv1.Event{}
		for _, e := range all {
			last[e.GetSubject()] = e
		}
		got := last[p.GetName()]
		fields := got.GetData().GetFields()
		if fields["description"].GetStringValue() != want.GetDescription() || fields["state"].GetStringValue() != want.GetState().String() ||
			got.GetUnit() != s.school || got.GetType() != "rectification.problem.updated.v1" || got.GetTime() == nil || got.GetEffectiveTime() == nil {
			t.Errorf("by pages of %d: %v, want %v", size, got, want)
		}
		if fields["personResponsible"] != nil || strings.Contains(got.String(), s.clerk.Name) {
			t.Errorf("the event names who is responsible: %v", got)
		}
		if last[s.school] == nil || last[s.ledger.GetName()] == nil || last[s.Root] != nil {
			t.Errorf("of %d resources some are missing or too many", len(last))
		}
	}
}

func TestEventsAreForThoseWhoSeeTheUnitNow(t *testing.T) {
	s := newScene(t)
	p := s.problem()
	seen := func(key string) (n int) {
		all, err := s.Event(key).ListEvents(t.Context(), &eventv1.ListEventsRequest{PageSize: 1000, Types: []string{"rectification.problem.*"}})
		if err != nil {
			t.Fatal(err)
		}
		return len(all.GetEvents())
	}
	s.until(s.eye.Key, &eventv1.ListEventsRequest{}, at(p.GetName(), p.GetEtag()))
	sibling := s.Person(s.other, accessv1.Role_ROLE_LEADER)
	late := s.Person(s.other)
	grant := s.Grant(late.Name, s.school, accessv1.Role_ROLE_VIEWER)
	for name, c := range map[string]struct {
		key  string
		want int
	}{"the school": {s.clerk.Key, 1}, "the district": {s.eye.Key, 1}, "a sibling": {sibling.Key, 0}, "granted a moment ago": {late.Key, 1}} {
		if got := seen(c.key); got != c.want {
			t.Errorf("%s sees %d, want %d", name, got, c.want)
		}
	}
	_, err := s.Organization(s.SecurityAdmin).DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: grant})
	s.must(err)
	s.Grant(late.Name, s.other, accessv1.Role_ROLE_VIEWER)
	if got := seen(late.Key); got != 0 {
		t.Errorf("who lost the grant sees %d", got)
	}
	_, err = s.Event(sibling.Key).ListEvents(t.Context(), &eventv1.ListEventsRequest{Unit: s.school})
	if !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("the sibling asks for the school: %v", err)
	}
}

// A waiting reader is woken by what it may read, and by nothing else.
func TestAReaderWaits(t *testing.T) {
	s := newScene(t)
	sibling := s.Person(s.other, accessv1.Role_ROLE_LEADER)
	p := s.problem()
	_, next := s.until(s.eye.Key, &eventv1.ListEventsRequest{Types: []string{"rectification.*"}}, at(p.GetName(), p.GetEtag()))
	woken := make(chan *eventv1.ListEventsResponse, 1)
	go func() {
		res, err := s.Event(s.eye.Key).ListEvents(t.Context(), &eventv1.ListEventsRequest{
			After: next, Wait: durationpb.New(25 * time.Second), Types: []string{"rectification.problem.*"},
		})
		if err != nil {
			t.Error(err)
		}
		woken <- res
	}()
	p = s.edit(p, 1)
	if res := <-woken; len(res.GetEvents()) != 1 || !at(p.GetName(), p.GetEtag())(res.GetEvents()[0]) {
		t.Errorf("woken by %v", res)
	}
	res, err := s.Event(sibling.Key).ListEvents(t.Context(), &eventv1.ListEventsRequest{
		Wait: durationpb.New(300 * time.Millisecond), Types: []string{"rectification.*"},
	})
	if err != nil || len(res.GetEvents()) != 0 || !res.GetCurrent() {
		t.Errorf("the sibling = %v, %v", res, err)
	}
}

// More readers may wait than calls may run, and shut out nobody.
func TestManyReadersWait(t *testing.T) {
	s := newScene(t)
	edit := &rectificationv1.UpdateProblemRequest{Problem: &rectificationv1.Problem{Name: s.problem().GetName(), Description: "演示问题"}}
	reading, enough := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 300 / serve.DefaultLimits.Waits {
		eye := s.Person(s.school, accessv1.Role_ROLE_VIEWER).Key
		for range serve.DefaultLimits.Waits {
			all.Go(func() {
				for reading.Err() == nil { // who comes in a crowd is told to repeat
					_ = s.await(reading, eye)
					_ = feed.Pause(reading, 100*time.Millisecond)
				}
			})
		}
	}
	<-time.After(time.Second) // most of them wait by then
	soon, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err := s.Rectification(s.clerk.Key).UpdateProblem(soon, edit)
	for ; status.Code(err) == codes.ResourceExhausted && soon.Err() == nil; _, err = s.Rectification(s.clerk.Key).UpdateProblem(soon, edit) {
		_ = feed.Pause(soon, 10*time.Millisecond)
	}
	s.must(err)
	enough()
	all.Wait()
}

// await waits for events that do not come.
func (s *scene) await(ctx context.Context, key string) error {
	_, err := s.Event(key).ListEvents(ctx, &eventv1.ListEventsRequest{Wait: durationpb.New(30 * time.Second), Types: []string{"evaluation.result.*"}})
	return err
}

// One reader takes not the places of all who wait: beyond its own it is refused, and
// others wait and work.
func TestOneReaderShutsOutNobody(t *testing.T) {
	const most, polls = 3, 30
	s := &scene{Suite: suitetest.RunWith(t, func(c *suite.Config) { c.Limits.InFlight, c.Limits.Waits = 4, most })}
	eye, other := s.Person(s.Root, accessv1.Role_ROLE_VIEWER).Key, s.Person(s.Root, accessv1.Role_ROLE_VIEWER).Key
	reading, enough := context.WithCancel(t.Context())
	defer enough()
	tooMany := fault.Of(faultv1.Reason_REASON_PRINCIPAL_WAITS_TOO_MANY)
	refused := make(chan struct{}, polls)
	for range polls {
		go func() {
			err := s.await(reading, eye)
			for busy(err) && reading.Err() == nil { // they come in a crowd
				_ = feed.Pause(reading, 10*time.Millisecond)
				err = s.await(reading, eye)
			}
			if errors.Is(err, tooMany) && fault.As(err).Retry > 0 {
				refused <- struct{}{}
			}
		}()
	}
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := range polls - most {
		select {
		case <-refused:
		case <-soon.Done():
			t.Fatalf("%d of %d are refused, want all but %d", n, polls, most)
		}
	}
	req := &eventv1.ListEventsRequest{Wait: durationpb.New(10 * time.Millisecond), Types: []string{"evaluation.result.*"}}
	_, err := s.Event(other).ListEvents(soon, req)
	for busy(err) && soon.Err() == nil { // the last to wait may not have left their places
		_, err = s.Event(other).ListEvents(soon, req)
	}
	if err != nil {
		t.Errorf("another reader: %v", err)
	}
}

// Who is refused for load is told over REST what who calls too often is: how much there
// may be, that none is left, and when there will be.
func TestARefusalByLoadHasTheHeadersOfOneByRate(t *testing.T) {
	s := suitetest.RunWith(t, func(c *suite.Config) { c.Limits.InFlight = 1 })
	eye := s.Person(s.Root, accessv1.Role_ROLE_VIEWER).Key
	reading, enough := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer enough()
	for range 5 { // one runs, and four for each that may wait
		all.Go(func() {
			for reading.Err() == nil {
				_ = (&scene{Suite: s}).await(reading, eye)
			}
		})
	}
	answer := &http.Response{}
	for i := 0; i < 10_000 && answer.StatusCode != http.StatusTooManyRequests; i++ {
		answer = get(t, s.HTTP+"/v1/caller", eye)
	}
	wait, told := answer.Header.Get("Retry-After"), answer.Header.Get("RateLimit")
	if answer.StatusCode != http.StatusTooManyRequests || wait == "" || told != `"load";r=0;t=`+wait {
		t.Errorf("a full server: %s, repeat after %q, left are %q", answer.Status, wait, told)
	}
	if policy := answer.Header.Get("RateLimit-Policy"); policy != `"load";q=1;qu="concurrent-requests"` {
		t.Errorf("by the policy %q", policy)
	}
}

// get asks over REST.
func get(t *testing.T, url, key string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	return answer
}

func busy(err error) bool {
	return errors.Is(err, fault.Of(faultv1.Reason_REASON_SERVER_OVERLOADED))
}

// Sealed cases do not exist in events, and open ones only for who may read them.
func TestCasesAreTold(t *testing.T) {
	s := newScene(t)
	officer := s.Person(s.district, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	file := func(kind complaintv1.Complaint_Type, head bool) {
		_, err := s.Complaint(officer.Key).CreateComplaint(t.Context(), &complaintv1.CreateComplaintRequest{
			Intake: s.district, Complaint: &complaintv1.Complaint{
				Type: kind, Channel: complaintv1.Complaint_CHANNEL_HOTLINE, Unit: s.school, AboutHead: head, Text: "不能示人的内容",
			},
		})
		s.must(err)
	}
	file(complaintv1.Complaint_TYPE_REPORT, false)
	file(complaintv1.Complaint_TYPE_COMPLAINT, true)
	file(complaintv1.Complaint_TYPE_COMPLAINT, false)
	p := s.problem()
	all, _ := s.until(officer.Key, &eventv1.ListEventsRequest{}, at(p.GetName(), p.GetEtag()))
	viewer, _ := s.until(s.eye.Key, &eventv1.ListEventsRequest{}, at(p.GetName(), p.GetEtag()))
	told := func(all []*eventv1.Event) (n int) {
		for _, e := range all {
			if strings.Contains(e.String(), "不能示人") {
				t.Errorf("told: %v", e)
			}
			if strings.HasPrefix(e.GetType(), "complaint.") {
				n++
			}
		}
		return n
	}
	awaited, _ := s.until(officer.Key, &eventv1.ListEventsRequest{}, func(e *eventv1.Event) bool { return strings.HasPrefix(e.GetType(), "complaint.") })
	if got := told(awaited); got != 1 {
		t.Errorf("the officer is told of %d cases, want the open one of %d events", got, len(all))
	}
	if got := told(viewer); got != 0 {
		t.Errorf("a viewer, who reads no case, is told of %d", got)
	}
	insider := s.Person(s.school)
	for _, role := range []accessv1.Role{accessv1.Role_ROLE_COMPLAINT_OFFICER, accessv1.Role_ROLE_SUPERVISOR} {
		s.Grant(insider.Name, s.district, role)
	}
	visit := s.concluded()
	ended := func(e *eventv1.Event) bool {
		return e.GetSubject() == visit.GetName() && e.GetType() == "rectification.inspection.concluded.v1"
	}
	s.until(s.eye.Key, &eventv1.ListEventsRequest{}, ended)
	after := s.problem()
	all, _ = s.until(insider.Key, &eventv1.ListEventsRequest{}, at(after.GetName(), after.GetEtag()))
	if got := told(all); got != 0 {
		t.Errorf("who belongs to the school is told of %d cases about it", got)
	}
	if slices.ContainsFunc(all, func(e *eventv1.Event) bool { return e.GetSubject() == visit.GetName() }) {
		t.Error("who belongs to the school is told how it is inspected")
	}
}

func TestCursorsOfOthersAreRefused(t *testing.T) {
	s := newScene(t)
	for _, after := range []string{"0", "x", strings.Repeat("A", 60)} {
		if _, err := s.Event(s.eye.Key).ListEvents(t.Context(), &eventv1.ListEventsRequest{After: after}); !errors.Is(err, event.ErrCursor) {
			t.Errorf("after %q = %v", after, err)
		}
	}
}
