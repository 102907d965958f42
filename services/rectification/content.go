package rectification

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Fields are those that UpdateProblem may change.
var Fields = []string{
	"category", "item", "level", "description", "cause", "measures", "deadline",
	"leader_responsible", "person_responsible",
}

// SameContent says whether two states of a problem would be signed alike.
func SameContent(a, b *rectificationv1.Problem) bool {
	return slices.Equal(content(a), content(b))
}

// Edit returns p with the content of wanted, which differs from p in Fields
// alone, as who changes it.
func Edit(l *rectificationv1.Ledger, p, wanted *rectificationv1.Problem, who string, now time.Time) (*rectificationv1.Problem, error) {
	if _, err := moveProblem(p, Editing); err != nil {
		return nil, err
	}
	if err := editable(l, p, wanted, now); err != nil {
		return nil, err
	}
	if p.GetState() != identified {
		if err := complete(wanted); err != nil {
			return nil, err
		}
	}
	wanted = unfiled(p, wanted)
	if p.GetAccepted() && reworded(p, wanted) != "" {
		wanted.AcceptedContent = acceptedOf(p)
	}
	if p.GetState() == rectifying {
		wanted.Leaders = with(wanted.GetLeaders(), p.GetLeaderResponsible()) // an older build kept none
		return underway(p, wanted, who)
	}
	return worked(p, wanted, who)
}

// Plan returns p with the plan's cause, measures, deadline and who is
// responsible, as who plans it; what the plan leaves empty stays as it is.
func Plan(l *rectificationv1.Ledger, p, plan *rectificationv1.Problem, who string, now time.Time) (*rectificationv1.Problem, error) {
	wanted, err := moveProblem(p, Planning)
	if err != nil {
		return nil, err
	}
	wanted.Cause = cmp.Or(plan.GetCause(), p.GetCause())
	wanted.Measures = cmp.Or(plan.GetMeasures(), p.GetMeasures())
	wanted.Deadline = cmp.Or(plan.GetDeadline(), p.GetDeadline())
	wanted.LeaderResponsible = cmp.Or(plan.GetLeaderResponsible(), p.GetLeaderResponsible())
	wanted.PersonResponsible = cmp.Or(plan.GetPersonResponsible(), p.GetPersonResponsible())
	if err := editable(l, p, wanted, now); err != nil {
		return nil, err
	}
	if err := complete(wanted); err != nil {
		return nil, err
	}
	return worked(p, unfiled(p, wanted), who)
}

// unfiled returns wanted as awaiting a version, if its content is not p's.
func unfiled(p, wanted *rectificationv1.Problem) *rectificationv1.Problem {
	wanted = proto.CloneOf(wanted)
	if !SameContent(p, wanted) {
		wanted.FiledVersion = 0
	}
	return wanted
}

// editable says whether the unit may make wanted of p now.
func editable(l *rectificationv1.Ledger, p, wanted *rectificationv1.Problem, now time.Time) error {
	changed := reworded(p, wanted)
	switch {
	case !ownFinding(p.GetSource()) && changed != "":
		return ErrProblemFindingFixed.At("problem."+changed, "由登记方填写，不能修改", "is what others found")
	case p.GetDeadline() != wanted.GetDeadline() && fixed(l, p, now) && !tighter(p, wanted, now):
		return ErrProblemDeadlineFixed.At("problem.deadline", "不能直接推迟", "moves later only by an extension")
	default:
		return described(l, wanted)
	}
}

// reworded is the first field of the problem itself, whatever is planned against
// it, that differs, or "".
func reworded(a, b *rectificationv1.Problem) string {
	switch {
	case a.GetCategory() != b.GetCategory():
		return "category"
	case a.GetItem() != b.GetItem():
		return "item"
	case a.GetLevel() != b.GetLevel():
		return "level"
	case a.GetDescription() != b.GetDescription():
		return "description"
	default:
		return ""
	}
}

// complete says whether a plan has all that one needs.
func complete(p *rectificationv1.Problem) error {
	var zh, en []string
	lacks := ErrProblemPlanIncomplete
	for _, f := range []struct{ value, field, zh, en string }{
		{p.GetCause(), "cause", "原因剖析", "cause"}, {p.GetMeasures(), "measures", "整改措施", "measures"},
		{p.GetDeadline(), "deadline", "整改时限", "deadline"},
		{p.GetLeaderResponsible(), "leader_responsible", "责任领导", "leader responsible"},
		{p.GetPersonResponsible(), "person_responsible", "责任人", "person responsible"},
	} {
		if f.value == "" {
			zh, en = append(zh, f.zh), append(en, f.en)
			lacks = lacks.At("problem."+f.field, "不能为空", "is needed")
		}
	}
	if len(en) > 0 {
		return lacks.Say("missing", strings.Join(zh, "、"), strings.Join(en, ", "))
	}
	return nil
}
