package rectification

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// MaxProgress is how many entries on progress a problem takes.
const MaxProgress = 200

// daysToRectify is how many days after it was entered a problem that others found is
// to be rectified, if they say nothing else.
const daysToRectify = 30

// ProblemMove is something that happens to a problem.
type ProblemMove string

// The moves of a problem.
const (
	Editing    ProblemMove = "edit / 修改"
	Attaching  ProblemMove = "attach / 添加附件"
	Planning   ProblemMove = "plan / 制定措施"
	Starting   ProblemMove = "start / 开始整改"
	Progress   ProblemMove = "progress / 填写进展"
	Submitting ProblemMove = "submit / 申请销号"
	Verifying  ProblemMove = "verify / 核查"
	Closing    ProblemMove = "close / 销号"
	Returning  ProblemMove = "return / 退回"
	Reopening  ProblemMove = "reopen / 重新整改"
	Cancelling ProblemMove = "cancel / 取消"
	Extending  ProblemMove = "extend / 申请延期"
	Granting   ProblemMove = "approve_extension / 同意延期"
	Refusing   ProblemMove = "refuse_extension / 不同意延期"
)

// The states, by short names for the table.
const (
	identified = rectificationv1.Problem_STATE_IDENTIFIED
	planned    = rectificationv1.Problem_STATE_PLANNED
	rectifying = rectificationv1.Problem_STATE_RECTIFYING
	submitted  = rectificationv1.Problem_STATE_SUBMITTED
	verified   = rectificationv1.Problem_STATE_VERIFIED
	closed     = rectificationv1.Problem_STATE_CLOSED
	returned   = rectificationv1.Problem_STATE_RETURNED
	reopened   = rectificationv1.Problem_STATE_REOPENED
	cancelled  = rectificationv1.Problem_STATE_CANCELLED
)

// ProblemLife says which moves are allowed from which state. While a problem is
// submitted or verified its content stands still.
var ProblemLife = lifecycle.Table[rectificationv1.Problem_State, ProblemMove]{
	identified: {Editing: identified, Attaching: identified, Planning: planned, Cancelling: cancelled},
	planned: {
		Editing: planned, Attaching: planned, Planning: planned, Starting: rectifying, Cancelling: cancelled,
		Extending: planned, Granting: planned, Refusing: planned,
	},
	rectifying: {
		Editing: rectifying, Attaching: rectifying, Progress: rectifying, Submitting: submitted, Cancelling: cancelled,
		Extending: rectifying, Granting: rectifying, Refusing: rectifying,
	},
	submitted: {
		Verifying: verified, Returning: returned, Cancelling: cancelled, Granting: submitted, Refusing: submitted,
	},
	verified: {
		Closing: closed, Returning: returned, Cancelling: cancelled, Granting: verified, Refusing: verified,
	},
	returned: {
		Editing: returned, Attaching: returned, Starting: rectifying, Cancelling: cancelled,
		Extending: returned, Granting: returned, Refusing: returned,
	},
	closed: {Reopening: reopened},
	reopened: {
		Editing: reopened, Attaching: reopened, Starting: rectifying, Cancelling: cancelled,
		Extending: reopened, Granting: reopened, Refusing: reopened,
	},
}

// moveProblem returns a copy of p after the move.
func moveProblem(p *rectificationv1.Problem, m ProblemMove) (*rectificationv1.Problem, error) {
	return lifecycle.Move(ProblemLife, p, m, ErrProblemIllegalMove)
}

// Finder says who enters a problem; the zero value is the unit whose ledger it is.
type Finder struct {
	Member string // who of the unit enters it; empty: others do
	Others bool   // a superior, an inspection or a complaint: it counts at once
	Bureau string // 发现单位: units/{unit}, which decides on it, or those above; empty: any superior does
}

// room is how many problems a ledger takes of the finder: what others found is entered
// however much a unit found itself.
func (f Finder) room() int32 {
	if f.Others {
		return MaxProblems + MaxProblemsOfOthers
	}
	return MaxProblems
}

// Enter returns the problem that found asks for, as the next of the ledger, and
// the ledger after it. If others than the unit enter it, that
// sets a deadline (整改时限) for it: else a unit that plans nothing would never be late.
func Enter(l *rectificationv1.Ledger, found *rectificationv1.Problem, by Finder, now time.Time) (*rectificationv1.Ledger, *rectificationv1.Problem, error) {
	if l.GetCampaignCloseDate() != "" && ownFinding(found.GetSource()) {
		return nil, nil, over(l, "problem.source", "活动已结束，不再登记自查问题", "is found by the unit itself, after the end")
	}
	if l.GetProblemCount() >= by.room() {
		return nil, nil, ErrLedgerFull.With("limit", strconv.Itoa(int(by.room())))
	}
	l, err := Change(l)
	if err != nil {
		return nil, nil, err
	}
	l.ProblemCount++
	p := &rectificationv1.Problem{
		Name: l.GetName() + "/problems/" + four(l.GetProblemCount()), Unit: l.GetUnit(), Campaign: l.GetCampaign(),
		Number: l.GetProblemCount(), Category: found.GetCategory(), Item: found.GetItem(),
		Level: found.GetLevel(), Source: found.GetSource(), Description: found.GetDescription(),
		Cause: found.GetCause(), Measures: found.GetMeasures(), Deadline: found.GetDeadline(),
		LeaderResponsible: found.GetLeaderResponsible(), PersonResponsible: found.GetPersonResponsible(),
		Inspection: found.GetInspection(), FoundBy: by.Bureau, EnteredBy: by.Member, State: identified, Accepted: by.Others,
	}
	if by.Others {
		p.Deadline = cmp.Or(p.GetDeadline(), calendar.On(now.AddDate(0, 0, daysToRectify)).String())
		p.AcceptedContent = entered(p)
	}
	return l, p, described(l, p)
}

// described says whether a problem says what it is, in the terms of its campaign.
func described(l *rectificationv1.Ledger, p *rectificationv1.Problem) error {
	switch {
	case p.GetDescription() == "":
		return ErrProblemDescriptionEmpty.At("problem.description", "不能为空", "is needed")
	case p.GetLevel() == rectificationv1.Problem_LEVEL_UNSPECIFIED:
		return ErrProblemDescriptionEmpty.At("problem.level", "不能为空", "is needed")
	}
	if len(l.GetCategories()) == 0 {
		return nil
	}
	i := slices.IndexFunc(l.GetCategories(), func(c *rectificationv1.Category) bool { return c.GetCode() == p.GetCategory() })
	if i < 0 {
		return ErrProblemCategoryUnknown.With("category", p.GetCategory()).
			At("problem.category", "不是活动的问题类别", "is no category of the campaign")
	}
	if p.GetItem() != "" && !slices.Contains(l.GetCategories()[i].GetItems(), p.GetItem()) {
		return ErrProblemCategoryUnknown.With("category", p.GetCategory()).With("item", p.GetItem()).
			At("problem.item", "不是该类别的条目", "is no item of the category")
	}
	return nil
}

// Start returns p as worked on from now on, which who begins.
func Start(p *rectificationv1.Problem, who string) (*rectificationv1.Problem, error) {
	started, err := moveProblem(p, Starting)
	if err != nil {
		return nil, err
	}
	return underway(p, started, who)
}

// AddProgress returns p with one more entry.
func AddProgress(p *rectificationv1.Problem, text string, percent int32, author string, now time.Time) (*rectificationv1.Problem, error) {
	before := p
	p, err := moveProblem(p, Progress)
	if err != nil {
		return nil, err
	}
	if len(p.GetProgress()) >= MaxProgress {
		return nil, ErrProblemProgressFull.With("limit", strconv.Itoa(MaxProgress))
	}
	p.Progress = append(p.Progress, &rectificationv1.Progress{
		Time: timestamppb.New(now), Text: text, Percent: percent, Author: author,
	})
	return worked(before, p, author)
}

// Attach returns p after who added a file to it.
func Attach(p *rectificationv1.Problem, who string) (*rectificationv1.Problem, error) {
	attached, err := moveProblem(p, Attaching)
	if err != nil {
		return nil, err
	}
	return worked(p, attached, who)
}
