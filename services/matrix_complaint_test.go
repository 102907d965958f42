package services_test

import (
	protobuf "google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// caseRecords are complaints that the home hears.
type caseRecords struct {
	open     string
	assigned string // to a unit beneath
	heard    string // about a unit beneath
	sealed   string // likewise
	officer  string // a complaint officer at the home
	receipt  string
}

func noCases() caseRecords {
	return caseRecords{open: "complaints/none", assigned: "complaints/none", heard: "complaints/none", sealed: "complaints/none", receipt: "000000000000000000000"}
}

func (m *matrix) desk(role accessv1.Role, unit string) complaintv1.ComplaintServiceClient {
	return m.suite.Complaint(m.key(role, unit))
}

func (m *matrix) keepCases(home string) (r caseRecords) {
	if home == province {
		return noCases()
	}
	ctx, officer := m.suite.T.Context(), m.desk(accessv1.Role_ROLE_COMPLAINT_OFFICER, home)
	is := done[*complaintv1.Complaint](m)
	child := places[home]["child"]
	r.open, r.receipt = m.complain(home, home, complaintv1.Complaint_TYPE_HELP)
	r.heard, _ = m.complain(home, child, complaintv1.Complaint_TYPE_COMPLAINT)
	r.sealed, _ = m.complain(home, child, complaintv1.Complaint_TYPE_REPORT)
	r.assigned, _ = m.complain(home, home, complaintv1.Complaint_TYPE_HELP)
	is(officer.AcceptComplaint(ctx, &complaintv1.AcceptComplaintRequest{Name: r.assigned}))
	is(officer.AssignComplaint(ctx, &complaintv1.AssignComplaintRequest{Name: r.assigned, To: &complaintv1.AssignComplaintRequest_Unit{Unit: child}}))
	r.officer = m.held[post{role: accessv1.Role_ROLE_COMPLAINT_OFFICER, unit: home}].person
	return r
}

func (m *matrix) complain(intake, about string, kind complaintv1.Complaint_Type) (name, receipt string) {
	clerk := m.desk(accessv1.Role_ROLE_CLERK, intake)
	taken := done[*complaintv1.CreateComplaintResponse](m)(clerk.CreateComplaint(m.suite.T.Context(), &complaintv1.CreateComplaintRequest{
		Intake: intake, Complaint: complaining(about, kind, complaintv1.Complaint_CHANNEL_HOTLINE),
	}))
	return taken.GetComplaint().GetName(), taken.GetReceipt()
}

func complaining(about string, kind complaintv1.Complaint_Type, channel complaintv1.Complaint_Channel) *complaintv1.Complaint {
	return &complaintv1.Complaint{Type: kind, Channel: channel, Unit: about, Text: "食堂饭菜不热"}
}

// sealed: "To all but the officers at their desk they do not exist." Not even an
// officer above the desk, or of the unit whose department it is, knows of one.
var sealed = []exception{{"a sealed case exists for the officers at exactly its desk", func(c caller, home string) bool {
	return c.role != accessv1.Role_ROLE_COMPLAINT_OFFICER || c.unit != home || c.reach != "" || c.from != home
}, hidden}}

// accused: to those of the unit that a complaint is about, which another hears, it is as
// if they had no say there.
var accused = []exception{{"nobody hears of a complaint about their own unit", lent, hidden}}

// lent says whether the caller is of what lies beneath the home, on which their grant is.
func lent(c caller, home string) bool {
	return c.unit == home && c.from != home && within(c.from, home)
}

// waiting: a sealed case whose desk was merged away is known to the officers at the
// heir, who take it over before all else.
var waiting = []exception{{"a sealed case is taken over first", func(c caller, home string) bool {
	return c.role == accessv1.Role_ROLE_COMPLAINT_OFFICER && at(c, home) && c.reach == ""
}, denied}}

// inherited are the cases as the officers of their desk's heir read and take them
// over.
func inherited(handled []fixture) []fixture {
	for i := range handled {
		handled[i].merged = nil
	}
	return handled
}

// led are the cases as who is responsible acts on them: of one that the officer of
// the home accepted, nobody else there does, nor at the heir that it was merged into.
func led(handled []fixture) []fixture {
	one := &handled[1]
	one.except = append([]exception{{"who accepted it is responsible", func(c caller, home string) bool {
		sees := within(home, c.unit) && (c.reach == "" || within(home, c.reach))
		return sees && (c.role != accessv1.Role_ROLE_COMPLAINT_OFFICER || c.unit != home || c.from != home)
	}, denied}}, one.except...)
	one.merged = []exception{{"who accepted it is responsible until it is taken over", at, denied}}
	return handled
}

// assignee: the unit that an open complaint is assigned to reads and answers it,
// and sees what else its desk may do.
var (
	assignee = []exception{{"the unit that it is assigned to reads and answers it", beneath, granted}}
	onlooker = []exception{{"the unit that it is assigned to sees it", beneath, denied}}
)

// handled are the kinds of case: an open one, one that is assigned, one about a unit
// beneath and one that is sealed.
func handled(assigned []exception, ask func(name string) protobuf.Message) []fixture {
	return []fixture{
		{note: "open", ask: func(r records) protobuf.Message { return ask(r.cases.open) }},
		{note: "assigned", homes: []string{bureau}, except: assigned, ask: func(r records) protobuf.Message { return ask(r.cases.assigned) }},
		{note: "about a unit beneath", homes: []string{bureau, office}, except: accused, ask: func(r records) protobuf.Message { return ask(r.cases.heard) }},
		{note: "sealed", homes: []string{bureau, office}, except: sealed, merged: waiting, ask: func(r records) protobuf.Message { return ask(r.cases.sealed) }},
	}
}

func complaintFixtures() map[string][]fixture {
	all := map[string][]fixture{
		"AcceptComplaint": handled(onlooker, func(name string) protobuf.Message {
			return &complaintv1.AcceptComplaintRequest{Name: name, ValidateOnly: true}
		}),
		"RejectComplaint": handled(onlooker, func(name string) protobuf.Message {
			return &complaintv1.RejectComplaintRequest{Name: name, Reason: "重复", ValidateOnly: true}
		}),
		"ReplyComplaint": led(handled(assignee, func(name string) protobuf.Message {
			return &complaintv1.ReplyComplaintRequest{Name: name, Text: "已处理", ValidateOnly: true}
		})),
		"CloseComplaint": led(handled(onlooker, func(name string) protobuf.Message {
			return &complaintv1.CloseComplaintRequest{Name: name, ValidateOnly: true}
		})),
		"RectifyComplaint": led(handled(onlooker, func(name string) protobuf.Message {
			return &complaintv1.RectifyComplaintRequest{Name: name, Description: "问题", Level: rectificationv1.Problem_LEVEL_UNIT, ValidateOnly: true}
		})),
		"TakeOverComplaint": inherited(handled(onlooker, func(name string) protobuf.Message {
			return &complaintv1.TakeOverComplaintRequest{Name: name, ValidateOnly: true}
		})),
		"OpenComplaint": handled(onlooker, func(name string) protobuf.Message {
			return &complaintv1.OpenComplaintRequest{Name: name, Purpose: complaintv1.Opening_PURPOSE_DECISION, ValidateOnly: true}
		}),
		"AssignComplaint": assigning(),
		"GetComplaint":    inherited(handled(assignee, func(name string) protobuf.Message { return &complaintv1.GetComplaintRequest{Name: name} })),
		"ListComplaints":  listing(),
	}
	for name, list := range intakeFixtures() {
		all[name] = list
	}
	return all
}

// assigning are open cases, which go to units, and sealed ones, which go to
// officers.
func assigning() []fixture {
	return []fixture{
		{note: "open", ask: func(r records) protobuf.Message {
			return &complaintv1.AssignComplaintRequest{Name: r.cases.open, To: &complaintv1.AssignComplaintRequest_Unit{Unit: r.child}, ValidateOnly: true}
		}},
		{note: "sealed", homes: []string{bureau, office}, except: sealed, merged: waiting, ask: func(r records) protobuf.Message {
			return &complaintv1.AssignComplaintRequest{Name: r.cases.sealed, To: &complaintv1.AssignComplaintRequest_Assignee{Assignee: r.anyone}, ValidateOnly: true}
		}},
	}
}

func listing() []fixture {
	all := func(records) protobuf.Message { return &complaintv1.ListComplaintsRequest{PageSize: 1000} }
	desk := func(r records) protobuf.Message {
		return &complaintv1.ListComplaintsRequest{PageSize: 1000, Desk: r.unit}
	}
	shows := func(r records) string { return r.cases.sealed }
	return []fixture{
		{note: "open", sifts: true, shows: func(r records) string { return r.cases.open }, ask: all},
		{note: "assigned", homes: []string{bureau}, sifts: true, except: assignee, shows: func(r records) string { return r.cases.assigned }, ask: all},
		{note: "about a unit beneath", homes: []string{bureau, office}, sifts: true, except: accused, shows: func(r records) string { return r.cases.heard }, ask: all},
		{note: "sealed", homes: []string{bureau, office}, sifts: true, except: sealed, shows: shows, ask: all},
		{note: "sealed, of a desk", homes: []string{bureau, office}, sifts: true, except: sealed, shows: shows, ask: desk},
	}
}

func intakeFixtures() map[string][]fixture {
	return map[string][]fixture{
		"CreateComplaint": {asks(func(r records) protobuf.Message {
			return &complaintv1.CreateComplaintRequest{Intake: r.unit, Complaint: complaining(r.unit, complaintv1.Complaint_TYPE_HELP, r.channel), ValidateOnly: true}
		})},
		// The public may try so many a second, which the matrix outruns.
		"SubmitComplaint": {{homes: nowhere, limited: true, ask: func(records) protobuf.Message {
			return &complaintv1.SubmitComplaintRequest{
				Complaint: complaining(school, complaintv1.Complaint_TYPE_HELP, complaintv1.Complaint_CHANNEL_WEB), ValidateOnly: true,
			}
		}}},
		"LookupReceipt": {{homes: nowhere, ask: func(r records) protobuf.Message {
			return &complaintv1.LookupReceiptRequest{Receipt: r.cases.receipt}
		}}},
		"SettleRectification": {{homes: nowhere, ask: func(r records) protobuf.Message {
			return &complaintv1.SettleRectificationRequest{Name: r.cases.open, Outcome: &complaintv1.SettleRectificationRequest_Refusal{Refusal: "X"}, ValidateOnly: true}
		}}},
	}
}
