package server_test

import (
	"errors"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/organization"
)

// A post is in a unit that is there, in use and within the caller's reach, and ends
// after it begins. What stood before may stay.
func TestPostsAreHeldToTheTree(t *testing.T) {
	s := suitetest.Run(t)
	d1 := s.Unit("d1", s.Root, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	gone := s.Unit("gone", d1, organizationv1.Unit_KIND_SCHOOL)
	if _, err := s.Organization(s.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: gone}); err != nil {
		t.Fatal(err)
	}
	below := s.Organization(s.Person(d1, accessv1.Role_ROLE_SYSTEM_ADMIN).Key)
	post := func(unit, start, end string) *organizationv1.Member {
		return &organizationv1.Member{DisplayName: "演示人员", Posts: []*organizationv1.Post{
			{Unit: unit, Kind: organizationv1.Post_KIND_STAFF, StartDate: start, EndDate: end},
		}}
	}
	for name, m := range map[string]*organizationv1.Member{
		"a unit that is not there": post("units/none", "", ""), "one of others": post(d2, "", ""),
		"one that is not in use": post(gone, "", ""), "ends before it begins": post(d1, "2026-03-02", "2026-03-01"),
	} {
		if _, err := below.CreateMember(t.Context(), &organizationv1.CreateMemberRequest{Parent: d1, Member: m}); !errors.Is(err, organization.ErrPostInvalid) {
			t.Errorf("%s: %v, want ErrPostInvalid", name, err)
		}
	}
	m, err := s.Organization(s.SystemAdmin).CreateMember(t.Context(), &organizationv1.CreateMemberRequest{Parent: d1, Member: post(d2, "", "")})
	if err != nil {
		t.Fatal(err)
	}
	m.Rank = "科级"
	if _, err := below.UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: m}); err != nil {
		t.Errorf("a post that another has entered does not stay: %v", err)
	}
	m.Etag, m.Posts[0].EndDate = "", "2026-12-31"
	if _, err := below.UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: m}); !errors.Is(err, organization.ErrPostInvalid) {
		t.Errorf("a post elsewhere was changed: %v", err)
	}
	machine := &organizationv1.CreateMachineRequest{Machine: &organizationv1.Machine{DisplayName: "演示系统", Unit: gone}}
	if _, err := below.CreateMachine(t.Context(), machine); !errors.Is(err, organization.ErrUnitArchived) && !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("a machine of a unit that is not in use: %v", err)
	}
}
