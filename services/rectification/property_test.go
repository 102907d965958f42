package rectification_test

import (
	"maps"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/rectification"
)

// story is a ledger with one problem to which anything happens, and what an
// observer has counted of it without looking at its fields.
type story struct {
	ledger  *rectificationv1.Ledger
	version *rectificationv1.LedgerVersion
	problem *rectificationv1.Problem

	returns, reopens int32
	hands            map[string]bool // who worked on it
	leads            map[string]bool // who led it while it was rectified
	ever             map[string]bool // who ever worked on it, answered for it or led it
	granted          bool            // the last move granted an extension
	done             string
	moved            int

	given    bool // others than the unit have set its deadline
	contents map[string]*rectificationv1.FiledProblem
	filed    said // what the newest version says
	accepted said // what the newest acknowledged one says
}

// said is what a problem is said to be, and by when it is done.
type said struct {
	category string
	level    rectificationv1.Problem_Level
	deadline string
}

func says(p *rectificationv1.Problem) said {
	return said{p.GetCategory(), p.GetLevel(), p.GetDeadline()}
}

// now is the time of the move: each has its own.
func (s *story) now() time.Time { return now.Add(time.Duration(s.moved) * time.Second) }

// person draws one of a few, so that the same one often comes twice.
func person(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c", "d", "person"}).Draw(t, "who")
}

// leader draws who leads, at times one of those who judge.
func leader(t *rapid.T) string {
	return rapid.SampledFrom([]string{"l", "l", "v", "w"}).Draw(t, "leader")
}

// superiorOr draws a person, more often one above than one of the unit.
func superiorOr(t *rapid.T) string {
	return rapid.SampledFrom([]string{"above", "above", "above", "a"}).Draw(t, "superior")
}

// later draws a deadline to ask for.
func later(t *rapid.T) string {
	return rapid.SampledFrom([]string{"2026-02-01", "2026-07-31", "2026-08-31", "2026-09-30"}).Draw(t, "later")
}

// judge draws who verifies or closes, more often one who never works on it.
func judge(t *rapid.T) string {
	return rapid.SampledFrom([]string{"v", "w", "v", "w", "a", "person"}).Draw(t, "judge")
}

func date(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "2026-02-01", "2026-06-30", "2026-07-31", "2026-08-31"}).Draw(t, "date")
}

// onProblem makes a move that replaces the problem if it is allowed.
func (s *story) onProblem(name string, p *rectificationv1.Problem, err error) bool {
	if err != nil {
		return false
	}
	if !rectification.SameContent(s.problem, p) {
		changed, err := rectification.Change(s.ledger)
		if err != nil {
			panic("a change of content was refused: " + err.Error())
		}
		s.ledger = changed
	}
	s.problem, s.done = p, name
	return true
}

func (s *story) moves() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"edit": func(t *rapid.T) {
			wanted := proto.CloneOf(s.problem)
			wanted.Deadline, wanted.PersonResponsible, wanted.LeaderResponsible = date(t), person(t), leader(t)
			wanted.Category = rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "category")
			wanted.Level = rectificationv1.Problem_Level(rapid.IntRange(1, 3).Draw(t, "level"))
			if s.problem.GetSource() == rectificationv1.Problem_SOURCE_SUPERIOR {
				wanted.Category, wanted.Level = s.problem.GetCategory(), s.problem.GetLevel()
			}
			who := person(t)
			p, err := rectification.Edit(s.ledger, s.problem, wanted, who, now)
			if !s.onProblem("edit", p, err) {
				return
			}
			if s.hands[who] = true; p.GetState() == rectifying {
				s.hands[p.GetPersonResponsible()], s.leads[p.GetLeaderResponsible()] = true, true
			}
		},
		"plan": func(t *rapid.T) {
			who := person(t)
			p, err := rectification.Plan(s.ledger, s.problem, &rectificationv1.Problem{
				Cause: "c", Measures: "m", Deadline: date(t), LeaderResponsible: "l", PersonResponsible: "person",
			}, who, now)
			if s.onProblem("plan", p, err) {
				s.hands[who] = true
			}
		},
		"start": func(t *rapid.T) {
			who := person(t)
			p, err := rectification.Start(s.problem, who)
			if s.onProblem("start", p, err) {
				s.hands[who], s.hands[p.GetPersonResponsible()], s.leads[p.GetLeaderResponsible()] = true, true, true
			}
		},
		"progress": func(t *rapid.T) {
			who := person(t)
			p, err := rectification.AddProgress(s.problem, "did", 10, who, now)
			if s.onProblem("progress", p, err) {
				s.hands[who] = true
			}
		},
		"attach": func(t *rapid.T) {
			who := person(t)
			p, err := rectification.Attach(s.problem, who)
			if s.onProblem("attach", p, err) {
				s.hands[who] = true
			}
		},
		"submit": func(t *rapid.T) {
			who := person(t)
			p, err := rectification.Submit(s.problem, rectification.Submission{Evidence: []string{"file"}, Who: who, Leaders: []string{judge(t)}, Time: now})
			if s.onProblem("submit", p, err) {
				s.hands[who] = true
			}
		},
		"verify": func(t *rapid.T) {
			p, err := rectification.Verify(s.problem, judge(t), []string{judge(t)})
			s.onProblem("verify", p, err)
		},
		"close": func(t *rapid.T) {
			p, err := rectification.Close(s.problem, judge(t), now)
			s.onProblem("close", p, err)
		},
		"return": func(t *rapid.T) {
			p, err := rectification.SendBack(s.problem, "why", judge(t))
			if s.onProblem("return", p, err) {
				s.returns++
			}
		},
		"reopen": func(*rapid.T) {
			p, err := rectification.Reopen(s.problem, "why")
			if s.onProblem("reopen", p, err) {
				s.reopens++
				s.hands, s.leads = map[string]bool{}, map[string]bool{}
			}
		},
		"extend": func(t *rapid.T) {
			who := person(t)
			p, err := rectification.Extend(s.ledger, s.problem, rectification.Wish{Deadline: later(t), Asker: who, Time: now})
			if s.onProblem("extend", p, err) {
				s.hands[who] = true
			}
		},
		"grant": func(t *rapid.T) {
			who := superiorOr(t)
			p, err := rectification.Grant(s.problem, who, s.now())
			if s.granted = s.onProblem("grant", p, err); s.granted && s.hands[who] {
				t.Fatalf("%s granted what %v worked on", who, s.hands)
			}
			if s.given = s.given || s.granted; s.granted {
				s.filed.deadline = p.GetDeadline() // whatever was filed before
			}
			if s.granted && p.GetAccepted() {
				s.accepted.deadline = p.GetDeadline()
			}
		},
		"refuse": func(t *rapid.T) {
			p, err := rectification.Refuse(s.problem, "no", superiorOr(t), now)
			s.onProblem("refuse", p, err)
		},
		"cancel": func(t *rapid.T) {
			if rapid.IntRange(0, 20).Draw(t, "seldom") > 0 {
				return
			}
			p, err := rectification.Cancel(s.problem, "why", superiorOr(t))
			s.onProblem("cancel", p, err)
		},
		"sign": func(t *rapid.T) {
			problems := []*rectificationv1.Problem{s.problem}
			digest := rectification.Digest(s.ledger.GetName(), problems)
			if l, err := rectification.Sign(s.ledger, &rectificationv1.Signature{Digest: digest}, inOffice, problems); err == nil {
				s.ledger = l
			}
		},
		"file": func(t *rapid.T) {
			f, err := rectification.File(s.ledger, []*rectificationv1.Problem{s.problem}, "a", s.now(), calendar.Builtin())
			if err != nil {
				return
			}
			s.ledger, s.version = f.Ledger, f.Version
			s.filed = says(s.problem)
			if len(f.Problems) > 0 {
				s.problem, s.contents[f.Contents[0].GetName()] = f.Problems[0], f.Contents[0]
			}
		},
		"decide": func(t *rapid.T) {
			reason := rapid.SampledFrom([]string{"", "why"}).Draw(t, "reason")
			if s.version == nil {
				return
			}
			if l, v, err := rectification.Decide(s.ledger, s.version, rectification.Verdict{Reason: reason, Decider: superiorOr(t), Time: now}, calendar.Builtin()); err == nil {
				s.ledger, s.version = l, v
				if reason == "" {
					s.acknowledge()
				}
			}
		},
	}
}

// acknowledge has the problem count by the version, as the server does.
func (s *story) acknowledge() {
	s.accepted = s.filed
	if name := rectification.Unaccepted(s.version, s.problem); name != "" {
		s.problem = rectification.Accept(s.problem, s.contents[name], s.version)
	}
}

// begin plans the problem and files the ledger.
func (s *story) begin(t *rapid.T) {
	p, err := rectification.Plan(s.ledger, s.problem, &rectificationv1.Problem{
		Cause: "c", Measures: "m", Deadline: "2026-06-30", LeaderResponsible: "l", PersonResponsible: "person",
	}, "person", now)
	if s.problem.GetDeadline() == "" && !s.onProblem("plan", p, err) {
		t.Fatal(err)
	}
	moves := s.moves()
	moves["sign"](t)
	moves["file"](t)
}

// rounds is how often a hundred stories are told until all that can happen has: in one
// of some hundred rounds no problem is reopened.
const rounds = 20

func TestWhateverHappensToAProblemItsInvariantsHold(t *testing.T) {
	reached, grants := map[rectificationv1.Problem_State]int{}, 0
	states := rectificationv1.Problem_STATE_UNSPECIFIED.Descriptor().Values().Len() - 1
	for round := 0; round < rounds && (len(reached) < states || grants == 0); round++ {
		rapid.Check(t, func(t *rapid.T) {
			s := tell(t)
			moves := s.moves()
			for range rapid.IntRange(1, 150).Draw(t, "length") {
				before, filed := s.problem, s.ledger.GetVersion() > 0
				s.granted = false
				s.moved++
				moves[rapid.SampledFrom(moved).Draw(t, "move")](t)
				s.check(t, before, filed)
				reached[s.problem.GetState()]++
				if s.granted {
					grants++
				}
			}
		})
	}
	for n := range states {
		if state := rectificationv1.Problem_State(n + 1); reached[state] == 0 {
			t.Errorf("no story reached %v: the test proves nothing of it", state)
		}
	}
	if t.Logf("%d extensions granted; states: %v", grants, reached); grants == 0 {
		t.Error("no story granted an extension")
	}
}

// moved are the moves of a story, as often as they are made among others.
var moved = []string{
	"edit", "attach", "plan", "plan", "start", "start", "progress", "submit", "submit", "verify", "verify", "close", "close", "return",
	"reopen", "extend", "extend", "extend", "grant", "grant", "refuse", "cancel", "sign", "file", "decide",
}

// tell begins one, mostly of a problem that is filed.
func tell(t *rapid.T) *story {
	s := &story{
		hands: map[string]bool{}, leads: map[string]bool{}, ever: map[string]bool{}, contents: map[string]*rectificationv1.FiledProblem{},
		ledger: &rectificationv1.Ledger{Name: "ledgers/x", State: rectificationv1.Ledger_STATE_OPEN},
	}
	found := &rectificationv1.Problem{
		Category: "A", Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SELF_CHECK, Description: "d",
	}
	above := rapid.IntRange(0, 3).Draw(t, "found above") == 0
	if above {
		found.Source, found.Deadline = rectificationv1.Problem_SOURCE_SUPERIOR, rapid.SampledFrom([]string{"", "2026-06-30"}).Draw(t, "set above")
		s.given = true
	}
	l, p, err := rectification.Enter(s.ledger, found, rectification.Finder{Others: above}, now)
	if err != nil {
		t.Fatal(err)
	}
	if s.ledger, s.problem = l, p; above {
		s.accepted = says(p)
	}
	if rapid.IntRange(0, 3).Draw(t, "begins filed") > 0 {
		s.begin(t)
	}
	return s
}

// check holds what must always be true against the state and the move before it.
func (s *story) check(t *rapid.T, before *rectificationv1.Problem, filed bool) {
	p := s.problem
	if p.GetReturns() != s.returns || p.GetReopens() != s.reopens {
		t.Fatalf("counted %d returns and %d reopens, the problem says %d and %d", s.returns, s.reopens, p.GetReturns(), p.GetReopens())
	}
	three := map[string]bool{p.GetSubmitter(): true, p.GetVerifier(): true, p.GetCloser(): true}
	if p.GetState() == rectificationv1.Problem_STATE_CLOSED && (len(three) != 3 || three[""]) {
		t.Fatalf("closed by %v, who are not three", three)
	}
	judged := p.GetState() == verified || p.GetState() == rectificationv1.Problem_STATE_CLOSED
	if judged && (s.hands[p.GetVerifier()] || s.hands[p.GetCloser()]) {
		t.Fatalf("%q verified and %q closed; %v worked on it", p.GetVerifier(), p.GetCloser(), s.hands)
	}
	if p.GetState() == rectificationv1.Problem_STATE_CLOSED && s.leads[p.GetCloser()] {
		t.Fatalf("%s closed what %v led", p.GetCloser(), s.leads)
	}
	if p.GetState() == rectificationv1.Problem_STATE_VERIFIED && p.GetSubmitter() == p.GetVerifier() {
		t.Fatalf("%s verified what they submitted", p.GetVerifier())
	}
	s.checkParts(t, before)
	s.checkDeadline(t, before, filed)
	if c := p.GetAcceptedContent(); p.GetAccepted() != (c != nil) || (said{c.GetCategory(), c.GetLevel(), c.GetDeadline()}) != s.accepted {
		t.Fatalf("after %s it counts by %v, accepted %v; last acknowledged was %v", s.done, c, p.GetAccepted(), s.accepted)
	}
	s.checkLedger(t)
}

// checkParts says that whoever had a part in the problem, however long ago, decides on it as
// no superior, and that nobody above is asked to while it is rectified.
func (s *story) checkParts(t *rapid.T, before *rectificationv1.Problem) {
	p := s.problem
	for _, p := range []*rectificationv1.Problem{before, p} {
		s.ever[p.GetLeaderResponsible()], s.ever[p.GetPersonResponsible()] = true, true
	}
	maps.Copy(s.ever, s.hands)
	maps.Copy(s.ever, s.leads)
	delete(s.ever, "")
	for who := range s.ever {
		if rectification.Uninvolved(who, p) == nil {
			t.Fatalf("after %s %s, who had a part in it, decides as a superior: %v", s.done, who, p)
		}
	}
	if rectification.Uninvolved("above", p) != nil && !s.ever["above"] {
		t.Fatalf("after %s who never had a part in it does not decide: %v", s.done, p)
	}
	once := map[string]bool{}
	for _, who := range p.GetFormer() {
		if once[who] {
			t.Fatalf("%s is kept twice: %v", who, p.GetFormer())
		}
		once[who] = true
	}
	if p.GetVerifyAbove() && p.GetState() != submitted || p.GetCloseAbove() && p.GetState() != verified && p.GetState() != rectificationv1.Problem_STATE_CLOSED {
		t.Fatalf("after %s those above are asked: %v", s.done, p)
	}
}

// checkDeadline says that an extension alone moves what has passed, and to a later day
// what was filed and what others set.
func (s *story) checkDeadline(t *rapid.T, before *rectificationv1.Problem, filed bool) {
	from, to := before.GetDeadline(), s.problem.GetDeadline()
	if from == "" || from == to || s.granted {
		return
	}
	if passed, later := from < "2026-03-02", to == "" || to > from; passed || later && (filed || s.given) {
		t.Fatalf("%s moved the deadline from %s to %s; filed %v, passed %v, set by others %v", s.done, from, to, filed, passed, s.given)
	}
}

// checkLedger holds the ledger against the content of its problem.
func (s *story) checkLedger(t *rapid.T) {
	digest := rectification.Digest(s.ledger.GetName(), []*rectificationv1.Problem{s.problem})
	if sig := s.ledger.GetSignature(); sig != nil && sig.GetDigest() != digest {
		t.Fatal("the signature holds for other content")
	}
	if (s.ledger.GetState() == rectificationv1.Ledger_STATE_SIGNED) && s.ledger.GetSignature() == nil {
		t.Fatal("signed without a signature")
	}
	if s.ledger.GetVersion() == 0 {
		return
	}
	if waits := s.version.GetState() == rectificationv1.LedgerVersion_STATE_FILED; waits != (s.ledger.GetAcknowledgeDueDate() != "") {
		t.Fatalf("the superior is to answer by %q, and the newest version awaits that: %v", s.ledger.GetAcknowledgeDueDate(), waits)
	}
	differs := s.problem.GetFiledVersion() == 0
	if s.ledger.GetPendingChanges() != differs {
		t.Fatalf("pending_changes is %v, and the content of the problem awaits a version: %v", s.ledger.GetPendingChanges(), differs)
	}
}
