package services_test

import (
	"slices"

	protobuf "google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// ledgerRecords are the standing ledger of the home, an acknowledged version of it, its
// problems, another ledger that nobody has signed, and inspections by the home of
// a unit beneath.
type ledgerRecords struct {
	ledger, version, filed                      string
	problem, ordered                            string // found by the unit itself, and ordered from above
	file                                        string
	draft, drafted, draftFile                   string // an unsigned ledger, a problem in it, its attachment
	unannounced, announced, recorded, concluded string
}

func noLedgers() ledgerRecords {
	return ledgerRecords{
		ledger: "ledgers/none", version: "ledgers/none/versions/0001", filed: "ledgers/none/versions/0001/problems/0001",
		problem: "ledgers/none/problems/0001", ordered: "ledgers/none/problems/0002", file: "ledgers/none/problems/0001/attachments/none",
		draft: "ledgers/none", drafted: "ledgers/none/problems/0003", draftFile: "ledgers/none/problems/0003/attachments/none",
		unannounced: "inspections/none", announced: "inspections/none", recorded: "inspections/none", concluded: "inspections/none",
	}
}

func (m *matrix) ledgers(role accessv1.Role, unit string) rectificationv1.RectificationServiceClient {
	return m.suite.Rectification(m.key(role, unit))
}

func (m *matrix) keepLedgers(home, campaign string) (r ledgerRecords) {
	if home == province {
		return noLedgers()
	}
	ctx, clerk := m.suite.T.Context(), m.ledgers(accessv1.Role_ROLE_CLERK, home)
	problem := done[*rectificationv1.Problem](m)
	r.ledger = done[*rectificationv1.Ledger](m)(clerk.CreateLedger(ctx, &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: home}})).GetName()
	r.problem = problem(clerk.CreateProblem(ctx, entering(r.ledger, rectificationv1.Problem_SOURCE_SELF_CHECK))).GetName()
	problem(clerk.PlanProblem(ctx, &rectificationv1.PlanProblemRequest{
		Name: r.problem, Cause: "原因", Measures: "措施", Deadline: "2026-04-30", LeaderResponsible: m.held[post{role: accessv1.Role_ROLE_LEADER, unit: home}].person, PersonResponsible: m.held[post{role: accessv1.Role_ROLE_CLERK, unit: home}].person,
	}))
	r.version = m.file(r.ledger, home)
	r.filed = r.version + "/problems/0001"
	r.ordered = problem(m.ledgers(accessv1.Role_ROLE_SUPERVISOR, parents[home]).CreateProblem(ctx, entering(r.ledger, rectificationv1.Problem_SOURCE_SUPERIOR))).GetName()
	problem(clerk.StartProblem(ctx, &rectificationv1.StartProblemRequest{Name: r.problem}))
	r.file = done[*blobv1.Attachment](m)(clerk.CreateAttachment(ctx, attaching(r.problem))).GetName()
	m.keepDraft(&r, home, campaign)
	m.keepInspections(&r, home)
	return r
}

// keepDraft makes a ledger in a campaign, which stays as it is.
func (m *matrix) keepDraft(r *ledgerRecords, home, campaign string) {
	ctx, clerk := m.suite.T.Context(), m.ledgers(accessv1.Role_ROLE_CLERK, home)
	r.draft = done[*rectificationv1.Ledger](m)(clerk.CreateLedger(ctx, &rectificationv1.CreateLedgerRequest{
		Ledger: &rectificationv1.Ledger{Unit: home, Campaign: campaign},
	})).GetName()
	r.drafted = done[*rectificationv1.Problem](m)(clerk.CreateProblem(ctx, entering(r.draft, rectificationv1.Problem_SOURCE_SELF_CHECK))).GetName()
	r.draftFile = done[*blobv1.Attachment](m)(clerk.CreateAttachment(ctx, attaching(r.drafted))).GetName()
}

func (m *matrix) keepInspections(r *ledgerRecords, home string) {
	ctx, supervisor := m.suite.T.Context(), m.ledgers(accessv1.Role_ROLE_SUPERVISOR, home)
	r.unannounced, r.announced, r.recorded, r.concluded = m.inspect(home, false), m.inspect(home, true), m.inspect(home, false), m.inspect(home, true)
	is := done[*rectificationv1.Inspection](m)
	for _, name := range []string{r.recorded, r.concluded} {
		is(supervisor.RecordInspection(ctx, &rectificationv1.RecordInspectionRequest{Name: name, Target: places[home]["child"], Summary: "正常"}))
	}
	is(supervisor.ConcludeInspection(ctx, &rectificationv1.ConcludeInspectionRequest{Name: r.concluded, Conclusion: "正常"}))
}

// file signs and files a ledger, has it acknowledged, and returns its first version.
func (m *matrix) file(ledger, home string) string {
	ctx, head := m.suite.T.Context(), m.ledgers(accessv1.Role_ROLE_HEAD, home)
	is := done[*rectificationv1.Ledger](m)
	read := is(head.GetLedger(ctx, &rectificationv1.GetLedgerRequest{Name: ledger}))
	is(head.SignLedger(ctx, &rectificationv1.SignLedgerRequest{Name: ledger, ContentDigest: read.GetContentDigest()}))
	is(head.FileLedger(ctx, &rectificationv1.FileLedgerRequest{Name: ledger}))
	is(m.ledgers(accessv1.Role_ROLE_LEADER, parents[home]).AcknowledgeLedger(ctx, &rectificationv1.AcknowledgeLedgerRequest{Name: ledger}))
	return ledger + "/versions/0001"
}

func (m *matrix) inspect(home string, announced bool) string {
	team := m.held[post{role: accessv1.Role_ROLE_SUPERVISOR, unit: home}].person
	req := visiting(home, places[home]["child"], team)
	req.Inspection.Announced, req.ValidateOnly = announced, false
	return done[*rectificationv1.Inspection](m)(m.ledgers(accessv1.Role_ROLE_SUPERVISOR, home).CreateInspection(m.suite.T.Context(), req)).GetName()
}

// visiting tries to plan an inspection.
func visiting(unit, target, member string) *rectificationv1.CreateInspectionRequest {
	return &rectificationv1.CreateInspectionRequest{
		Inspection:   &rectificationv1.Inspection{Unit: unit, Title: "督导检查", Team: []string{member}, Targets: []string{target}},
		ValidateOnly: true,
	}
}

func entering(ledger string, source rectificationv1.Problem_Source) *rectificationv1.CreateProblemRequest {
	return &rectificationv1.CreateProblemRequest{Parent: ledger, Problem: &rectificationv1.Problem{
		Level: rectificationv1.Problem_LEVEL_UNIT, Source: source, Description: "问题",
	}}
}

// Who has a say on a problem follows from how it was found.
var (
	unitsOffice = right{accessv1.Scope_SCOPE_OWN, []accessv1.Role{accessv1.Role_ROLE_CLERK, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_HEAD}}
	unitsHeads  = right{accessv1.Scope_SCOPE_OWN, []accessv1.Role{accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_HEAD}}
	superiors   = right{accessv1.Scope_SCOPE_SUPERIOR, []accessv1.Role{accessv1.Role_ROLE_SUPERVISOR, accessv1.Role_ROLE_LEADER}}
)

func rectificationFixtures() map[string][]fixture {
	all := map[string][]fixture{}
	for _, part := range []map[string][]fixture{ledgerFixtures(), versionFixtures(), problemFixtures(), closingFixtures(), inspectionFixtures()} {
		for name, list := range part {
			all[name] = list
		}
	}
	return all
}

// draft are exceptions where a record is not public yet: for portals it is not
// there, whatever the others may.
func draft(others ...exception) []exception {
	return append([]exception{{"portals know only of what is accepted, concluded or published", func(c caller, _ string) bool {
		return c.role == accessv1.Role_ROLE_PORTAL
	}, hidden}}, others...)
}

// inward are exceptions for lists of a unit or campaign that portals may know of,
// of what they may not.
func inward() []exception {
	return []exception{{"portals know only of what is accepted or published", func(c caller, home string) bool {
		return c.role == accessv1.Role_ROLE_PORTAL && within(home, c.unit) && (c.reach == "" || within(home, c.reach))
	}, lacking}}
}

func ledgerFixtures() map[string][]fixture {
	shows := func(r records) string { return r.ledgers.ledger }
	return map[string][]fixture{
		"CreateLedger": {asks(func(r records) protobuf.Message {
			return &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: r.unit}, ValidateOnly: true}
		})},
		"EnsureLedger": {{homes: nowhere, ask: func(r records) protobuf.Message {
			return &rectificationv1.EnsureLedgerRequest{Unit: r.unit, ValidateOnly: true}
		}}},
		"GetLedger": {
			asks(func(r records) protobuf.Message { return &rectificationv1.GetLedgerRequest{Name: r.ledgers.ledger} }),
			{note: "unsigned", except: draft(), ask: func(r records) protobuf.Message {
				return &rectificationv1.GetLedgerRequest{Name: r.ledgers.draft}
			}},
		},
		"ListLedgers": {
			{note: "all", sifts: true, shows: shows, ask: func(records) protobuf.Message { return &rectificationv1.ListLedgersRequest{PageSize: 1000} }},
			{note: "of a unit", shows: shows, ask: func(r records) protobuf.Message { return &rectificationv1.ListLedgersRequest{Unit: r.unit} }},
			{note: "unsigned", sifts: true, except: draft(), shows: func(r records) string { return r.ledgers.draft }, ask: func(records) protobuf.Message {
				return &rectificationv1.ListLedgersRequest{PageSize: 1000}
			}},
		},
		"SignLedger": {asks(func(r records) protobuf.Message {
			return &rectificationv1.SignLedgerRequest{Name: r.ledgers.ledger, ContentDigest: zeros, ValidateOnly: true}
		})},
		"FileLedger": {asks(func(r records) protobuf.Message {
			return &rectificationv1.FileLedgerRequest{Name: r.ledgers.ledger, ValidateOnly: true}
		})},
		"AcknowledgeLedger": {asks(func(r records) protobuf.Message {
			return &rectificationv1.AcknowledgeLedgerRequest{Name: r.ledgers.ledger, ValidateOnly: true}
		})},
		"ReturnLedger": {asks(func(r records) protobuf.Message {
			return &rectificationv1.ReturnLedgerRequest{Name: r.ledgers.ledger, Reason: "不符", ValidateOnly: true}
		})},
		"RecordLedgerReply": {asks(func(r records) protobuf.Message {
			return &rectificationv1.RecordLedgerReplyRequest{Name: r.ledgers.ledger, DocumentNumber: "演示〔2026〕1号", ValidateOnly: true}
		})},
	}
}

// zeros is the digest of nothing.
const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func versionFixtures() map[string][]fixture {
	return map[string][]fixture{
		"GetLedgerVersion": {asks(func(r records) protobuf.Message {
			return &rectificationv1.GetLedgerVersionRequest{Name: r.ledgers.version}
		})},
		"ListLedgerVersions": {{shows: func(r records) string { return r.ledgers.version }, ask: func(r records) protobuf.Message {
			return &rectificationv1.ListLedgerVersionsRequest{Parent: r.ledgers.ledger}
		}}},
		"ListFiledProblems": {{shows: func(r records) string { return r.ledgers.filed }, ask: func(r records) protobuf.Message {
			return &rectificationv1.ListFiledProblemsRequest{Parent: r.ledgers.version}
		}}},
	}
}

func inspectionFixtures() map[string][]fixture {
	shows := func(r records) string { return r.ledgers.unannounced }
	team := []exception{{"the team alone records and concludes", beside, denied}}
	noTeam := []exception{{"the heir's supervisor is none of the team", at, denied}}
	heirs := []exception{{"whose team's grants ended with its unit, the heir's conclude", inspects, granted}}
	visited := []exception{{"nobody hears of a visit to their own unit before it is made", lent, hidden}}
	announced := []exception{{"a unit that is to be inspected, and was told, reads its part", beneath, granted}}
	return map[string][]fixture{
		"CreateInspection": {asks(func(r records) protobuf.Message { return visiting(r.unit, r.child, r.local) })},
		"GetInspection": {
			{note: "unannounced", except: draft(visited...), ask: func(r records) protobuf.Message {
				return &rectificationv1.GetInspectionRequest{Name: r.ledgers.unannounced}
			}},
			{note: "announced", except: draft(announced...), ask: func(r records) protobuf.Message {
				return &rectificationv1.GetInspectionRequest{Name: r.ledgers.announced}
			}},
			{note: "concluded", except: announced, ask: func(r records) protobuf.Message {
				return &rectificationv1.GetInspectionRequest{Name: r.ledgers.concluded}
			}},
		},
		"ListInspections": {
			{note: "unannounced, of all", sifts: true, except: draft(visited...), shows: shows, ask: func(records) protobuf.Message {
				return &rectificationv1.ListInspectionsRequest{PageSize: 1000}
			}},
			{note: "announced, of a bureau", sifts: true, except: draft(announced...), shows: func(r records) string { return r.ledgers.announced }, ask: func(r records) protobuf.Message {
				return &rectificationv1.ListInspectionsRequest{PageSize: 1000, Unit: r.unit}
			}},
			{note: "concluded", sifts: true, except: announced, shows: func(r records) string { return r.ledgers.concluded }, ask: func(records) protobuf.Message {
				return &rectificationv1.ListInspectionsRequest{PageSize: 1000}
			}},
		},
		"RecordInspection": {{except: slices.Concat(visited, team), merged: noTeam, ask: func(r records) protobuf.Message {
			return &rectificationv1.RecordInspectionRequest{Name: r.ledgers.unannounced, Target: r.child, Summary: "正常", ValidateOnly: true}
		}}},
		"ConcludeInspection": {{except: team, merged: heirs, ask: func(r records) protobuf.Message {
			return &rectificationv1.ConcludeInspectionRequest{Name: r.ledgers.recorded, Conclusion: "正常", ValidateOnly: true}
		}}},
	}
}

// at says whether the caller's unit is the home.
func at(c caller, home string) bool { return c.unit == home }

// inspects says whether the caller inspects from the home.
func inspects(c caller, home string) bool {
	return at(c, home) && (c.role == accessv1.Role_ROLE_SUPERVISOR || c.role == accessv1.Role_ROLE_LEADER)
}

// beside says whether who sees the home is not the supervisor who inspects from
// there.
func beside(c caller, home string) bool {
	sees := within(home, c.unit) && (c.reach == "" || within(home, c.reach))
	return sees && !(c.role == accessv1.Role_ROLE_SUPERVISOR && c.unit == home && c.from == home)
}
