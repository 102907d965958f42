package directory

import (
	"slices"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// A role of a unit's work sleeps while every post of who holds it is over, from the day
// after the last one by the passing of that day, wherever the posts were; it makes them
// belong there all the same. Who has no posts entered keeps it.
func TestARoleOfTheWorkSleepsOnceEveryPostIsOver(t *testing.T) {
	const who = "units/s/members/m"
	past := &organizationv1.Post{Unit: "units/s", EndDate: "2026-02-27"}
	ends := &organizationv1.Post{Unit: "units/c1", StartDate: "2026-01-01", EndDate: "2026-02-28"}
	still, comes := &organizationv1.Post{Unit: "units/c2"}, &organizationv1.Post{Unit: "units/c2", StartDate: "2026-04-01"}
	for name, c := range map[string]struct {
		posts      []*organizationv1.Post
		day, since string
	}{
		"no post":                {nil, "2026-03-01", ""},
		"on the last day":        {[]*organizationv1.Post{past, ends}, "2026-02-28", ""},
		"on the day after":       {[]*organizationv1.Post{ends, past}, "2026-03-01", "2026-03-01"},
		"later":                  {[]*organizationv1.Post{past, ends}, "2027-03-01", "2026-03-01"},
		"still somewhere":        {[]*organizationv1.Post{past, still}, "2026-03-01", ""},
		"yet to begin somewhere": {[]*organizationv1.Post{past, comes}, "2026-03-01", ""},
		"at an archived unit":    {[]*organizationv1.Post{{Unit: "units/closed"}, past}, "2026-03-04", "2026-03-04"},
		"the day before that":    {[]*organizationv1.Post{{Unit: "units/closed"}, past}, "2026-03-03", ""},
		"over before that":       {[]*organizationv1.Post{{Unit: "units/closed", EndDate: "2026-02-28"}}, "2026-03-04", "2026-03-01"},
		"over after that":        {[]*organizationv1.Post{{Unit: "units/closed", EndDate: "2026-03-31"}}, "2026-03-04", "2026-03-04"},
		"merged, then archived":  {[]*organizationv1.Post{{Unit: "units/first"}}, "2026-03-04", "2026-03-04"},
		"merged into one in use": {[]*organizationv1.Post{{Unit: "units/merged"}}, "2026-03-04", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, today := filled(t), "2026-01-01"
			d.Today = func() string { return today }
			run := []*feedv1.Entry{entry(t, 6, &organizationv1.Member{Name: who, Posts: c.posts})}
			for _, u := range []*organizationv1.Unit{
				{Name: "units/closed", Parent: "units/p", State: organizationv1.Unit_STATE_ACTIVE},
				{Name: "units/first", Parent: "units/closed", State: organizationv1.Unit_STATE_MERGED},
				{Name: "units/merged", Parent: "units/c2", State: organizationv1.Unit_STATE_MERGED},
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
				run = append(run, entry(t, 6, &organizationv1.RoleGrant{Name: "roleGrants/" + role.String(), Principal: who, Role: role, Unit: "units/d"}))
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
				if got := slices.Contains(d.Holders("units/d", role), who); got == sleeps {
					t.Errorf("%v is held: %v", role, got)
				}
				if got := slices.Contains(d.Departed("units/d", role), who); got != sleeps {
					t.Errorf("%v is that of one who left: %v", role, got)
				}
				if since := d.DormantSince(role, c.posts, c.day); since != c.since && work || since != "" && !work {
					t.Errorf("%v is dormant since %q, want %q", role, since, c.since)
				}
			}
			if got := slices.Contains(d.Heads("units/d", c.day), who); got != (c.since == "") {
				t.Errorf("heads the unit: %v", got)
			}
			if !slices.Contains(d.Ties(who, c.day, accessv1.Role_ROLE_HEAD), "units/d") {
				t.Error("a dormant role ties nobody to its unit")
			}
		})
	}
}
