package rectification

import (
	"cmp"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// MaxExtensions is how often another deadline may be asked for.
const MaxExtensions = 20

// Wish asks for another deadline.
type Wish struct {
	Deadline, Reason string
	Asker            string // the principal
	Bureau           string // the unit that decides on it, or those above; empty: any superior
	Topmost          bool   // nobody here is above the unit, and could decide on it
	Time             time.Time
}

// Extend returns p with a wish for another deadline. It may be an earlier one: a
// superior who returned the ledger may want that.
func Extend(l *rectificationv1.Ledger, p *rectificationv1.Problem, w Wish) (*rectificationv1.Problem, error) {
	before := p
	p, err := moveProblem(p, Extending)
	if err != nil {
		return nil, err
	}
	if err := extendable(l, p, w); err != nil {
		return nil, err
	}
	p.Extensions = append(p.Extensions, &rectificationv1.Extension{
		Deadline: w.Deadline, PreviousDeadline: p.GetDeadline(), Reason: w.Reason,
		State: rectificationv1.Extension_STATE_ASKED, AskTime: timestamppb.New(w.Time), Bureau: w.Bureau,
	})
	p.ExtensionAsker = w.Asker
	return worked(before, p, w.Asker)
}

// extendable says whether the wish can be entered.
func extendable(l *rectificationv1.Ledger, p *rectificationv1.Problem, w Wish) error {
	today := calendar.On(w.Time).String()
	switch {
	case w.Topmost:
		return ErrProblemSuperiorNone.At("deadline", "没有上级可以批准", "is nobody's here to grant")
	case !fixed(l, p, w.Time):
		return ErrProblemNotFiled
	case pending(p) != nil:
		return ErrProblemExtensionPending
	case timely("deadline", w.Deadline, w.Time) != nil && w.Deadline >= today:
		return timely("deadline", w.Deadline, w.Time)
	case len(p.GetExtensions()) >= MaxExtensions:
		return ErrProblemExtensionsFull.With("limit", strconv.Itoa(MaxExtensions))
	case w.Deadline == p.GetDeadline() || w.Deadline < today:
		return ErrProblemDeadlineNotLater.At("deadline", "与现有时限相同或早于今天", "is the present one, or past")
	}
	return nil
}

// tighter says whether wanted is to be done earlier than p, which is not late yet: a
// unit may ask more of itself than others do.
func tighter(p, wanted *rectificationv1.Problem, now time.Time) bool {
	return wanted.GetDeadline() != "" && wanted.GetDeadline() < p.GetDeadline() && !overdue(p.GetDeadline(), now)
}

// fixed says whether the deadline of p moves later by extension alone: it was filed, a
// superior or a complaint set it, a superior granted it, or it has passed.
func fixed(l *rectificationv1.Ledger, p *rectificationv1.Problem, now time.Time) bool {
	others := p.GetAcceptedContent().GetDeadline() != "" || p.GetOriginalDeadline() != ""
	return p.GetDeadline() != "" && (l.GetVersion() > 0 || others || overdue(p.GetDeadline(), now))
}

// pending is the extension of p that awaits a decision, or nil.
func pending(p *rectificationv1.Problem) *rectificationv1.Extension {
	list := p.GetExtensions()
	if len(list) == 0 || list[len(list)-1].GetState() != rectificationv1.Extension_STATE_ASKED {
		return nil
	}
	return list[len(list)-1]
}

// lapsed returns p, which it changes, with nothing that awaits a decision (失效): it was
// struck off or cancelled.
func lapsed(p *rectificationv1.Problem) *rectificationv1.Problem {
	if x := pending(p); x != nil {
		x.State = rectificationv1.Extension_STATE_LAPSED
	}
	return p
}

// Grant returns p with the deadline that was asked for, if it has not passed, as who
// grants it. The first one is kept.
func Grant(p *rectificationv1.Problem, who string, now time.Time) (*rectificationv1.Problem, error) {
	p, x, err := decide(p, Granting, who, now)
	if err != nil {
		return nil, err
	}
	if overdue(x.GetDeadline(), now) {
		return nil, ErrProblemExtensionPassed.With("date", x.GetDeadline())
	}
	x.State = rectificationv1.Extension_STATE_APPROVED
	p.OriginalDeadline = cmp.Or(p.GetOriginalDeadline(), p.GetDeadline())
	p.Deadline, p.FiledVersion = x.GetDeadline(), 0
	if p.GetAccepted() {
		p.AcceptedContent = acceptedOf(p)
		p.AcceptedContent.Deadline = p.GetDeadline()
	}
	return p, nil
}

// Refuse returns p with the deadline as it was, as who refuses another.
func Refuse(p *rectificationv1.Problem, reason, who string, now time.Time) (*rectificationv1.Problem, error) {
	p, x, err := decide(p, Refusing, who, now)
	if err != nil {
		return nil, err
	}
	x.State, x.Refusal = rectificationv1.Extension_STATE_REFUSED, reason
	return p, nil
}

// decide returns a copy of p and in it the extension that who decides on now.
func decide(p *rectificationv1.Problem, m ProblemMove, who string, now time.Time) (*rectificationv1.Problem, *rectificationv1.Extension, error) {
	p, err := moveProblem(p, m)
	if err != nil {
		return nil, nil, err
	}
	x := pending(p)
	if x == nil {
		return nil, nil, ErrProblemExtensionNone
	}
	x.DecideTime = timestamppb.New(now)
	return p, x, Uninvolved(who, p)
}
