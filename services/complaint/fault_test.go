package complaint_test

import (
	"errors"
	"strings"
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/fault"
)

// refusals has, for every fault of the rules, something that is refused for it.
var refusals = []struct {
	fault *fault.Fault
	do    func() error
}{
	{complaint.ErrIllegalMove, func() error {
		_, err := complaint.Close(&complaintv1.Complaint{}, "units/d/members/p", now)
		return err
	}},
	{complaint.ErrNobodyHears, func() error { return routed(&complaintv1.Complaint{Type: report, Unit: "units/0"}) }},
	{complaint.ErrUnitUnknown, func() error { return routed(&complaintv1.Complaint{Type: report, Unit: "units/6"}) }},
	{complaint.ErrChannelMismatch, func() error { return taken(complaint.Intake{Machine: true}, &complaintv1.Complaint{}) }},
	{complaint.ErrPortalSealed, func() error {
		return taken(complaint.Intake{Machine: true}, &complaintv1.Complaint{Type: report, Channel: complaintv1.Complaint_CHANNEL_PORTAL})
	}},
	{complaint.ErrTakerInvolved, func() error {
		return complaint.TakeIn(&complaintv1.Complaint{AboutHead: true, Unit: "units/1"}, "units/2/members/p", line)
	}},
	{complaint.ErrNotResponsible, func() error {
		return complaint.Leads(&complaintv1.Complaint{Responsible: "units/d/members/p"}, "units/d/members/q")
	}},
	{complaint.ErrUnitWanted, func() error {
		_, err := complaint.AssignUnit(&complaintv1.Complaint{State: complaintv1.Complaint_STATE_ACCEPTED, Desk: "units/1"}, nil, world{})
		return err
	}},
	{complaint.ErrOfficerWanted, func() error {
		_, err := complaint.AssignOfficer(&complaintv1.Complaint{State: complaintv1.Complaint_STATE_ACCEPTED, Sealed: true}, "p", line)
		return err
	}},
	{complaint.ErrNotSealed, func() error { return complaint.Openable(&complaintv1.Complaint{}) }},
	{complaint.ErrNotVacant, func() error {
		w := world{parents: []int{-1}, officers: []seat{{"q", 0}}}
		_, err := complaint.TakeOver(&complaintv1.Complaint{State: complaintv1.Complaint_STATE_ACCEPTED, Desk: "units/0", Responsible: "q"}, "p", w)
		return err
	}},
	{complaint.ErrTakeOverPending, func() error {
		_, err := complaint.TakeOver(&complaintv1.Complaint{State: complaintv1.Complaint_STATE_ACCEPTED, Sealed: true, Desk: "units/0"}, "p", line)
		return err
	}},
	{complaint.ErrContentMissing, func() error {
		return complaint.Row{}.Held(&complaintv1.Complaint{Digests: &complaintv1.Digests{}}, nil)
	}},
	{complaint.ErrRectificationExists, func() error {
		_, err := complaint.OrderRectification(&complaintv1.Complaint{
			State: complaintv1.Complaint_STATE_REPLIED, Rectification: complaintv1.Complaint_RECTIFICATION_ORDERED,
		})
		return err
	}},
}

const report = complaintv1.Complaint_TYPE_REPORT

// line is three units, one beneath the other, without anybody.
var line = world{parents: []int{-1, 0, 1}}

func routed(c *complaintv1.Complaint) error { _, err := complaint.Desk(c, line); return err }

func taken(in complaint.Intake, c *complaintv1.Complaint) error {
	_, err := complaint.New("complaints/1", c, in, "units/0")
	return err
}

func TestEveryFaultOfTheContractIsMet(t *testing.T) {
	met := map[string]bool{}
	for _, r := range refusals {
		if err := r.do(); !errors.Is(err, r.fault) {
			t.Errorf("%s: got %v", r.fault.Reason, err)
		}
		met[r.fault.Reason] = true
	}
	for name, n := range complaintv1.Reason_value {
		if reason := strings.TrimPrefix(name, "REASON_"); n != 0 && !met[reason] {
			t.Errorf("nothing is refused for %s", reason)
		}
	}
}

func TestWhoIsNotInvolvedTakesASealedCaseIn(t *testing.T) {
	for who, want := range map[string]bool{"units/0/members/p": true, "units/1/members/p": false, "units/2/members/p": false, "": true, "machines/m": true} {
		if err := complaint.TakeIn(&complaintv1.Complaint{Type: report, Unit: "units/1"}, who, line); (err == nil) != want {
			t.Errorf("%q takes it in: %v", who, err)
		}
		if err := complaint.TakeIn(&complaintv1.Complaint{Unit: "units/1"}, who, line); err != nil {
			t.Errorf("%q takes an open one in: %v", who, err)
		}
	}
}
