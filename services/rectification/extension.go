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

// Extend returns p with a wish for another deadline. It may be an earlier one: a
// superior who returned the ledger may want that.
func Extend(l *rectificationv1.Ledger, p *rectificationv1.Problem, deadline, reason string, now time.Time) (*rectificationv1.Problem, error) {
	p, err := moveProblem(p, Extending)
	if err != nil {
		return nil, err
	}
	switch {
	case l.GetVersion() == 0:
		return nil, ErrProblemNotFiled
	case pending(p) != nil:
		return nil, ErrProblemExtensionPending
	case timely(deadline, now) != nil && deadline >= calendar.On(now).String():
		return nil, timely(deadline, now)
	case len(p.GetExtensions()) >= MaxExtensions:
		return nil, ErrProblemExtensionsFull.With("limit", strconv.Itoa(MaxExtensions))
	case deadline == p.GetDeadline() || deadline < calendar.On(now).String():
		return nil, ErrProblemDeadlineNotLater
	}
	p.Extensions = append(p.Extensions, &rectificationv1.Extension{
		Deadline: deadline, PreviousDeadline: p.GetDeadline(), Reason: reason,
		State: rectificationv1.Extension_STATE_ASKED, AskTime: timestamppb.New(now),
	})
	return p, nil
}

// pending is the extension of p that awaits a decision, or nil.
func pending(p *rectificationv1.Problem) *rectificationv1.Extension {
	list := p.GetExtensions()
	if len(list) == 0 || list[len(list)-1].GetState() != rectificationv1.Extension_STATE_ASKED {
		return nil
	}
	return list[len(list)-1]
}

// Grant returns p with the deadline that was asked for. The first one is kept.
func Grant(p *rectificationv1.Problem, now time.Time) (*rectificationv1.Problem, error) {
	p, x, err := decide(p, Granting, now)
	if err != nil {
		return nil, err
	}
	x.State = rectificationv1.Extension_STATE_APPROVED
	p.OriginalDeadline = cmp.Or(p.GetOriginalDeadline(), p.GetDeadline())
	p.Deadline, p.FiledVersion = x.GetDeadline(), 0
	return p, nil
}

// Refuse returns p with the deadline as it was.
func Refuse(p *rectificationv1.Problem, reason string, now time.Time) (*rectificationv1.Problem, error) {
	p, x, err := decide(p, Refusing, now)
	if err != nil {
		return nil, err
	}
	x.State, x.Refusal = rectificationv1.Extension_STATE_REFUSED, reason
	return p, nil
}

// decide returns a copy of p and in it the extension that is decided now.
func decide(p *rectificationv1.Problem, m ProblemMove, now time.Time) (*rectificationv1.Problem, *rectificationv1.Extension, error) {
	p, err := moveProblem(p, m)
	if err != nil {
		return nil, nil, err
	}
	x := pending(p)
	if x == nil {
		return nil, nil, ErrProblemExtensionNone
	}
	x.DecideTime = timestamppb.New(now)
	return p, x, nil
}
