package scope_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/scope"
)

// land is a district with two schools, of which one has a department and a party
// branch, a subordinate unit, a school that was archived and one that an installation
// below keeps.
func land() []*organizationv1.Unit {
	unit := func(name, parent string, kind organizationv1.Unit_Kind) *organizationv1.Unit {
		return &organizationv1.Unit{Name: name, Parent: parent, Kind: kind, State: organizationv1.Unit_STATE_ACTIVE}
	}
	all := []*organizationv1.Unit{
		unit("units/d", "units/city", organizationv1.Unit_KIND_DISTRICT),
		unit("units/office", "units/d", organizationv1.Unit_KIND_DEPARTMENT),
		unit("units/a", "units/d", organizationv1.Unit_KIND_AFFILIATE),
		unit("units/s1", "units/d", organizationv1.Unit_KIND_SCHOOL),
		unit("units/s2", "units/d", organizationv1.Unit_KIND_SCHOOL),
		unit("units/gone", "units/d", organizationv1.Unit_KIND_SCHOOL),
		unit("units/teach", "units/s1", organizationv1.Unit_KIND_DEPARTMENT),
		unit("units/below", "units/d", organizationv1.Unit_KIND_SCHOOL),
		unit("units/branch", "units/s1", organizationv1.Unit_KIND_PARTY_BRANCH),
	}
	all[5].State = organizationv1.Unit_STATE_ARCHIVED
	all[7].Installation = "installations/below"
	return all
}

func TestWhoOwesALedger(t *testing.T) {
	for name, test := range map[string]struct {
		due   string
		scope *campaignv1.Scope
		want  []string
	}{
		"nobody is to file":   {"", nil, nil},
		"everybody":           {"2026-04-05", nil, []string{"units/a", "units/s1", "units/s2"}},
		"of a kind":           {"2026-04-05", &campaignv1.Scope{Kinds: []organizationv1.Unit_Kind{organizationv1.Unit_KIND_SCHOOL}}, []string{"units/s1", "units/s2"}},
		"but for an excepted": {"2026-04-05", &campaignv1.Scope{Exceptions: []string{"units/s1"}}, []string{"units/a", "units/s2"}},
		"of a list":           {"2026-04-05", &campaignv1.Scope{Units: []string{"units/s1", "units/gone"}}, []string{"units/s1"}},
	} {
		c := &campaignv1.Campaign{Owner: "units/d", Scope: test.scope, Filing: &campaignv1.Filing{DueDate: test.due}}
		var got []string
		for _, u := range scope.Owes(c, land()) {
			got = append(got, u.GetName())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
