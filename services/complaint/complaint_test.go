package complaint_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
)

var now = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)

// moves does each move in the only way that its own rule would allow.
var moves = map[complaint.Move]func(*complaintv1.Complaint) (*complaintv1.Complaint, error){
	complaint.Accepting: func(c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return complaint.Accept(c, "units/d/members/p", now)
	},
	complaint.Rejecting: func(c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return complaint.Reject(c, "不属于本系统", "units/d/members/p", now)
	},
	complaint.Assigning: func(c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return complaint.AssignUnit(c, []string{"units/s", "units/d"}, world{})
	},
	complaint.Replying: func(c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return complaint.Reply(c, "已办理", "units/d/members/p", now)
	},
	complaint.Closing: func(c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return complaint.Close(c, "units/d/members/p", now)
	},
	complaint.Forsaking: func(c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return complaint.Forsake(c, "units/d/members/p", now)
	},
	complaint.Rectifying: complaint.OrderRectification,
	complaint.TakingOver: func(c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		c = proto.CloneOf(c)
		c.Sealed, c.Unit, c.Desk, c.Responsible = true, "units/1", "units/0", "units/0/members/gone"
		return complaint.TakeOver(c, "units/0/members/a", world{parents: []int{-1, 0}, officers: []seat{{"units/0/members/a", 0}}})
	},
}

// drawn is the life as the domain draws it, apart from the table.
var drawn = map[string]map[complaint.Move]string{
	"RECEIVED":      {complaint.Accepting: "ACCEPTED", complaint.Rejecting: "REJECTED", complaint.TakingOver: "RECEIVED", complaint.Forsaking: "CLOSED"},
	"ACCEPTED":      {complaint.Assigning: "INVESTIGATING", complaint.TakingOver: "ACCEPTED", complaint.Forsaking: "CLOSED"},
	"REJECTED":      {},
	"INVESTIGATING": {complaint.Replying: "REPLIED", complaint.Rectifying: "INVESTIGATING", complaint.TakingOver: "INVESTIGATING", complaint.Forsaking: "CLOSED"},
	"REPLIED":       {complaint.Closing: "CLOSED", complaint.Rectifying: "REPLIED", complaint.TakingOver: "REPLIED", complaint.Forsaking: "CLOSED"},
	"CLOSED":        {},
}

func TestEveryMoveFromEveryState(t *testing.T) {
	lifecycletest.Tried(t, complaint.Life, moves)
	for state, n := range complaintv1.Complaint_State_value {
		if n == 0 {
			continue
		}
		short := state[len("STATE_"):]
		legal, known := drawn[short]
		if !known {
			t.Fatalf("%s is not drawn", short)
		}
		for m, do := range moves {
			c := &complaintv1.Complaint{State: complaintv1.Complaint_State(n), Desk: "units/d"}
			before := proto.CloneOf(c)
			next, err := do(c)
			if !proto.Equal(c, before) {
				t.Errorf("%s from %s changed its argument", m, short)
			}
			want, ok := legal[m]
			switch {
			case ok && (err != nil || next.GetState().String() != "STATE_"+want):
				t.Errorf("%s from %s = %v, %v; want %s", m, short, next.GetState(), err, want)
			case !ok && !errors.Is(err, complaint.ErrIllegalMove):
				t.Errorf("%s from %s = %v, want ErrIllegalMove", m, short, err)
			}
		}
	}
}

func TestWhatAMoveLeaves(t *testing.T) {
	c := &complaintv1.Complaint{State: complaintv1.Complaint_STATE_RECEIVED, Desk: "units/d"}
	do := func(m complaint.Move) {
		t.Helper()
		next, err := moves[m](c)
		if err != nil {
			t.Fatal(err)
		}
		c = next
	}
	do(complaint.Accepting)
	if c.GetResponsible() != "units/d/members/p" || !c.GetAcceptTime().AsTime().Equal(now) {
		t.Errorf("accepted: %v", c)
	}
	do(complaint.Assigning)
	if c.GetAssignedUnit() != "units/s" {
		t.Errorf("assigned: %v", c)
	}
	do(complaint.Rectifying)
	if _, err := complaint.OrderRectification(c); !errors.Is(err, complaint.ErrRectificationExists) {
		t.Errorf("ordering twice = %v, want ErrRectificationExists", err)
	}
	refused := settled(c, &complaintv1.SettleRectificationRequest{Outcome: &complaintv1.SettleRectificationRequest_Refusal{Refusal: "PROBLEM_CATEGORY_UNKNOWN"}})
	if refused.GetRectification() != complaintv1.Complaint_RECTIFICATION_REFUSED || refused.GetRefusal() != "PROBLEM_CATEGORY_UNKNOWN" {
		t.Errorf("refused: %v", refused)
	}
	again, err := complaint.OrderRectification(refused)
	if err != nil || again.GetRefusal() != "" {
		t.Errorf("ordering anew = %v, %v", again, err)
	}
	hindered, over := complaint.SettleRectification(again, &complaintv1.SettleRectificationRequest{Outcome: &complaintv1.SettleRectificationRequest_Hindrance{Hindrance: "ORDER_UNREADABLE"}})
	if over || hindered.GetRectification() != complaintv1.Complaint_RECTIFICATION_ORDERED || hindered.GetHindrance() != "ORDER_UNREADABLE" {
		t.Errorf("hindered: %v, settled %v", hindered, over)
	}
	c = settled(hindered, &complaintv1.SettleRectificationRequest{Outcome: &complaintv1.SettleRectificationRequest_Problem{Problem: "ledgers/l/problems/0001"}})
	if c.GetHindrance() != "" {
		t.Errorf("entered, and hindered: %v", c)
	}
	if _, err := complaint.OrderRectification(c); !errors.Is(err, complaint.ErrRectificationExists) {
		t.Errorf("ordering what was entered = %v, want ErrRectificationExists", err)
	}
	if late := settled(c, &complaintv1.SettleRectificationRequest{Outcome: &complaintv1.SettleRectificationRequest_Refusal{Refusal: "LATE"}}); late.GetProblem() != "ledgers/l/problems/0001" || late.GetRefusal() != "" {
		t.Errorf("a repeat changed the outcome: %v", late)
	}
	do(complaint.Replying)
	do(complaint.Closing)
	if c.GetReply() != "已办理" || c.GetReplyTime() == nil || !c.GetCloseTime().AsTime().Equal(now) {
		t.Errorf("closed: %v", c)
	}
}

func settled(c *complaintv1.Complaint, o complaint.Outcome) *complaintv1.Complaint {
	c, _ = complaint.SettleRectification(c, o)
	return c
}

func TestWhoBringsWhat(t *testing.T) {
	const hotline, web, portal = complaintv1.Complaint_CHANNEL_HOTLINE, complaintv1.Complaint_CHANNEL_WEB, complaintv1.Complaint_CHANNEL_PORTAL
	taker, machine, citizen := complaint.Intake{Unit: "units/d"}, complaint.Intake{Unit: "units/d", Machine: true}, complaint.Intake{}
	help, report := complaintv1.Complaint_TYPE_HELP, complaintv1.Complaint_TYPE_REPORT
	for _, x := range []struct {
		name string
		in   complaint.Intake
		c    *complaintv1.Complaint
		want error
	}{
		{"a hotline's report", taker, &complaintv1.Complaint{Channel: hotline, Type: report}, nil},
		{"a clerk on the web", taker, &complaintv1.Complaint{Channel: web, Type: help}, complaint.ErrChannelMismatch},
		{"a clerk as portal", taker, &complaintv1.Complaint{Channel: portal, Type: help}, complaint.ErrChannelMismatch},
		{"a portal", machine, &complaintv1.Complaint{Channel: portal, Type: help}, nil},
		{"a portal as hotline", machine, &complaintv1.Complaint{Channel: hotline, Type: help}, complaint.ErrChannelMismatch},
		{"a portal's report", machine, &complaintv1.Complaint{Channel: portal, Type: report}, complaint.ErrPortalSealed},
		{"a portal about a head", machine, &complaintv1.Complaint{Channel: portal, Type: help, AboutHead: true}, complaint.ErrPortalSealed},
		{"a citizen's report", citizen, &complaintv1.Complaint{Channel: web, Type: report}, nil},
		{"a citizen who names no channel", citizen, &complaintv1.Complaint{Type: help}, nil},
		{"a clerk who names no channel", taker, &complaintv1.Complaint{Type: help}, complaint.ErrChannelMismatch},
		{"a portal that names no channel", machine, &complaintv1.Complaint{Type: help}, complaint.ErrChannelMismatch},
		{"a citizen as hotline", citizen, &complaintv1.Complaint{Channel: hotline, Type: help}, complaint.ErrChannelMismatch},
	} {
		c, err := complaint.New("complaints/1", x.c, x.in, "units/d")
		if !errors.Is(err, x.want) || (err == nil) != (x.want == nil) {
			t.Errorf("%s = %v, want %v", x.name, err, x.want)
		}
		if err == nil && (c.GetChannel() == 0 || x.c.GetChannel() != 0 && c.GetChannel() != x.c.GetChannel()) {
			t.Errorf("%s came by %v", x.name, c.GetChannel())
		}
		if err == nil && c.GetSealed() != (x.c.GetType() == report || x.c.GetAboutHead()) {
			t.Errorf("%s: sealed = %v", x.name, c.GetSealed())
		}
	}
}

func TestAssigningMeetsTheCase(t *testing.T) {
	b := world{parents: []int{-1, 0, 1}, officers: []seat{{"units/0/members/a", 0}, {"units/1/members/b", 0}}}
	open := &complaintv1.Complaint{State: complaintv1.Complaint_STATE_ACCEPTED, Desk: "units/0", Unit: "units/1"}
	sealed := proto.CloneOf(open)
	sealed.Sealed = true
	wanted := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s = %v, want %v", what, err, want)
		}
	}
	unit := func(c *complaintv1.Complaint, path ...string) error {
		_, err := complaint.AssignUnit(c, path, b)
		return err
	}
	officer := func(c *complaintv1.Complaint, who string) error {
		_, err := complaint.AssignOfficer(c, who, b)
		return err
	}
	wanted("an open case to the desk", unit(open, "units/0"), nil)
	merged := proto.CloneOf(open)
	merged.Desk = "units/2"
	b.merged = []int{2}
	wanted("an open case beneath the heir of its desk", unit(merged, "units/1", "units/0"), nil)
	wanted("an open case above the heir of its desk", unit(merged, "units/0"), complaint.ErrUnitWanted)
	wanted("an open case beside the desk", unit(open, "units/9"), complaint.ErrUnitWanted)
	wanted("an open case to an archived unit", unit(open), complaint.ErrUnitWanted)
	wanted("an open case to a person", officer(open, "units/0/members/a"), complaint.ErrUnitWanted)
	wanted("a sealed case to a unit", unit(sealed, "units/1", "units/0"), complaint.ErrOfficerWanted)
	wanted("a sealed case to an officer", officer(sealed, "units/0/members/a"), nil)
	wanted("a sealed case to an officer from the accused", officer(sealed, "units/1/members/b"), complaint.ErrOfficerWanted)
	wanted("a sealed case to nobody's officer", officer(sealed, "units/0/members/x"), complaint.ErrOfficerWanted)
}
