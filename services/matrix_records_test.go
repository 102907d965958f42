package services_test

import (
	"cmp"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// records are the names that a request may hold: of a unit's records, or of such
// as do not exist.
type records struct {
	unit, child string                        // the home itself and a unit beneath it
	own         string                        // the unit on which the caller holds its role
	channel     complaintv1.Complaint_Channel // by which the caller takes complaints in
	anyone      string                        // a member of a unit elsewhere, who is there whoever asks
	local       string                        // a supervisor of the home, who is there whoever asks
	member      string
	machine     string
	grant       string
	key         string
	identity    string
	feed        string
	campaigns   campaignRecords
	ledgers     ledgerRecords
	cases       caseRecords
	rounds      roundRecords
	reports     reportRecords
	below       belowRecords
	target      string
	hooks       hookRecords
}

// keep makes one record of each kind for the home.
func (m *matrix) keep(home string) records {
	s := m.suite
	r := records{unit: home, child: places[home]["child"], feed: "feeds/organization"}
	r.anyone = s.Person("units/s3").Name
	r.local = s.Person(home, accessv1.Role_ROLE_SUPERVISOR).Name
	r.member = s.Person(home).Name
	r.machine = s.Machine(home).Name
	r.grant = s.Grant(r.member, home, accessv1.Role_ROLE_VIEWER)
	r.key = m.issue(&organizationv1.ApiKey{Principal: r.member}).GetApiKey().GetName()
	r.identity = m.link(r.member, home)
	r.campaigns = m.keepCampaigns(home)
	r.ledgers = m.keepLedgers(home, r.campaigns.published)
	r.cases = m.keepCases(home)
	r.rounds = m.keepRounds(home)
	r.reports = m.keepReports(home)
	r.below = m.keepBelow(home)
	r.target = m.keepTarget(home)
	r.hooks = m.keepHooks(home)
	return r
}

// link gives the member an account at an identity provider.
func (m *matrix) link(member, home string) string {
	m.suite.T.Helper()
	i, err := m.suite.Organization(m.suite.SecurityAdmin).CreateIdentity(m.suite.T.Context(), &organizationv1.CreateIdentityRequest{
		Identity: &organizationv1.Identity{Principal: member, Issuer: "https://id.example", Subject: home},
	})
	if err != nil {
		m.suite.T.Fatal(err)
	}
	return i.GetName()
}

// from is how a caller asks for the records.
func (r records) from(c caller) records {
	r.own = cmp.Or(c.reach, c.unit, "units/s3")
	if r.channel = complaintv1.Complaint_CHANNEL_HOTLINE; c.role == accessv1.Role_ROLE_PORTAL {
		r.channel = complaintv1.Complaint_CHANNEL_PORTAL
	}
	return r
}

// ghosts are names of which nothing exists: of a unit that is not there either,
// and of the unit that is.
func (r records) ghosts() (elsewhere, leaf records) {
	leaf = records{
		unit: r.unit, child: r.child, own: r.own, anyone: r.anyone, local: r.local,
		member: r.unit + "/members/nobody", machine: "machines/none",
		grant: "roleGrants/none", key: "apiKeys/none", identity: "identities/none", feed: "feeds/none",
		channel:   r.channel,
		campaigns: noCampaigns(), ledgers: noLedgers(), cases: noCases(), rounds: noRounds(r.rounds.code), reports: noReports(), below: noBelow(), target: "targets/none", hooks: noHooks(),
	}
	elsewhere = leaf
	elsewhere.unit, elsewhere.child, elsewhere.member = "units/none", "units/none-beneath", "units/none/members/nobody"
	return elsewhere, leaf
}

// fixtures are all fixtures by method. Every service has a file of its own.
func (m *matrix) fixtures() map[string][]fixture {
	all := map[string][]fixture{}
	for service, of := range map[string]map[string][]fixture{
		"/duban.organization.v1.OrganizationService/":   organizationFixtures(),
		"/duban.clock.v1.ClockService/":                 clockFixtures(),
		"/duban.feed.v1.FeedService/":                   feedFixtures(),
		"/duban.campaign.v1.CampaignService/":           campaignFixtures(),
		"/duban.rectification.v1.RectificationService/": rectificationFixtures(),
		"/duban.complaint.v1.ComplaintService/":         complaintFixtures(),
		"/duban.evaluation.v1.EvaluationService/":       evaluationFixtures(),
		"/duban.federation.v1.FederationService/":       federationFixtures(),
		"/duban.federation.v1.LogService/":              logFixtures(),
		"/duban.aggregation.v1.AggregationService/":     aggregationFixtures(),
		"/duban.aggregation.v1.UrgeService/":            urgeFixtures(),
		"/duban.event.v1.EventService/":                 eventFixtures(),
	} {
		for name, list := range of {
			all[service+name] = list
		}
	}
	return all
}

// TestPlacesAreRelatedAsTheySay: the matrix is worth nothing if they are not.
func TestPlacesAreRelatedAsTheySay(t *testing.T) {
	for _, home := range []string{bureau, school, office} {
		in := insiders(accessv1.Role_ROLE_VIEWER, home)
		at := places[home]
		above := parents[home]
		for to, right := range map[relation]bool{
			"self":         at["self"] == home,
			"parent":       at["parent"] == above,
			"ancestor":     at["ancestor"] != above && within(above, at["ancestor"]),
			"child":        parents[at["child"]] == home,
			insider:        in.from == home && in.unit == above,
			"sibling":      at["sibling"] != home && parents[at["sibling"]] == above,
			"other branch": !within(home, at["other branch"]) && !within(at["other branch"], above),
		} {
			if !right {
				t.Errorf("%s is no %s of %s", at[to], to, home)
			}
		}
	}
}

// done returns what worked.
func done[T any](m *matrix) func(T, error) T {
	return func(v T, err error) T {
		m.suite.T.Helper()
		if err != nil {
			m.suite.T.Fatal(err)
		}
		return v
	}
}
