package rectification

import (
	"cmp"
	"slices"
	"strings"

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
func Edit(l *rectificationv1.Ledger, p, wanted *rectificationv1.Problem, who string) (*rectificationv1.Problem, error) {
	if _, err := moveProblem(p, Editing); err != nil {
		return nil, err
	}
	if err := editable(l, p, wanted); err != nil {
		return nil, err
	}
	if p.GetState() != identified {
		if err := complete(wanted); err != nil {
			return nil, err
		}
	}
	wanted = unfiled(p, wanted)
	if p.GetState() == rectifying {
		return worked(wanted, wanted.GetPersonResponsible(), who)
	}
	return worked(wanted, who)
}

// Plan returns p with the plan's cause, measures, deadline and who is
// responsible, as who plans it; what the plan leaves empty stays as it is.
func Plan(l *rectificationv1.Ledger, p, plan *rectificationv1.Problem, who string) (*rectificationv1.Problem, error) {
	wanted, err := moveProblem(p, Planning)
	if err != nil {
		return nil, err
	}
	wanted.Cause = cmp.Or(plan.GetCause(), p.GetCause())
	wanted.Measures = cmp.Or(plan.GetMeasures(), p.GetMeasures())
	wanted.Deadline = cmp.Or(plan.GetDeadline(), p.GetDeadline())
	wanted.LeaderResponsible = cmp.Or(plan.GetLeaderResponsible(), p.GetLeaderResponsible())
	wanted.PersonResponsible = cmp.Or(plan.GetPersonResponsible(), p.GetPersonResponsible())
	if err := editable(l, p, wanted); err != nil {
		return nil, err
	}
	if err := complete(wanted); err != nil {
		return nil, err
	}
	return worked(unfiled(p, wanted), who)
}

// unfiled returns wanted as awaiting a version, if its content is not p's.
func unfiled(p, wanted *rectificationv1.Problem) *rectificationv1.Problem {
	wanted = proto.CloneOf(wanted)
	if !SameContent(p, wanted) {
		wanted.FiledVersion = 0
	}
	return wanted
}

// editable says whether the unit may make wanted of p.
func editable(l *rectificationv1.Ledger, p, wanted *rectificationv1.Problem) error {
	switch {
	case !OwnFinding(p.GetSource()) && !sameFinding(p, wanted):
		return ErrProblemFindingFixed
	case l.GetVersion() > 0 && p.GetDeadline() != "" && p.GetDeadline() != wanted.GetDeadline():
		return ErrProblemDeadlineFixed
	default:
		return described(l, wanted)
	}
}

// sameFinding says whether the problem itself is the same, whatever is planned
// against it.
func sameFinding(a, b *rectificationv1.Problem) bool {
	return a.GetCategory() == b.GetCategory() && a.GetItem() == b.GetItem() &&
		a.GetLevel() == b.GetLevel() && a.GetDescription() == b.GetDescription()
}

// complete says whether a plan has all that one needs.
func complete(p *rectificationv1.Problem) error {
	var zh, en []string
	for _, f := range []struct{ value, zh, en string }{
		{p.GetCause(), "原因剖析", "cause"}, {p.GetMeasures(), "整改措施", "measures"}, {p.GetDeadline(), "整改时限", "deadline"},
		{p.GetLeaderResponsible(), "责任领导", "leader responsible"}, {p.GetPersonResponsible(), "责任人", "person responsible"},
	} {
		if f.value == "" {
			zh, en = append(zh, f.zh), append(en, f.en)
		}
	}
	if len(en) > 0 {
		return ErrProblemPlanIncomplete.Say("missing", strings.Join(zh, "、"), strings.Join(en, ", "))
	}
	return nil
}
