package story

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// A matter is a problem, what the story will do about it, and what it knows of
// it without asking the suite.
type matter struct {
	cast.Problem
	unit, ledger, name, source, finder string
	deadline                           string // as it stands
	accepted                           bool   // it counts for superiors
	started, closed, cancelled         bool
	closedOn                           string
	returns, reopens                   int
	script                             []act
}

// An act is something that is done about a matter on a day.
type act struct {
	date string
	do   func(*Story, context.Context, *matter) error
}

// rounds are the days on which units work on their problems.
var rounds = []string{
	"2026-04-28", "2026-05-14", "2026-05-28", "2026-06-12", "2026-06-29", "2026-07-09", "2026-07-30",
	"2026-08-26", "2026-09-14", "2026-09-29", "2026-10-14", "2026-10-29", "2026-11-12", "2026-12-01",
}

const secondLook = "2026-11-20" // 回头看

// before is the last round on which a deadline is kept, and after the first one
// on which it no longer is.
func before(deadline string) string { return rounds[max(0, place(deadline)-1)] }
func after(deadline string) string  { return rounds[min(place(deadline), len(rounds)-1)] }

func place(deadline string) int {
	i, found := slices.BinarySearch(rounds, deadline)
	if found {
		i++
	}
	return i
}

// draw decides what becomes of every problem that working units found in
// themselves, in the order of the table.
func (s *Story) draw() {
	never := map[string]bool{}
	for _, l := range s.ledgers {
		never[l.unit] = l.never
	}
	for _, p := range s.City.Problems {
		if !s.Works(p.Unit) {
			continue
		}
		m := &matter{Problem: p, unit: p.Unit, source: "SELF_CHECK", deadline: p.Deadline, accepted: !never[p.Unit]}
		m.script = s.fate(m)
		s.matters = append(s.matters, m)
	}
	s.matters[0].script = []act{{rounds[0], (*Story).start}, {before(s.matters[0].deadline), (*Story).solveApart}}
}

// fate draws what is done about a matter, and when.
func (s *Story) fate(m *matter) []act {
	in, out := before(m.deadline), after(m.deadline)
	begin := act{rounds[0], (*Story).start}
	n := s.Random.IntN(100)
	switch {
	case n < 3:
		return []act{{rounds[0], (*Story).cancel}}
	case n < 10:
		return []act{begin} // and then nothing: it becomes overdue
	case n < 19:
		return []act{begin, {out, (*Story).solve}}
	case n < 28:
		return []act{begin, {in, (*Story).beReturned}, {out, (*Story).solve}}
	case n < 34 && out < secondLook:
		return []act{begin, {in, (*Story).solve}, {secondLook, (*Story).reopen}, {"2026-12-01", (*Story).solve}}
	case n < 37 && out < secondLook:
		return []act{begin, {in, (*Story).solve}, {secondLook, (*Story).reopen}}
	case m.CauseOfDelay != "" && m.accepted && n < 70:
		return []act{begin, {in, (*Story).extend}, {rounds[len(rounds)-1], (*Story).solve}}
	case m.CauseOfDelay != "" && m.accepted:
		return []act{begin, {in, (*Story).extend}} // still at work in the new year
	default:
		return []act{begin, {in, (*Story).solve}}
	}
}

// rectify plays what is to be done on each of some days.
func rectify(dates ...string) func(*Story, context.Context) error {
	return func(s *Story, ctx context.Context) error {
		for _, date := range dates {
			if err := s.SetDate(ctx, date); err != nil {
				return err
			}
			if err := stage.Each(ctx, s.Stage, s.matters, s.actOf(date)); err != nil {
				return err
			}
		}
		return nil
	}
}

func (s *Story) actOf(date string) func(context.Context, *matter) error {
	return func(ctx context.Context, m *matter) error {
		for _, a := range m.script {
			if a.date == date {
				if err := a.do(s, ctx, m); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// superior returns the supervisor above a unit.
func (s *Story) superior(unit string) rest.Caller { return s.By(s.Supervisor(unit), "supervisor1") }

// Who verifies and who closes follows from the source: what a unit found itself
// its own leaders, all else two supervisors of who found it or above it.
func (s *Story) verifier(m *matter) rest.Caller {
	if m.source == "SELF_CHECK" {
		return s.By(m.unit, "leader")
	}
	return s.By(cmp.Or(m.finder, s.Supervisor(m.unit)), "supervisor1")
}

func (s *Story) closer(m *matter) rest.Caller {
	if m.source == "SELF_CHECK" {
		return s.By(m.unit, "head")
	}
	return s.By(cmp.Or(m.finder, s.Supervisor(m.unit)), "supervisor2")
}

// start begins to rectify.
func (s *Story) start(ctx context.Context, m *matter) error {
	m.started = true
	return s.By(m.unit, "clerk").Do(ctx, "start", &rectificationv1.StartProblemRequest{Name: m.name}, &rectificationv1.Problem{})
}

// submit says what was done, shows it, and asks for the problem to be struck off.
func (s *Story) submit(ctx context.Context, m *matter, who rest.Caller) error {
	if !m.started {
		if err := s.start(ctx, m); err != nil {
			return err
		}
	}
	said := &rectificationv1.ProgressProblemRequest{Name: m.name, Text: "措施已落实，效果由服务对象评过（演示）。", Percent: 100}
	if err := who.Do(ctx, "progress", said, &rectificationv1.Problem{}); err != nil {
		return err
	}
	file := "整改佐证 " + s.Date
	shown, err := s.attach(ctx, m.unit, m.name, file, campaignv1.EvidenceKind_MEDIA_DOCUMENT)
	if err != nil {
		return err
	}
	p := &rectificationv1.Problem{}
	if err := who.Do(ctx, "submit", &rectificationv1.SubmitProblemRequest{Name: m.name, Evidence: []string{shown}}, p); err != nil {
		return err
	}
	return stage.Same(m.name+" submitted", p.GetState(), rectificationv1.Problem_STATE_SUBMITTED)
}

// solve brings a matter to its end.
func (s *Story) solve(ctx context.Context, m *matter) error {
	if err := s.submit(ctx, m, s.By(m.unit, "clerk")); err != nil {
		return err
	}
	return s.strikeOff(ctx, m, s.verifier(m))
}

// solveApart shows that who rectified does not verify: a supervisor does.
func (s *Story) solveApart(ctx context.Context, m *matter) error {
	leader := s.By(m.unit, "leader")
	if err := s.submit(ctx, m, leader); err != nil {
		return err
	}
	err := leader.Do(ctx, "verify", &rectificationv1.VerifyProblemRequest{Name: m.name}, &rectificationv1.Problem{})
	if err := stage.Refused("who rectified verifies", err, http.StatusBadRequest, "PROBLEM_SAME_PERSON"); err != nil {
		return err
	}
	return s.strikeOff(ctx, m, s.superior(m.unit))
}

// strikeOff verifies and closes.
func (s *Story) strikeOff(ctx context.Context, m *matter, verifier rest.Caller) error {
	p := &rectificationv1.Problem{}
	if err := verifier.Do(ctx, "verify", &rectificationv1.VerifyProblemRequest{Name: m.name}, p); err != nil {
		return err
	}
	if err := s.closer(m).Do(ctx, "close", &rectificationv1.CloseProblemRequest{Name: m.name}, p); err != nil {
		return err
	}
	m.closed, m.closedOn = true, s.Date
	return stage.Same(m.name+" closed", p.GetState(), rectificationv1.Problem_STATE_CLOSED)
}

// beReturned has a matter sent back once.
func (s *Story) beReturned(ctx context.Context, m *matter) error {
	if err := s.submit(ctx, m, s.By(m.unit, "clerk")); err != nil {
		return err
	}
	back := &rectificationv1.ReturnProblemRequest{Name: m.name, Reason: "佐证只有文件，看不出效果，请补现场情况。"}
	m.returns, m.started = m.returns+1, false
	return s.verifier(m).Do(ctx, "return", back, &rectificationv1.Problem{})
}

// reopen has the superior look again at what was closed (回头看).
func (s *Story) reopen(ctx context.Context, m *matter) error {
	again := &rectificationv1.ReopenProblemRequest{Name: m.name, Reason: "回头看发现问题有反弹（演示）。"}
	if err := s.closer(m).Do(ctx, "reopen", again, &rectificationv1.Problem{}); err != nil {
		return err
	}
	m.closed, m.started, m.reopens = false, false, m.reopens+1
	return nil
}

// cancel has the superior strike out what is no problem of the unit.
func (s *Story) cancel(ctx context.Context, m *matter) error {
	m.cancelled = true
	return s.superior(m.unit).Do(ctx, "cancel", &rectificationv1.CancelProblemRequest{Name: m.name, Reason: "与另一条重复，或不属本单位职责（演示）。"}, &rectificationv1.Problem{})
}

// newYear is until when deadlines are extended.
const newYear = "2026-12-31"

// extend asks for another deadline, which the superior grants.
func (s *Story) extend(ctx context.Context, m *matter) error {
	ask := &rectificationv1.ExtendProblemRequest{Name: m.name, Deadline: newYear, Reason: m.CauseOfDelay}
	if err := s.By(m.unit, "clerk").Do(ctx, "extend", ask, &rectificationv1.Problem{}); err != nil {
		return err
	}
	p := &rectificationv1.Problem{}
	if err := s.superior(m.unit).Do(ctx, "approveExtension", &rectificationv1.ApproveExtensionRequest{Name: m.name}, p); err != nil {
		return err
	}
	m.deadline = newYear
	return stage.Same("the deadline of "+m.name, p.GetDeadline(), newYear)
}
