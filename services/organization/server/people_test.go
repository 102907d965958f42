package server_test

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
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
		"begins in two years": post(d1, "2028-02-09", ""), "one that is not in use, until today": post(gone, "", "2026-02-09"),
		"of others, and over": post(d2, "", "2026-02-08"),
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
	for name, posts := range map[string][]*organizationv1.Post{
		"struck out": nil, "left out": post(d1, "", "").Posts, "over, and struck out": post(d1, "", "2026-02-01").Posts,
	} {
		_, err := below.UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{
			Member: &organizationv1.Member{Name: m.Name, Posts: posts}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"posts"}},
		})
		if f := fault.As(err); !errors.Is(err, organization.ErrPostInvalid) || f.Fields[0].Path != "member.posts" {
			t.Errorf("a post elsewhere was %s: %v", name, err)
		}
	}
	if _, err := below.UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{
		Name: m.Name, Posts: append(post(d2, "", "").Posts, post(d1, "2027-02-09", "").Posts...),
	}}); err != nil {
		t.Errorf("a post of one's own beside it: %v", err)
	}
	if _, err := below.CreateMember(t.Context(), &organizationv1.CreateMemberRequest{Parent: d1, Member: post(gone, "", "2026-02-08")}); err != nil {
		t.Errorf("what is over, at a unit that is not in use: %v", err)
	}
	machine := &organizationv1.CreateMachineRequest{Machine: &organizationv1.Machine{DisplayName: "演示系统", Unit: gone}}
	if _, err := below.CreateMachine(t.Context(), machine); !errors.Is(err, organization.ErrUnitArchived) && !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("a machine of a unit that is not in use: %v", err)
	}
}

// Where a unit is archived or merged, the posts at it can be ended, changed and struck out
// still, by whoever reaches it.
func TestAPostAtAUnitThatIsNoMoreCanBeEnded(t *testing.T) {
	s := suitetest.Run(t)
	d := s.Unit("d", s.Root, organizationv1.Unit_KIND_DISTRICT)
	archived, merged := s.Unit("archived", d, organizationv1.Unit_KIND_SCHOOL), s.Unit("merged", d, organizationv1.Unit_KIND_SCHOOL)
	heir := s.Unit("heir", d, organizationv1.Unit_KIND_SCHOOL)
	by, other := s.Organization(s.Person(d, accessv1.Role_ROLE_SYSTEM_ADMIN).Key), s.Unit("other", s.Root, organizationv1.Unit_KIND_DISTRICT)
	elsewhere := s.Organization(s.Person(other, accessv1.Role_ROLE_SYSTEM_ADMIN).Key)
	name := suitetest.OK[*organizationv1.Member](t)(s.Organization(s.SystemAdmin).CreateMember(t.Context(), &organizationv1.CreateMemberRequest{
		Parent: other, Member: &organizationv1.Member{DisplayName: "演示人员", Posts: []*organizationv1.Post{
			{Unit: archived, Kind: organizationv1.Post_KIND_STAFF}, {Unit: merged, Kind: organizationv1.Post_KIND_TEACHER}, {Unit: other, Kind: organizationv1.Post_KIND_STAFF},
		}},
	})).GetName()
	root := s.Organization(s.SystemAdmin)
	suitetest.OK[*organizationv1.Unit](t)(root.ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: archived}))
	suitetest.OK[*organizationv1.Unit](t)(root.MergeUnit(t.Context(), &organizationv1.MergeUnitRequest{Name: merged, Into: heir}))
	update := func(by organizationv1.OrganizationServiceClient, posts ...*organizationv1.Post) error {
		_, err := by.UpdateMember(t.Context(), &organizationv1.UpdateMemberRequest{Member: &organizationv1.Member{Name: name, Posts: posts}})
		return err
	}
	here := &organizationv1.Post{Unit: other, Kind: organizationv1.Post_KIND_STAFF}
	ended := func(unit string, kind organizationv1.Post_Kind, end string) *organizationv1.Post {
		return &organizationv1.Post{Unit: unit, Kind: kind, EndDate: end}
	}
	first, second := ended(archived, organizationv1.Post_KIND_STAFF, "2026-02-09"), ended(merged, organizationv1.Post_KIND_TEACHER, "2026-12-31")
	if err := update(elsewhere, first, second, here); !errors.Is(err, organization.ErrPostInvalid) && !errors.Is(err, authz.ErrDenied) {
		t.Errorf("by who does not reach them: %v", err)
	}
	if err := update(root, first, second, here); err != nil {
		t.Errorf("ended: %v", err)
	}
	if err := update(root, here); err != nil {
		t.Errorf("struck out: %v", err)
	}
	if _, err := by.CreateMember(t.Context(), &organizationv1.CreateMemberRequest{Parent: d, Member: &organizationv1.Member{
		DisplayName: "演示人员", Posts: []*organizationv1.Post{ended(merged, organizationv1.Post_KIND_TEACHER, "2026-02-08")},
	}}); err != nil {
		t.Errorf("of the past: %v", err)
	}
}
