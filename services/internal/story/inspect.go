package story

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// findings are what the team finds in the units it visits, in turn.
var findings = []cast.Problem{
	{Category: "STRAY", Item: "STRAY-2", Level: "STAFF", Description: "上班时间抽查，三个岗位无人在岗，也没有外出登记。", Cause: "外出靠口头说明，值班安排没有人核对。", Measures: "外出登记上墙，每日由值班领导核对一次。"},
	{Category: "SHIRK", Item: "SHIRK-1", Level: "UNIT", Description: "服务窗口没有一次性告知单，来访人当天跑了两趟。", Cause: "办事流程没有写下来。", Measures: "十个工作日内公布流程图和材料清单。"},
	{Category: "LAVISH", Item: "LAVISH-2", Level: "LEADERS", Description: "两间办公用房与备案不符，调岗后没有腾退。", Cause: "调岗时没有交接用房。", Measures: "本月腾退，资产台账同步更改。"},
}

// inspect is an unannounced inspection (暗访) by people of several departments.
// Its targets do not know of it until it is recorded.
func (s *Story) inspect(ctx context.Context) error {
	targets := s.filed()
	i := &rectificationv1.Inspection{
		Unit: cast.Name(s.top), Campaign: campaign, Title: "纪律整饬专项暗访（演示）", Plan: "不发通知、不打招呼、直奔现场。",
		Team: []string{stage.Member(s.top, "supervisor1"), stage.Member(s.top+"-D02", "chief"), stage.Member(s.top+"-D05", "chief")},
	}
	for _, l := range targets {
		i.Targets = append(i.Targets, cast.Name(l.unit))
	}
	supervisor := s.By(s.top, "supervisor1")
	if err := supervisor.Post(ctx, "/v1/inspections", i, i); err != nil {
		return err
	}
	err := s.By(targets[0].unit, "head").Get(ctx, "/v1/"+i.GetName(), &rectificationv1.Inspection{})
	if err := stage.Refused("a target reads of an unannounced inspection", err, http.StatusNotFound, ""); err != nil {
		return err
	}
	for n, l := range targets {
		if err := s.visit(ctx, i, l, findings[n%len(findings)]); err != nil {
			return err
		}
		s.Advance(1 / float64(len(targets)))
	}
	end := &rectificationv1.ConcludeInspectionRequest{Name: i.GetName(), Conclusion: fmt.Sprintf("暗访%d个单位，发现的问题已列入各单位台账（演示）。", len(targets))}
	return supervisor.Do(ctx, "conclude", end, i)
}

// filed draws up to five schools whose ledgers are acknowledged.
func (s *Story) filed() []*ledger {
	list := s.those(func(l *ledger) bool { return !l.never && s.Unit(l.unit).Kind == "SCHOOL" })
	s.Random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(5, len(list))]
}

// limit is by when the inspectors want what they found rectified.
const limit = "2026-06-30"

// visit records what was found in a unit, which plans against it and files a
// supplementary version of its ledger.
func (s *Story) visit(ctx context.Context, i *rectificationv1.Inspection, l *ledger, f cast.Problem) error {
	record := &rectificationv1.RecordInspectionRequest{
		Name: i.GetName(), Target: cast.Name(l.unit), Summary: "随机查看岗位和窗口（演示）。",
		Findings: []*rectificationv1.Finding{{
			Category: f.Category, Item: f.Item, Description: f.Description, Deadline: limit,
			Level: rectificationv1.Problem_Level(rectificationv1.Problem_Level_value["LEVEL_"+f.Level]),
		}},
	}
	if err := s.By(s.top, "supervisor1").Do(ctx, "record", record, i); err != nil {
		return err
	}
	at := slices.IndexFunc(i.GetVisits(), func(v *rectificationv1.Visit) bool { return v.GetTarget() == cast.Name(l.unit) })
	if at < 0 || len(i.GetVisits()[at].GetProblems()) != 1 {
		return fmt.Errorf("the visit to %s entered no problem", l.unit)
	}
	m := &matter{Problem: f, unit: l.unit, ledger: l.GetName(), name: i.GetVisits()[at].GetProblems()[0], source: "INSPECTION", finder: s.top, deadline: limit, accepted: true}
	m.script = []act{{rounds[2], (*Story).start}, {before(m.deadline), (*Story).solve}}
	s.matters = append(s.matters, m)
	return s.follow(ctx, l, m)
}

// follow has a unit plan against what others found, and file it.
func (s *Story) follow(ctx context.Context, l *ledger, m *matter) error {
	if err := s.planMatter(ctx, m); err != nil {
		return err
	}
	return s.supplement(ctx, l)
}
