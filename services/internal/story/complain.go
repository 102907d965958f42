package story

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/rest"
	"github.com/duban-project/duban/services/internal/story/stage"
)

const portal = "machines/portal"

// complain brings in what citizens have to say: by phone, letter and visit
// through the city's officer, by a portal, and on the suite's own pages.
func (s *Story) complain(ctx context.Context) error {
	if err := s.setup.Machine(ctx, portal, "演示市民服务平台", s.top, "portal"); err != nil {
		return err
	}
	return stage.Each(ctx, s.Stage, s.City.Complaints, func(ctx context.Context, c cast.Complaint) error {
		if c.Channel == "PORTAL" && c.Type == "REPORT" {
			_, err := s.bring(ctx, c)
			if err := stage.Refused("a portal brings a report", err, http.StatusBadRequest, "COMPLAINT_PORTAL_REFUSED"); err != nil {
				return err
			}
			c.Channel = "WEB" // the citizen turns to the suite's own page
		}
		name, err := s.bring(ctx, c)
		if err != nil {
			return err
		}
		if sealed(c) {
			return s.mustNotKnow(ctx, c, name)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.done.add(c.Unit, "", "complaints_received", 1)
		return nil
	})
}

// sealed says whether a case exists for its desk alone.
func sealed(c cast.Complaint) bool { return c.Type == "REPORT" || c.AboutHead }

// bring files a complaint by its channel, and follows it by its receipt. It
// returns its name, if the channel shows one.
func (s *Story) bring(ctx context.Context, c cast.Complaint) (name string, err error) {
	said := &complaintv1.Complaint{
		Unit: cast.Name(c.Unit), Category: c.Category, Text: c.Text, AboutHead: c.AboutHead,
		Type:    complaintv1.Complaint_Type(complaintv1.Complaint_Type_value["TYPE_"+c.Type]),
		Channel: complaintv1.Complaint_Channel(complaintv1.Complaint_Channel_value["CHANNEL_"+c.Channel]),
	}
	var who *complaintv1.Complainant
	if c.RealName {
		who = &complaintv1.Complainant{Name: "示例群众", Contact: "演示电话"}
	}
	var receipt string
	if c.Channel == "WEB" {
		answer := &complaintv1.SubmitComplaintResponse{}
		err = s.Client.As("").Post(ctx, "/v1/complaints:submit", &complaintv1.SubmitComplaintRequest{Complaint: said, Complainant: who}, answer)
		receipt = answer.GetReceipt()
	} else {
		taker := s.By(s.top, "complaint")
		if c.Channel == "PORTAL" {
			taker = s.As(portal)
		}
		answer := &complaintv1.CreateComplaintResponse{}
		err = taker.Post(ctx, "/v1/complaints", &complaintv1.CreateComplaintRequest{Complaint: said, Complainant: who, Intake: cast.Name(s.top)}, answer)
		name, receipt = answer.GetComplaint().GetName(), answer.GetReceipt()
	}
	if err != nil {
		return "", err
	}
	return name, s.lookUp(ctx, receipt, complaintv1.Complaint_STATE_RECEIVED)
}

func (s *Story) lookUp(ctx context.Context, receipt string, state complaintv1.Complaint_State) error {
	answer := &complaintv1.LookupReceiptResponse{}
	if err := s.Client.As("").Post(ctx, "/v1/receipts:lookup", &complaintv1.LookupReceiptRequest{Receipt: receipt}, answer); err != nil {
		return err
	}
	return stage.Same("what the receipt shows", answer.GetState(), state)
}

// mustNotKnow looks whether a sealed case exists for those it is about.
func (s *Story) mustNotKnow(ctx context.Context, c cast.Complaint, name string) error {
	if name == "" || !s.Works(c.Unit) {
		return nil
	}
	for _, person := range []string{"head", "clerk"} {
		err := s.By(c.Unit, person).Get(ctx, "/v1/"+name, &complaintv1.Complaint{})
		if err := stage.Refused(person+" of "+c.Unit+" reads the report on them", err, http.StatusNotFound, ""); err != nil {
			return err
		}
	}
	return nil
}

// hear has every desk accept what has come to it; who accepts is responsible.
// Open cases are assigned, answered and closed, and one becomes a problem in the
// ledger of the unit concerned.
func (s *Story) hear(ctx context.Context) error {
	var open []*complaintv1.Complaint
	for _, desk := range s.desks() {
		clerk := s.desk(desk.Code)
		list := &complaintv1.ListComplaintsResponse{}
		if err := clerk.Get(ctx, stage.Query("/v1/complaints", "desk", desk.Name(), "pageSize", "1000"), list); err != nil {
			return err
		}
		for _, c := range list.GetComplaints() {
			if err := s.accept(ctx, clerk, c); err != nil {
				return err
			}
			if !c.GetSealed() {
				open = append(open, c)
			}
		}
	}
	if err := stage.Same("open complaints heard", int64(len(open)), s.heard("complaints_received")); err != nil {
		return err
	}
	if err := s.orderOne(ctx, open); err != nil {
		return err
	}
	return stage.Each(ctx, s.Stage, open, s.answer)
}

func (s *Story) heard(metric string) (n int64) {
	for at, v := range s.done.cells {
		if at.metric == metric {
			n += v
		}
	}
	return n
}

// desks are the units that may have a complaint to hear.
func (s *Story) desks() (list []cast.Unit) {
	for _, u := range s.Working("PROVINCE", "CITY", "DISTRICT", "AFFILIATE", "SCHOOL") {
		if u.Kind != "SCHOOL" || slices.ContainsFunc(s.City.Complaints, func(c cast.Complaint) bool { return c.Unit == u.Code }) {
			list = append(list, u)
		}
	}
	return list
}

// desk returns who hears complaints at a unit.
func (s *Story) desk(unit string) rest.Caller {
	if officer := s.By(unit, "complaint"); officer.Key() != "" {
		return officer
	}
	return s.By(unit, "clerk")
}

func (s *Story) accept(ctx context.Context, clerk rest.Caller, c *complaintv1.Complaint) error {
	if c.GetSealed() {
		opening := &complaintv1.OpenComplaintRequest{Name: c.GetName(), Purpose: complaintv1.Opening_PURPOSE_DECISION}
		seen := &complaintv1.OpenComplaintResponse{}
		if err := clerk.Do(ctx, "open", opening, seen); err != nil {
			return err
		}
		if seen.GetComplaint().GetText() == "" || c.GetText() != "" {
			return fmt.Errorf("%s: its text must show when it is opened, and only then", c.GetName())
		}
	}
	if err := clerk.Do(ctx, "accept", &complaintv1.AcceptComplaintRequest{Name: c.GetName()}, c); err != nil {
		return err
	}
	if !c.GetSealed() {
		s.done.add(cast.Code(c.GetUnit()), "", "complaints_accepted", 1)
		assign := &complaintv1.AssignComplaintRequest{Name: c.GetName(), To: &complaintv1.AssignComplaintRequest_Unit{Unit: c.GetDesk()}}
		return clerk.Do(ctx, "assign", assign, c)
	}
	return nil
}

func (s *Story) answer(ctx context.Context, c *complaintv1.Complaint) error {
	clerk := s.desk(cast.Code(c.GetDesk()))
	if err := clerk.Do(ctx, "reply", &complaintv1.ReplyComplaintRequest{Name: c.GetName(), Text: "您反映的事项已经核实，处理情况如下（演示答复）。"}, c); err != nil {
		return err
	}
	if err := clerk.Do(ctx, "close", &complaintv1.CloseComplaintRequest{Name: c.GetName()}, c); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done.add(cast.Code(c.GetUnit()), "", "complaints_replied", 1)
	s.done.add(cast.Code(c.GetUnit()), "", "complaints_closed", 1)
	return nil
}

// orderOne makes of the first ordinary complaint about a school that has filed
// its ledger a problem there, without who complained.
func (s *Story) orderOne(ctx context.Context, open []*complaintv1.Complaint) error {
	for _, c := range open {
		at := slices.IndexFunc(s.ledgers, func(l *ledger) bool { return cast.Name(l.unit) == c.GetUnit() && !l.never })
		if c.GetType() == complaintv1.Complaint_TYPE_COMPLAINT && at >= 0 {
			return s.order(ctx, c, s.ledgers[at])
		}
	}
	return fmt.Errorf("no complaint to make a problem of")
}

func (s *Story) order(ctx context.Context, c *complaintv1.Complaint, l *ledger) error {
	m := &matter{unit: l.unit, ledger: l.GetName(), source: "COMPLAINT", deadline: "2026-07-31", accepted: true, Problem: cast.Problem{
		Category: "SHIRK", Item: "SHIRK-1", Cause: "没有人负责收集和答复意见。", Measures: "公布答复人和时限，每周核对一次。",
	}}
	clerk := s.desk(cast.Code(c.GetDesk()))
	err := clerk.Do(ctx, "rectify", &complaintv1.RectifyComplaintRequest{
		Name: c.GetName(), Campaign: campaign, Category: m.Category, Item: m.Item,
		Level: rectificationv1.Problem_LEVEL_UNIT, Description: "有关" + c.GetCategory() + "的意见反映后没有得到答复。", Deadline: m.deadline,
	}, c)
	if err != nil {
		return err
	}
	if m.name, err = s.entered(ctx, clerk, c); err != nil {
		return err
	}
	p := &rectificationv1.Problem{}
	if err := s.By(l.unit, "clerk").Get(ctx, "/v1/"+m.name, p); err != nil {
		return err
	}
	if strings.Contains(p.String(), "示例群众") || p.GetSource() != rectificationv1.Problem_SOURCE_COMPLAINT {
		return fmt.Errorf("%s tells who complained, or not that somebody did", m.name)
	}
	m.script = []act{{"2026-06-12", (*Story).start}, {before(m.deadline), (*Story).solve}}
	s.matters = append(s.matters, m)
	return s.follow(ctx, l, m)
}

// entered waits until the ordered problem stands in the ledger.
func (s *Story) entered(ctx context.Context, clerk rest.Caller, c *complaintv1.Complaint) (string, error) {
	err := stage.Await(ctx, func() (still, err error) {
		err = clerk.Get(ctx, "/v1/"+c.GetName(), c)
		return stage.Same("the problem ordered by "+c.GetName(), c.GetRectification(), complaintv1.Complaint_RECTIFICATION_ENTERED), err
	})
	return c.GetProblem(), err
}
