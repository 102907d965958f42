package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/organization"
)

func TestTheTreeOfAPastDay(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	d1 := s.Unit("d1", city, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", city, organizationv1.Unit_KIND_DISTRICT)
	school := s.Unit("s1", d1, organizationv1.Unit_KIND_SCHOOL)
	org := s.Organization(s.SystemAdmin)
	s.SetTime(suitetest.Start.AddDate(0, 1, 0))
	if _, err := org.MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: school, Parent: d2}); err != nil {
		t.Fatal(err)
	}
	before, after := suitetest.Start.AddDate(0, 0, 1), suitetest.Start.AddDate(0, 1, 1)
	s.SetTime(after)
	under := func(ancestor string, day time.Time) (names []string) {
		page, err := org.ListUnits(t.Context(), &organizationv1.ListUnitsRequest{Ancestor: ancestor, AsOf: timestamppb.New(day)})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.GetUnits() {
			names = append(names, u.GetName())
		}
		return names
	}
	for _, c := range []struct {
		ancestor string
		day      time.Time
		want     string
	}{
		{d1, before, "[units/d1 units/s1]"}, {d2, before, "[units/d2]"},
		{d1, after, "[units/d1]"}, {d2, after, "[units/d2 units/s1]"},
		{city, suitetest.Start.AddDate(-1, 0, 0), "[]"},
	} {
		if got := fmt.Sprint(under(c.ancestor, c.day)); got != c.want {
			t.Errorf("under %s on %s: %s, want %s", c.ancestor, c.day.Format(time.DateOnly), got, c.want)
		}
	}
	was, err := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: school, AsOf: timestamppb.New(before)})
	if err != nil || was.GetParent() != d1 {
		t.Errorf("the school as it was = %v, %v", was, err)
	}
	future := timestamppb.New(after.Add(time.Nanosecond))
	_, get := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: school, AsOf: future})
	_, list := org.ListUnits(t.Context(), &organizationv1.ListUnitsRequest{AsOf: future})
	for name, err := range map[string]error{"a unit": get, "the units": list} {
		f := fault.As(serve.FromStatus(err))
		if f == nil || !errors.Is(f, organization.ErrMomentFuture) || len(f.Fields) != 1 || f.Fields[0].Path != "as_of" {
			t.Errorf("%s as of tomorrow: %v", name, err)
		}
	}
}

func TestAnImportHasAVerdictForEveryRow(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	s.Unit("elsewhere", s.Root, organizationv1.Unit_KIND_CITY)
	const header = "id,parent_id,kind,display_name,labels\n"
	for _, file := range []struct {
		text string
		want []string
	}{
		{`d1,city,district,演示区教育局,
d2,city,district,演示县教育局,
s1,d1,school,演示小学,stage=primary
s1,d1,school,演示中学,stage=junior
s2,nowhere,school,演示小学,
s3,elsewhere,school,演示小学,
S4,d1,school,演示小学,
s5,d1,palace,演示小学,
s6,d1,school,,
elsewhere,d1,school,演示小学,
c9,s1,province,演示厅,
`, []string{"CREATED", "CREATED", "CREATED", "REJECTED IMPORT_ROW_INVALID id", "REJECTED UNIT_PARENT_UNKNOWN parent_id",
			"REJECTED UNIT_PARENT_UNKNOWN parent_id", "REJECTED FIELDS_INVALID id", "REJECTED IMPORT_ROW_INVALID kind", "REJECTED FIELDS_INVALID display_name", "REJECTED UNIT_EXISTS id",
			"REJECTED UNIT_LEVEL_INVALID parent_id"}},
		{`d1,city,district,演示区教育局,
s1,d1,school,演示中学,stage=junior
`, []string{"UNCHANGED", "UPDATED"}},
		{`s1,d1,affiliate,演示中学,
d1,d2,district,演示区教育局,
`, []string{"CONFLICT IMPORT_ROW_DIFFERS kind", "CONFLICT IMPORT_ROW_DIFFERS parent_id"}},
	} {
		req := &organizationv1.ImportUnitsRequest{Ancestor: city, Csv: header + file.text, ValidateOnly: true}
		for range 2 { // the dry run gives the same verdicts
			answer, err := s.Organization(s.SystemAdmin).ImportUnits(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range answer.GetRows() {
				got := row.GetVerdict().String()[len("VERDICT_"):]
				if row.GetReason() != "" {
					got += " " + row.GetReason() + " " + row.GetColumn()
				}
				if got != file.want[i] || int(row.GetLine()) != i+2 {
					t.Errorf("line %d: %s, want %s", row.GetLine(), got, file.want[i])
				}
			}
			req.ValidateOnly = false
		}
	}
	page, err := s.Organization(s.SystemAdmin).ListUnits(t.Context(), &organizationv1.ListUnitsRequest{Ancestor: city})
	if err != nil || len(page.GetUnits()) != 4 {
		t.Errorf("after the import: %v, %v; want four units", page.GetUnits(), err)
	}
}

// What one does not see is as if it were not there, and a search of it says at which field.
func TestASearchBeneathAnUnseenUnitNamesIt(t *testing.T) {
	s := suitetest.Run(t)
	d1 := s.Unit("d1", s.Root, organizationv1.Unit_KIND_DISTRICT)
	d2 := s.Unit("d2", s.Root, organizationv1.Unit_KIND_DISTRICT)
	viewer := s.Person(d1, accessv1.Role_ROLE_VIEWER).Key
	for _, unit := range []string{d2, "units/none"} {
		_, err := s.Organization(viewer).ListUnits(t.Context(), &organizationv1.ListUnitsRequest{Ancestor: unit})
		if f := fault.As(err); f == nil || !f.Is(authz.ErrNotFound) || len(f.Fields) != 1 || f.Fields[0].Path != "ancestor" {
			t.Errorf("beneath %s: %v", unit, err)
		}
	}
}

// A table without a column says nothing of its field; an empty cell empties it.
func TestAnImportLeavesWhatItHasNoColumnFor(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	org := s.Organization(s.SystemAdmin)
	for _, c := range []struct{ csv, want string }{
		{"id,parent_id,kind,display_name,labels,codes\ns1,city,school,甲小学,stage=primary,school=4205020001\n", "CREATED 甲小学 primary 4205020001"},
		{"id,parent_id,kind,display_name\ns1,city,school,甲小学\n", "UNCHANGED 甲小学 primary 4205020001"},
		{"id,parent_id,kind,display_name,labels\ns1,city,school,乙小学,stage=junior\n", "UPDATED 乙小学 junior 4205020001"},
		{"id,parent_id,kind,display_name,codes\ns1,city,school,乙小学,\n", "UPDATED 乙小学 junior "},
	} {
		answer, err := org.ImportUnits(t.Context(), &organizationv1.ImportUnitsRequest{Ancestor: city, Csv: c.csv})
		if err != nil {
			t.Fatal(err)
		}
		u, err := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: "units/s1"})
		if err != nil {
			t.Fatal(err)
		}
		code := ""
		if len(u.GetCodes()) > 0 {
			code = u.GetCodes()[0].GetValue()
		}
		verdict := answer.GetRows()[0].GetVerdict().String()[len("VERDICT_"):]
		if got := fmt.Sprintf("%s %s %s %s", verdict, u.GetDisplayName(), u.GetLabels()["stage"], code); got != c.want {
			t.Errorf("after %q: %q, want %q", c.csv, got, c.want)
		}
	}
}

func TestARowSaysInTheCallersLanguageWhatIsWrong(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	const csv = "id,parent_id,kind,display_name\ns1,city,school,甲\ns1,city,school,乙\n,city,palace,丙\ns2,city,palace,丁\ncity,root,city,戊\ns3,city,KIND_School,己\n"
	for language, want := range map[string][]string{
		"zh": {"", "与第 2 行重复", "不能为空", "单位类别未定义", "是导入范围的上级单位本身", ""},
		"en": {"", "repeats line 2", "must not be empty", "is not a kind of unit", "is the ancestor of the import itself", ""},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "accept-language", language)
		answer, err := s.Organization(s.SystemAdmin).ImportUnits(ctx, &organizationv1.ImportUnitsRequest{Ancestor: city, Csv: csv, ValidateOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range answer.GetRows() {
			if !strings.Contains(row.GetMessage(), want[i]) || (want[i] == "") != (row.GetMessage() == "") {
				t.Errorf("%s, line %d: %q, want %q", language, row.GetLine(), row.GetMessage(), want[i])
			}
			if row.GetUnit() == "units/" {
				t.Errorf("line %d names a unit without an id", row.GetLine())
			}
		}
	}
}
