package server_test

import (
	"errors"
	"maps"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/organization"
)

// Nobody decides for their own unit what it owes and with whom it is compared: its
// labels, and whether it is in use. Beneath it they do, and above the root is nobody.
func TestWhatAUnitOwesIsDecidedAboveIt(t *testing.T) {
	s := suitetest.Run(t)
	district := s.Unit("district", s.Root, organizationv1.Unit_KIND_DISTRICT)
	school := s.Unit("school", district, organizationv1.Unit_KIND_SCHOOL)
	own := s.Person(district, accessv1.Role_ROLE_SYSTEM_ADMIN).Key
	// A key that reaches no further than the district is as good as a grant on it.
	from := s.Person(s.Root, accessv1.Role_ROLE_SYSTEM_ADMIN).Name
	narrow, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: from, Unit: district}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, key, unit string
		refused         bool
	}{
		{"its own", own, district, true},
		{"from above, by a key that is not", narrow.GetSecret(), district, true},
		{"from above", s.SystemAdmin, district, false},
		{"the school's", own, school, false},
		{"the root's", s.SystemAdmin, s.Root, false},
	} {
		for _, dry := range []bool{true, false} {
			_, err := s.Organization(c.key).UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{
				Unit: &organizationv1.Unit{Name: c.unit, Labels: map[string]string{"reports": c.name}}, ValidateOnly: dry,
			})
			if c.refused != errors.Is(err, organization.ErrUnitSuperior) || !c.refused && err != nil {
				t.Errorf("%s labels: %v, refused: want %t", c.name, err, c.refused)
			}
			if f := fault.As(err); c.refused && (f == nil || len(f.Fields) != 1 || f.Fields[0].Path != "unit.labels") {
				t.Errorf("%s labels: refused at another field: %v", c.name, err)
			}
		}
	}
	keeps(t, s, own, district)
	if _, err := s.Organization(own).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: school}); err != nil {
		t.Errorf("archiving the school: %v", err)
	}
	for key, want := range map[string]error{own: organization.ErrUnitSuperior, s.SystemAdmin: nil} {
		_, err := s.Organization(key).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: district, ValidateOnly: true})
		if !errors.Is(err, want) {
			t.Errorf("archiving the district: %v, want %v", err, want)
		}
	}
}

// keeps changes what remains the unit's own, and looks for another way to its labels.
func keeps(t *testing.T, s *suitetest.Suite, key, unit string) {
	t.Helper()
	org := s.Organization(key)
	is, err := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: unit})
	if err != nil {
		t.Fatal(err)
	}
	is.DisplayName = "演示区教育局" // with the labels as they are
	if _, err := org.UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: is}); err != nil {
		t.Errorf("its name: %v", err)
	}
	for _, ancestor := range []string{unit, s.Root} {
		csv := "id,parent_id,kind,display_name,labels\n" + unit[len("units/"):] + "," + s.Root[len("units/"):] + ",district,演示区教育局,class=Z\n"
		answer, err := org.ImportUnits(t.Context(), &organizationv1.ImportUnitsRequest{Ancestor: ancestor, Csv: csv})
		if err == nil && answer.GetRows()[0].GetVerdict() != organizationv1.ImportUnitsResponse_VERDICT_REJECTED {
			t.Errorf("imported beneath %s: %v", ancestor, answer)
		}
	}
	after, err := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: unit})
	if err != nil || !maps.Equal(after.GetLabels(), is.GetLabels()) {
		t.Errorf("the labels are %v, %v; want %v", after.GetLabels(), err, is.GetLabels())
	}
}
