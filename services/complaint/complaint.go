// Package complaint holds the rules of complaints (投诉举报): who hears which,
// what may become of one and by when, and what a sealed case shows. Every
// function is pure: it takes the record as it stands and returns it as it should
// be. Records are found and stored by the server beside it, and encrypted by
// package envelope.
package complaint

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// The reasons for which a rule refuses.
var (
	ErrIllegalMove         = fault.Of(complaintv1.Reason_REASON_COMPLAINT_ILLEGAL_MOVE)
	ErrNobodyHears         = fault.Of(complaintv1.Reason_REASON_COMPLAINT_DESK_MISSING)
	ErrUnitUnknown         = fault.Of(complaintv1.Reason_REASON_COMPLAINT_UNIT_UNKNOWN)
	ErrChannelMismatch     = fault.Of(complaintv1.Reason_REASON_COMPLAINT_CHANNEL_INVALID)
	ErrPortalSealed        = fault.Of(complaintv1.Reason_REASON_COMPLAINT_PORTAL_REFUSED)
	ErrTakerInvolved       = fault.Of(complaintv1.Reason_REASON_COMPLAINT_TAKER_INVOLVED)
	ErrUnitWanted          = fault.Of(complaintv1.Reason_REASON_COMPLAINT_ASSIGNED_UNIT_INVALID)
	ErrOfficerWanted       = fault.Of(complaintv1.Reason_REASON_COMPLAINT_ASSIGNED_OFFICER_INVALID)
	ErrNotSealed           = fault.Of(complaintv1.Reason_REASON_COMPLAINT_NOT_SEALED)
	ErrRectificationExists = fault.Of(complaintv1.Reason_REASON_COMPLAINT_RECTIFICATION_EXISTS)
	ErrNotVacant           = fault.Of(complaintv1.Reason_REASON_COMPLAINT_NOT_VACANT)
	ErrTakeOverPending     = fault.Of(complaintv1.Reason_REASON_COMPLAINT_TAKEOVER_PENDING)
	ErrNotResponsible      = fault.Of(complaintv1.Reason_REASON_COMPLAINT_HANDLING_DENIED)
	ErrContentMissing      = fault.Of(complaintv1.Reason_REASON_COMPLAINT_CONTENT_MISSING)
)

// Move is something that happens to a complaint.
type Move string

// The moves of a complaint. Rectifying and taking over change no state; the
// table says from which they may be done.
const (
	Accepting  Move = "accept / 受理"
	Rejecting  Move = "reject / 不予受理"
	Assigning  Move = "assign / 交办"
	Replying   Move = "reply / 答复"
	Closing    Move = "close / 办结"
	Rectifying Move = "rectify / 转整改"
	TakingOver Move = "take over / 接办"
	Forsaking  Move = "close as lost / 灭失办结"
)

// Life says which moves are allowed from which state.
var Life = lifecycle.Table[complaintv1.Complaint_State, Move]{
	complaintv1.Complaint_STATE_RECEIVED: {
		Accepting:  complaintv1.Complaint_STATE_ACCEPTED,
		Rejecting:  complaintv1.Complaint_STATE_REJECTED,
		TakingOver: complaintv1.Complaint_STATE_RECEIVED,
		Forsaking:  complaintv1.Complaint_STATE_CLOSED,
	},
	complaintv1.Complaint_STATE_ACCEPTED: {
		Assigning:  complaintv1.Complaint_STATE_INVESTIGATING,
		TakingOver: complaintv1.Complaint_STATE_ACCEPTED,
		Forsaking:  complaintv1.Complaint_STATE_CLOSED,
	},
	complaintv1.Complaint_STATE_INVESTIGATING: {
		Replying:   complaintv1.Complaint_STATE_REPLIED,
		Rectifying: complaintv1.Complaint_STATE_INVESTIGATING,
		TakingOver: complaintv1.Complaint_STATE_INVESTIGATING,
		Forsaking:  complaintv1.Complaint_STATE_CLOSED,
	},
	complaintv1.Complaint_STATE_REPLIED: {
		Closing:    complaintv1.Complaint_STATE_CLOSED,
		Rectifying: complaintv1.Complaint_STATE_REPLIED,
		TakingOver: complaintv1.Complaint_STATE_REPLIED,
		Forsaking:  complaintv1.Complaint_STATE_CLOSED,
	},
}

// move returns a copy of c in the state to which m leads.
func move(c *complaintv1.Complaint, m Move) (*complaintv1.Complaint, error) {
	return lifecycle.Move(Life, c, m, ErrIllegalMove)
}

// Intake is what is known of how a complaint comes in.
type Intake struct {
	// Unit took it in; empty if the citizen did.
	Unit string
	// Machine says that a portal brings it.
	Machine bool
	// RealName says that the complainant gave a name (实名).
	RealName bool
}

// New returns the complaint that c asks for, under name, to be heard by desk.
func New(name string, c *complaintv1.Complaint, in Intake, desk string) (*complaintv1.Complaint, error) {
	if err := in.check(c); err != nil {
		return nil, err
	}
	return &complaintv1.Complaint{
		Name: name, Type: c.GetType(), Channel: in.channel(c), Unit: c.GetUnit(), AboutHead: c.GetAboutHead(),
		Category: c.GetCategory(), Text: c.GetText(), WithholdIdentity: c.GetWithholdIdentity(),
		RealName: in.RealName, Intake: in.Unit, Desk: desk, Routing: Routing, Sealed: Sealed(c),
		State: complaintv1.Complaint_STATE_RECEIVED,
	}, nil
}

// check says whether a complaint may come in this way.
func (in Intake) check(c *complaintv1.Complaint) error {
	channels := []complaintv1.Complaint_Channel{
		complaintv1.Complaint_CHANNEL_HOTLINE, complaintv1.Complaint_CHANNEL_MAILBOX, complaintv1.Complaint_CHANNEL_VISIT,
	}
	switch {
	case in.Machine:
		channels = []complaintv1.Complaint_Channel{complaintv1.Complaint_CHANNEL_PORTAL}
	case in.Unit == "":
		channels = []complaintv1.Complaint_Channel{complaintv1.Complaint_CHANNEL_WEB}
	}
	if !slices.Contains(channels, in.channel(c)) {
		return ErrChannelMismatch.At("complaint.channel", "渠道与登记方式不符", "is not a channel by which this caller brings complaints")
	}
	if in.Machine && Sealed(c) {
		return ErrPortalSealed
	}
	return nil
}

// channel is how a complaint came; what is filed on the suite's own pages need not
// say so.
func (in Intake) channel(c *complaintv1.Complaint) complaintv1.Complaint_Channel {
	if c.GetChannel() == complaintv1.Complaint_CHANNEL_UNSPECIFIED && in.Unit == "" && !in.Machine {
		return complaintv1.Complaint_CHANNEL_WEB
	}
	return c.GetChannel()
}

// Sealed says whether a complaint exists for its desk alone (保密件): reports,
// and whatever is about a unit's head.
func Sealed(c *complaintv1.Complaint) bool {
	return c.GetType() == complaintv1.Complaint_TYPE_REPORT || c.GetAboutHead()
}

// Accept makes who accepts c responsible for it (谁受理谁负责).
func Accept(c *complaintv1.Complaint, who string, now time.Time) (*complaintv1.Complaint, error) {
	c, err := move(c, Accepting)
	if err != nil {
		return nil, err
	}
	c.Responsible, c.AcceptTime = who, timestamppb.New(now)
	return c, nil
}

// Leads says whether the person is who is responsible for c, once it was accepted:
// nobody else MUST act on it for its desk (谁受理谁负责).
func Leads(c *complaintv1.Complaint, who string) error {
	if c.GetResponsible() != "" && c.GetResponsible() != who {
		return ErrNotResponsible
	}
	return nil
}

// Reject ends c with a reason that the complainant reads (不予受理).
func Reject(c *complaintv1.Complaint, reason, who string, now time.Time) (*complaintv1.Complaint, error) {
	c, err := move(c, Rejecting)
	if err != nil {
		return nil, err
	}
	c.Rejection, c.RejectedBy, c.RejectTime = reason, who, timestamppb.New(now)
	return c, nil
}

// AssignUnit gives an open complaint to a unit (交办) at or beneath its desk, or the
// unit that this was merged into. path is the unit's path, nearest first; empty if it
// is not active.
func AssignUnit(c *complaintv1.Complaint, path []string, b Bench) (*complaintv1.Complaint, error) {
	assigned, err := move(c, Assigning)
	switch {
	case err != nil:
		return nil, err
	case c.GetSealed():
		return nil, ErrOfficerWanted.At("unit", "保密件须指定办理人", "is not for a sealed case: name an assignee")
	case !slices.Contains(path, b.Heir(c.GetDesk(), now)):
		return nil, ErrUnitWanted.At("unit", "不是受理单位或其下级的在用单位", "is neither the desk nor an active unit beneath it")
	}
	assigned.AssignedUnit = path[0]
	return assigned, nil
}

// AssignOfficer gives a sealed case, with its content, to an officer at its desk.
func AssignOfficer(c *complaintv1.Complaint, officer string, b Bench) (*complaintv1.Complaint, error) {
	assigned, err := move(c, Assigning)
	switch {
	case err != nil:
		return nil, err
	case !c.GetSealed():
		return nil, ErrUnitWanted.At("assignee", "非保密件须指定承办单位", "is for sealed cases: name a unit")
	case !Hears(b, c, officer):
		return nil, ErrOfficerWanted.At("assignee", "不是受理单位中与此事无关的信访专员", "is no officer at the desk, or has a part in the case")
	}
	assigned.Assignee = officer
	return assigned, nil
}

// Assigned notes who assigned c and when.
func Assigned(c *complaintv1.Complaint, who string, now time.Time) *complaintv1.Complaint {
	c = proto.CloneOf(c)
	c.AssignedBy, c.AssignTime = who, timestamppb.New(now)
	return c
}

// Reply answers the complainant (答复).
func Reply(c *complaintv1.Complaint, text, who string, now time.Time) (*complaintv1.Complaint, error) {
	c, err := move(c, Replying)
	if err != nil {
		return nil, err
	}
	c.Reply, c.RepliedBy, c.ReplyTime = text, who, timestamppb.New(now)
	return c, nil
}

// Close ends a complaint that was answered (办结).
func Close(c *complaintv1.Complaint, who string, now time.Time) (*complaintv1.Complaint, error) {
	c, err := move(c, Closing)
	if err != nil {
		return nil, err
	}
	c.ClosedBy, c.CloseTime = who, timestamppb.New(now)
	return c, nil
}

// OrderRectification notes that a problem was ordered (转整改). After a refusal
// it may be ordered anew.
func OrderRectification(c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
	c, err := move(c, Rectifying)
	if err != nil {
		return nil, err
	}
	switch c.GetRectification() {
	case complaintv1.Complaint_RECTIFICATION_ORDERED, complaintv1.Complaint_RECTIFICATION_ENTERED:
		return nil, ErrRectificationExists
	}
	c.Rectification, c.Refusal = complaintv1.Complaint_RECTIFICATION_ORDERED, ""
	return c, nil
}

// Outcome is what became of an order, or why it is not carried out yet.
type Outcome interface {
	GetProblem() string
	GetRefusal() string
	GetHindrance() string
}

// SettleRectification notes what became of the order: the problem, the reason
// for which it was refused, or what hinders it so far (暂缓). settled says whether
// nothing is on order any more. A repeat changes nothing.
func SettleRectification(c *complaintv1.Complaint, o Outcome) (next *complaintv1.Complaint, settled bool) {
	if c.GetRectification() != complaintv1.Complaint_RECTIFICATION_ORDERED {
		return c, true
	}
	c = proto.CloneOf(c)
	c.Hindrance = o.GetHindrance()
	switch {
	case o.GetProblem() != "":
		c.Rectification, c.Problem = complaintv1.Complaint_RECTIFICATION_ENTERED, o.GetProblem()
	case o.GetRefusal() != "":
		c.Rectification, c.Refusal = complaintv1.Complaint_RECTIFICATION_REFUSED, o.GetRefusal()
	}
	return c, c.GetRectification() != complaintv1.Complaint_RECTIFICATION_ORDERED
}
