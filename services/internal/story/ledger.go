package story

import (
	"context"
	"net/http"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// A ledger is a unit's ledger and how its filing goes.
type ledger struct {
	*rectificationv1.Ledger
	unit     string // its code
	never    bool   // it is not filed at all
	late     bool   // it is filed after its day
	returned bool   // the superior returns it once
}

// selfCheck has every unit open its ledger and enter what it found in itself,
// with measures, deadline and who is responsible. Units that found nothing file
// an empty ledger (零报告).
func (s *Story) selfCheck(ctx context.Context) error {
	late, returned := s.Pick("SCHOOL", 7), s.Pick("SCHOOL", 9)
	never := s.troubled(1)
	for _, u := range s.Working("CITY", "DISTRICT", "SCHOOL", "AFFILIATE") {
		if u.Parent == "" { // nobody here is above it
			continue
		}
		s.ledgers = append(s.ledgers, &ledger{
			unit: u.Code, never: never[u.Code], late: late[u.Code] && !never[u.Code], returned: returned[u.Code] && !never[u.Code],
		})
	}
	s.draw()
	if err := stage.Each(ctx, s.Stage, s.ledgers, s.fill); err != nil {
		return err
	}
	return s.checkRepeats(ctx)
}

// troubled draws so many schools that found problems in themselves.
func (s *Story) troubled(n int) map[string]bool {
	found := map[string]int{}
	for _, p := range s.City.Problems {
		found[p.Unit]++
	}
	drawn := map[string]bool{}
	for _, u := range s.Working("SCHOOL") {
		if found[u.Code] > 1 && len(drawn) < n && s.Random.IntN(4) == 0 {
			drawn[u.Code] = true
		}
	}
	return drawn
}

// fill opens a ledger and enters its unit's problems.
func (s *Story) fill(ctx context.Context, l *ledger) error {
	l.Ledger = &rectificationv1.Ledger{}
	wanted := &rectificationv1.Ledger{Unit: cast.Name(l.unit), Campaign: campaign}
	if err := s.By(l.unit, "clerk").Post(ctx, "/v1/ledgers", wanted, l.Ledger); err != nil {
		return err
	}
	if err := stage.Same("the day of filing", l.GetFilingDueDate(), "2026-04-05"); err != nil {
		return err
	}
	for _, m := range s.matters {
		if m.unit != l.unit {
			continue
		}
		m.ledger = l.GetName()
		if err := s.enter(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// enter enters a problem and what is planned against it.
func (s *Story) enter(ctx context.Context, m *matter) error {
	p := &rectificationv1.Problem{
		Category: m.Category, Item: m.Item, Description: m.Description,
		Level:  rectificationv1.Problem_Level(rectificationv1.Problem_Level_value["LEVEL_"+m.Level]),
		Source: rectificationv1.Problem_SOURCE_SELF_CHECK,
	}
	if err := s.By(m.unit, "clerk").Post(ctx, "/v1/"+m.ledger+"/problems", p, p); err != nil {
		return err
	}
	m.name = p.GetName()
	return s.planMatter(ctx, m)
}

// planMatter says why, what, by when and by whom.
func (s *Story) planMatter(ctx context.Context, m *matter) error {
	return s.By(m.unit, "clerk").Do(ctx, "plan", &rectificationv1.PlanProblemRequest{
		Name: m.name, Cause: m.Cause, Measures: m.Measures, Deadline: m.deadline,
		LeaderResponsible: stage.Member(m.unit, "leader"), PersonResponsible: stage.Member(m.unit, "clerk"),
	}, &rectificationv1.Problem{})
}

// checkRepeats shows that a repeated request is answered alike and enters
// nothing, and that a change by an old etag is refused.
func (s *Story) checkRepeats(ctx context.Context) error {
	m := s.matters[0]
	clerk := s.By(m.unit, "clerk")
	var entered [2]*rectificationv1.Problem
	for i := range entered {
		entered[i] = &rectificationv1.Problem{}
		p := &rectificationv1.Problem{
			Category: m.Category, Item: m.Item, Description: "重复提交的问题（演示）",
			Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SELF_CHECK,
		}
		if err := clerk.Once("demo-repeat").Post(ctx, "/v1/"+m.ledger+"/problems", p, entered[i]); err != nil {
			return err
		}
	}
	if err := stage.Same("the answer to a repeat", entered[1].GetName(), entered[0].GetName()); err != nil {
		return err
	}
	twin := &matter{Problem: m.Problem, unit: m.unit, ledger: m.ledger, name: entered[0].GetName(), source: "SELF_CHECK", deadline: m.deadline, accepted: m.accepted}
	twin.script = []act{{rounds[0], (*Story).cancel}}
	s.matters = append(s.matters, twin)
	if err := s.planMatter(ctx, twin); err != nil {
		return err
	}
	stale := clerk.IfMatch(entered[0].GetEtag()).Patch(ctx, "/v1/"+twin.name, &rectificationv1.Problem{Name: twin.name, Cause: "过时的修改"}, entered[0])
	return stage.Refused("a change by an old etag", stale, http.StatusPreconditionFailed, "")
}

// sign has the heads sign what they have read. A clerk who tries is refused.
func (s *Story) sign(ctx context.Context) error {
	first := s.ledgers[0]
	err := s.signBy(ctx, first, "clerk")
	if err := stage.Refused("a clerk signs", err, http.StatusForbidden, ""); err != nil {
		return err
	}
	return stage.Each(ctx, s.Stage, s.those(func(l *ledger) bool { return !l.never }), func(ctx context.Context, l *ledger) error {
		return s.signBy(ctx, l, "head")
	})
}

func (s *Story) signBy(ctx context.Context, l *ledger, person string) error {
	who := s.By(l.unit, person)
	if err := who.Get(ctx, "/v1/"+l.GetName(), l.Ledger); err != nil {
		return err
	}
	return who.Do(ctx, "sign", &rectificationv1.SignLedgerRequest{
		Name: l.GetName(), ContentDigest: l.GetContentDigest(), Seal: s.Unit(l.unit).DisplayName + "（印）",
	}, l.Ledger)
}

func (s *Story) those(choice func(*ledger) bool) (list []*ledger) {
	for _, l := range s.ledgers {
		if choice(l) {
			list = append(list, l)
		}
	}
	return list
}

func (s *Story) fileInTime(ctx context.Context) error {
	return stage.Each(ctx, s.Stage, s.those(func(l *ledger) bool { return !l.late && !l.never }), s.file)
}

func (s *Story) fileLate(ctx context.Context) error {
	return stage.Each(ctx, s.Stage, s.those(func(l *ledger) bool { return l.late }), s.file)
}

// file files a ledger with the superior (报备), and looks whether it is marked as
// late when it is.
func (s *Story) file(ctx context.Context, l *ledger) error {
	if err := s.By(l.unit, "clerk").Do(ctx, "file", &rectificationv1.FileLedgerRequest{Name: l.GetName()}, l.Ledger); err != nil {
		return err
	}
	return stage.Same(l.GetName()+" filed late", l.GetFiledLate(), l.late)
}

// review has the superiors acknowledge what was filed, or return it.
func (s *Story) review(ctx context.Context) error {
	return stage.Each(ctx, s.Stage, s.those(func(l *ledger) bool { return !l.never }), func(ctx context.Context, l *ledger) error {
		if !l.returned {
			return s.acknowledge(ctx, l)
		}
		back := &rectificationv1.ReturnLedgerRequest{Name: l.GetName(), Reason: "整改措施不够具体，请写明做什么、谁来做、怎样算做到。"}
		return s.superior(l.unit).Do(ctx, "return", back, l.Ledger)
	})
}

func (s *Story) acknowledge(ctx context.Context, l *ledger) error {
	err := s.superior(l.unit).Do(ctx, "acknowledge", &rectificationv1.AcknowledgeLedgerRequest{Name: l.GetName()}, l.Ledger)
	if err != nil {
		return err
	}
	return stage.Same(l.GetName()+" acknowledged", l.GetAcknowledgedVersion(), l.GetVersion())
}

// fileAgain brings what was returned to its end: put right, signed, filed and
// acknowledged.
func (s *Story) fileAgain(ctx context.Context) error {
	return stage.Each(ctx, s.Stage, s.those(func(l *ledger) bool { return l.returned }), func(ctx context.Context, l *ledger) error {
		for _, m := range s.matters {
			if m.unit != l.unit {
				continue
			}
			m.Measures += "每半月由责任领导核对一次进度。"
			change := &rectificationv1.Problem{Name: m.name, Measures: m.Measures}
			path := stage.Query("/v1/"+m.name, "updateMask", "measures")
			if err := s.By(l.unit, "clerk").Patch(ctx, path, change, change); err != nil {
				return err
			}
		}
		return s.supplement(ctx, l)
	})
}

// supplement signs, files and acknowledges what a ledger has become.
func (s *Story) supplement(ctx context.Context, l *ledger) error {
	if err := s.signBy(ctx, l, "head"); err != nil {
		return err
	}
	if err := s.file(ctx, l); err != nil {
		return err
	}
	return s.acknowledge(ctx, l)
}
