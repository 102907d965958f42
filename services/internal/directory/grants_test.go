package directory

import (
	"slices"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// A role of a unit's work sleeps while every post of who holds it is over, from the day
// after the last one by the passing of that day; it makes them belong there all the same.
// Of who served in a body that reaches the unit the posts in such bodies alone count. A
// post at an archived unit keeps what is held there alone. Who has no posts entered
// keeps it.
func TestARoleOfTheWorkSleepsOnceEveryPostIsOver(t *testing.T) {
	const who = "units/s/members/m"
	type posts = []*organizationv1.Post
	past := &organizationv1.Post{Unit: "units/c2", EndDate: "2026-02-27"}
	ends := &organizationv1.Post{Unit: "units/s", StartDate: "2026-01-01", EndDate: "2026-02-28"}
	still, comes := &organizationv1.Post{Unit: "units/c2"}, &organizationv1.Post{Unit: "units/c2", StartDate: "2026-04-01"}
	left, beside := &organizationv1.Post{Unit: "units/c1", EndDate: "2026-02-27"}, &organizationv1.Post{Unit: "units/c1"}
	closed, school, organ := &organizationv1.Post{Unit: "units/closed"}, &organizationv1.Post{Unit: "units/s"}, &organizationv1.Post{Unit: "units/d"}
	for name, c := range map[string]struct {
		on         string
		posts      posts
		day, since string
	}{
		"no post":                    {"units/d", nil, "2026-03-01", ""},
		"on the last day":            {"units/d", posts{past, ends}, "2026-02-28", ""},
		"on the day after":           {"units/d", posts{ends, past}, "2026-03-01", "2026-03-01"},
		"later":                      {"units/d", posts{past, ends}, "2027-03-01", "2026-03-01"},
		"still above":                {"units/d", posts{ends, still}, "2026-03-01", ""},
		"still elsewhere":            {"units/d", posts{ends, beside}, "2026-03-01", "2026-03-01"},
		"still beneath":              {"units/c2", posts{past, school}, "2026-03-01", "2026-02-28"},
		"still in an organ beneath":  {"units/c2", posts{past, organ}, "2026-03-01", "2026-02-28"},
		"still in an organ of it":    {"units/s", posts{ends, organ}, "2026-03-01", ""},
		"never served there":         {"units/c2", posts{left, organ}, "2026-03-01", ""},
		"nor serves anywhere":        {"units/c2", posts{left, ends}, "2026-03-01", "2026-03-01"},
		"between two posts":          {"units/d", posts{past, comes}, "2026-03-31", "2026-02-28"},
		"and of the second":          {"units/d", posts{past, comes}, "2026-04-01", ""},
		"beneath, yet to begin":      {"units/p", posts{past, comes}, "2026-03-01", "2026-02-28"},
		"yet to begin alone":         {"units/d", posts{comes}, "2026-03-01", ""},
		"comes from elsewhere":       {"units/d", posts{beside, comes}, "2026-03-01", ""},
		"left elsewhere, and comes":  {"units/d", posts{left, comes}, "2026-03-01", "2026-02-28"},
		"at an archived unit":        {"units/d", posts{closed, left}, "2026-03-04", "2026-03-04"},
		"the day before that":        {"units/d", posts{closed, left}, "2026-03-03", ""},
		"over before that":           {"units/d", posts{{Unit: "units/closed", EndDate: "2026-02-28"}}, "2026-03-04", "2026-03-01"},
		"over after that":            {"units/d", posts{{Unit: "units/closed", EndDate: "2026-03-31"}}, "2026-03-04", "2026-03-04"},
		"of the archived unit":       {"units/closed", posts{closed, left}, "2027-03-04", ""},
		"which serves elsewhere":     {"units/closed", posts{{Unit: "units/closed", EndDate: "2026-03-31"}, still}, "2026-04-01", "2026-04-01"},
		"above the archived unit":    {"units/p", posts{closed}, "2026-03-04", "2026-03-04"},
		"what was merged into it":    {"units/first", posts{closed}, "2026-03-04", ""},
		"an organ, archived with it": {"units/organ", posts{closed}, "2026-03-04", ""},
		"of that organ":              {"units/closed", posts{{Unit: "units/organ"}}, "2026-03-04", "2026-03-04"},
		"merged, then archived":      {"units/d", posts{{Unit: "units/first"}}, "2026-03-04", "2026-03-04"},
		"and of what was archived":   {"units/closed", posts{{Unit: "units/first"}}, "2026-03-04", ""},
		"merged into one in use":     {"units/d", posts{{Unit: "units/merged"}}, "2026-03-04", ""},
		"and of what is above":       {"units/p", posts{{Unit: "units/merged"}}, "2026-03-04", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, today := filled(t), "2026-01-01"
			d.Today = func() string { return today }
			run := []*feedv1.Entry{entry(t, 6, &organizationv1.Member{Name: who, Posts: c.posts})}
			for _, u := range []*organizationv1.Unit{
				{Name: "units/closed", Parent: "units/p", State: organizationv1.Unit_STATE_ACTIVE},
				{Name: "units/first", Parent: "units/closed", State: organizationv1.Unit_STATE_MERGED},
				{Name: "units/merged", Parent: "units/c2", State: organizationv1.Unit_STATE_MERGED},
				{Name: "units/organ", Parent: "units/closed", Kind: organizationv1.Unit_KIND_DEPARTMENT, State: organizationv1.Unit_STATE_ARCHIVED},
				{Name: "units/closed", Parent: "units/p", State: organizationv1.Unit_STATE_ARCHIVED},
			} {
				run = append(run, entry(t, 62, u))
			}
			roles := []accessv1.Role{
				accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_CLERK, accessv1.Role_ROLE_SUPERVISOR,
				accessv1.Role_ROLE_COMPLAINT_OFFICER, accessv1.Role_ROLE_CUSTODIAN, accessv1.Role_ROLE_REGISTRAR,
				accessv1.Role_ROLE_VIEWER, accessv1.Role_ROLE_SYSTEM_ADMIN, accessv1.Role_ROLE_SECURITY_ADMIN, accessv1.Role_ROLE_AUDITOR,
			}
			for _, role := range roles {
				run = append(run, entry(t, 6, &organizationv1.RoleGrant{Name: "roleGrants/" + role.String(), Principal: who, Role: role, Unit: c.on}))
			}
			if err := d.apply(t.Context(), run, 30, 30); err != nil {
				t.Fatal(err)
			}
			today = c.day
			held := d.Grants(who)
			for i, role := range roles {
				work := role <= accessv1.Role_ROLE_REGISTRAR && role >= accessv1.Role_ROLE_HEAD
				sleeps := work && c.since != ""
				if held[i].Role != role || held[i].Dormant != sleeps {
					t.Errorf("%+v, want dormant: %v", held[i], sleeps)
				}
				if got := slices.Contains(d.Holders(c.on, role), who); got == sleeps {
					t.Errorf("%v is held: %v", role, got)
				}
				if got := slices.Contains(d.Departed(c.on, role), who); got != sleeps {
					t.Errorf("%v is that of one who left: %v", role, got)
				}
				if since := d.DormantSince(role, c.on, c.posts, c.day); since != c.since && work || since != "" && !work {
					t.Errorf("%v is dormant since %q, want %q", role, since, c.since)
				}
			}
			if got := slices.Contains(d.Heads(c.on, c.day), who); got != (c.since == "") {
				t.Errorf("heads the unit: %v", got)
			}
			if !slices.Contains(d.Ties(who, c.day, accessv1.Role_ROLE_HEAD), c.on) {
				t.Error("a dormant role ties nobody to its unit")
			}
		})
	}
}
