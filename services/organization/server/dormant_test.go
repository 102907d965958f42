package server_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// Administrators find the grants that sleep as who holds them has left every post, and
// since when; so does who calls, by whatever key, and is refused by them. What reads
// and what administers goes on.
func TestGrantsOfWhoLeftEveryPostAreShownToSleep(t *testing.T) {
	s := suitetest.Run(t)
	d := s.Unit("d", s.Root, organizationv1.Unit_KIND_DISTRICT)
	leaving := s.Person(d, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_CLERK)
	narrow := suitetest.OK[*organizationv1.IssuedApiKey](t)(s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: leaving.Name, Roles: []accessv1.Role{accessv1.Role_ROLE_CLERK}, Unit: d},
	})).GetSecret()
	s.Grant(leaving.Name, s.Root, accessv1.Role_ROLE_VIEWER)
	suitetest.OK[*organizationv1.RoleGrant](t)(s.Organization(s.SecurityAdmin).DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{
		Name: s.Grant(leaving.Name, d, accessv1.Role_ROLE_SUPERVISOR),
	}))
	s.Person(d, accessv1.Role_ROLE_HEAD)
	posts := func(posts ...*organizationv1.Post) {
		t.Helper()
		suitetest.OK[*organizationv1.Member](t)(s.Organization(s.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{
			Member: &organizationv1.Member{Name: leaving.Name, Posts: posts},
		}))
		s.CatchUp()
	}
	last := &organizationv1.Post{Unit: d, Kind: organizationv1.Post_KIND_DEPUTY, EndDate: "2026-02-09"}
	posts(last)
	asleep := func() (roles []accessv1.Role) {
		t.Helper()
		list := suitetest.OK[*organizationv1.ListRoleGrantsResponse](t)(s.Organization(s.SystemAdmin).ListRoleGrants(t.Context(), &organizationv1.ListRoleGrantsRequest{
			Filter: `dormant_since != ""`,
		}))
		for _, g := range list.GetRoleGrants() {
			got := suitetest.OK[*organizationv1.RoleGrant](t)(s.Organization(s.SecurityAdmin).GetRoleGrant(t.Context(), &organizationv1.GetRoleGrantRequest{Name: g.GetName()}))
			if g.GetDormantSince() != "2026-02-10" || got.GetDormantSince() != "2026-02-10" || g.GetPrincipal() != leaving.Name {
				t.Errorf("listed: %v, got: %v", g, got)
			}
			roles = append(roles, g.GetRole())
		}
		return roles
	}
	if got := asleep(); got != nil {
		t.Errorf("on the last day %v sleep", got)
	}
	s.SetTime(suitetest.Start.Add(24 * time.Hour))
	if got := asleep(); !slices.Equal(got, []accessv1.Role{accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_CLERK}) {
		t.Errorf("%v sleep", got)
	}
	for key, want := range map[string][2]int{leaving.Key: {1, 2}, narrow: {0, 1}} {
		caller := suitetest.OK[*organizationv1.Caller](t)(s.Organization(key).GetCaller(t.Context(), &organizationv1.GetCallerRequest{}))
		if got := [2]int{len(caller.GetGrants()), len(caller.GetDormant())}; got != want || caller.GetDormant()[0].GetDormantSince() != "2026-02-10" {
			t.Errorf("the caller is %v", caller)
		}
	}
	suitetest.OK[*organizationv1.Unit](t)(s.Organization(leaving.Key).GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: d}))
	if _, err := s.Organization(narrow).GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: d}); !errors.Is(err, authz.ErrPostsOver) {
		t.Errorf("a key of a role that sleeps reads: %v", err)
	}
	posts(last, &organizationv1.Post{Unit: s.Root, Kind: organizationv1.Post_KIND_STAFF})
	if got := asleep(); got != nil {
		t.Errorf("once back %v sleep", got)
	}
	suitetest.OK[*organizationv1.Unit](t)(s.Organization(narrow).GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: d}))
}

// Nobody locks an installation out by ending posts: administrators need none.
func TestAdministratorsNeedNoPosts(t *testing.T) {
	s := suitetest.Run(t)
	for _, who := range []string{"system-admin", "security-admin"} {
		suitetest.OK[*organizationv1.Member](t)(s.Organization(s.SystemAdmin).UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{
			Name: s.Root + "/members/" + who, Posts: []*organizationv1.Post{{Unit: s.Root, Kind: organizationv1.Post_KIND_STAFF, EndDate: "2026-01-31"}},
		}}))
	}
	s.CatchUp()
	s.Person(s.Unit("d", s.Root, organizationv1.Unit_KIND_DISTRICT), accessv1.Role_ROLE_CLERK)
}

// Who administers a unit beneath gives nobody who retired above their role back, by a post
// that begins there today, or in a year: another at the unit itself does.
func TestASchoolGivesNobodyWhoRetiredAboveTheirRoleBack(t *testing.T) {
	s := suitetest.Run(t)
	d := s.Unit("d", s.Root, organizationv1.Unit_KIND_DISTRICT)
	school := s.Unit("s", d, organizationv1.Unit_KIND_SCHOOL)
	organ := s.Unit("dep", school, organizationv1.Unit_KIND_DEPARTMENT)
	below, retired := s.Organization(s.Person(school, accessv1.Role_ROLE_SYSTEM_ADMIN).Key), s.Person(school)
	s.Grant(retired.Name, d, accessv1.Role_ROLE_LEADER)
	enters := func(by organizationv1.OrganizationServiceClient, posts ...*organizationv1.Post) {
		t.Helper()
		suitetest.OK[*organizationv1.Member](t)(by.UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{Name: retired.Name, Posts: posts}}))
		s.CatchUp()
	}
	reads := func() error {
		_, err := s.Organization(retired.Key).GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: d})
		return err
	}
	last := &organizationv1.Post{Unit: d, Kind: organizationv1.Post_KIND_DEPUTY, EndDate: "2026-02-01"}
	enters(s.Organization(s.SystemAdmin), last)
	for start, unit := range map[string]string{"2026-02-09": organ, "": school, "2027-02-01": organ} {
		enters(below, last, &organizationv1.Post{Unit: unit, Kind: organizationv1.Post_KIND_TEACHER, StartDate: start})
		if err := reads(); !errors.Is(err, authz.ErrPostsOver) {
			t.Errorf("from %s on at %s: %v", start, unit, err)
		}
	}
	back := &organizationv1.Post{Unit: d, Kind: organizationv1.Post_KIND_STAFF, StartDate: "2026-02-10"}
	enters(s.Organization(s.SystemAdmin), last, back)
	if err := reads(); !errors.Is(err, authz.ErrPostsOver) {
		t.Errorf("the day before they are back: %v", err)
	}
	s.SetTime(suitetest.Start.Add(24 * time.Hour))
	if err := reads(); err != nil {
		t.Errorf("once back: %v", err)
	}
}
