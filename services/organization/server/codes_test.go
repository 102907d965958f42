package server_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/directory"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// Two units with one code are entered, and both rows say so; so is one whose code a unit has
// that is there. Nobody hears of a unit that they do not see, nor of one that is no more.
func TestAnImportWarnsOfACodeThatTwoUnitsHave(t *testing.T) {
	s := suitetest.Run(t)
	is := suitetest.OK[*organizationv1.Unit](t)
	city, far := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY), s.Unit("far", s.Root, organizationv1.Unit_KIND_CITY)
	own := s.Person(city, accessv1.Role_ROLE_SYSTEM_ADMIN).Key
	coded := func(id, parent, value string) string {
		t.Helper()
		return is(s.Organization(s.SystemAdmin).CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{UnitId: id, Unit: &organizationv1.Unit{
			DisplayName: "演示小学", Parent: parent, Kind: organizationv1.Unit_KIND_SCHOOL, Codes: []*organizationv1.Code{{Scheme: "school", Value: value}},
		}})).GetName()
	}
	coded("there", city, "3")
	coded("hidden", far, "4")
	closed := coded("closed", city, "5")
	is(s.Organization(s.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: closed}))
	s.CatchUp()
	const table = `id,parent_id,kind,display_name,codes
x1,city,school,演示一小,school=1;school=2;gbt2260=420502
x2,city,school,演示二小,school=7;gbt2260=420502
x16,city,school,演示三小,uscc=1;school=1
x3,city,school,演示四小,school=3
x4,city,school,演示五小,school=4
x5,city,school,演示六小,school=5
x6,nowhere,school,演示七小,school=7
`
	want := []string{"CREATED units/x16", "CREATED ", "CREATED units/x1", "CREATED units/there", "CREATED ", "CREATED ", "REJECTED "}
	for _, again := range []bool{true, false} {
		answer := suitetest.OK[*organizationv1.ImportUnitsResponse](t)(s.Organization(own).ImportUnits(t.Context(), &organizationv1.ImportUnitsRequest{Ancestor: city, Csv: table, ValidateOnly: again}))
		for i, r := range answer.GetRows() {
			verdict, other, _ := strings.Cut(want[i], " ")
			if got := strings.TrimPrefix(r.GetVerdict().String(), "VERDICT_"); got != verdict || (r.GetReason() == "UNIT_CODE_AMBIGUOUS") != (other != "") || !strings.Contains(r.GetMessage(), other) {
				t.Errorf("line %d: %v, want %s", r.GetLine(), r, want[i])
			}
			if other != "" && r.GetColumn() != "codes" {
				t.Errorf("line %d: at %q", r.GetLine(), r.GetColumn())
			}
		}
	}
	mended := strings.Replace(table, "uscc=1;school=1", "uscc=1", 1)
	answer := suitetest.OK[*organizationv1.ImportUnitsResponse](t)(s.Organization(own).ImportUnits(t.Context(), &organizationv1.ImportUnitsRequest{Ancestor: city, Csv: mended}))
	if first, third := answer.GetRows()[0], answer.GetRows()[2]; first.GetReason() != "" || third.GetReason() != "" {
		t.Errorf("once one is mended: %v, %v", first, third)
	}
}

// Who enters one unit is told as well that another has its code, and may say that both are to
// have it: nothing of codes that the unit has, nor of units that the caller does not see.
func TestACodeIsSharedOnlyIfThatIsSaid(t *testing.T) {
	s := suitetest.Run(t)
	is := suitetest.OK[*organizationv1.Unit](t)
	city, far := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY), s.Unit("far", s.Root, organizationv1.Unit_KIND_CITY)
	own := s.Organization(s.Person(city, accessv1.Role_ROLE_SYSTEM_ADMIN).Key)
	codes := func(pairs ...string) (list []*organizationv1.Code) {
		for _, pair := range pairs {
			scheme, value, _ := strings.Cut(pair, "=")
			list = append(list, &organizationv1.Code{Scheme: scheme, Value: value})
		}
		return list
	}
	create := func(by organizationv1.OrganizationServiceClient, id, parent string, share bool, pairs ...string) error {
		_, err := by.CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{UnitId: id, ShareCodes: share, Unit: &organizationv1.Unit{
			DisplayName: "演示小学", Parent: parent, Kind: organizationv1.Unit_KIND_SCHOOL, Codes: codes(pairs...),
		}})
		return err
	}
	update := func(name string, share bool, pairs ...string) error {
		_, err := own.UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{
			Unit: &organizationv1.Unit{Name: name, Codes: codes(pairs...)}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"codes"}}, ShareCodes: share,
		})
		return err
	}
	refused := func(what string, err error, field, unit string) {
		t.Helper()
		f := fault.As(err)
		if f == nil || f.Reason != "UNIT_CODE_AMBIGUOUS" || len(f.Fields) != 1 || f.Fields[0].Path != field || f.Facts["unit"] != unit {
			t.Errorf("%s: %v", what, err)
		}
	}
	taken := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	taken("the first", create(own, "a", city, false, "gbt2260=420502", "school=1"))
	taken("elsewhere", create(s.Organization(s.SystemAdmin), "hidden", far, false, "school=4"))
	s.CatchUp()
	refused("a second", create(own, "b", city, false, "gbt2260=420502", "school=1"), "unit.codes[1]", "units/a")
	taken("of the division and of whom one does not see", create(own, "b", city, false, "gbt2260=420502", "school=4"))
	s.CatchUp()
	refused("seen by another", create(s.Organization(s.SystemAdmin), "c", far, false, "school=4"), "unit.codes[0]", "units/b")
	refused("a change", update("units/b", false, "uscc=1", "school=1"), "unit.codes[1]", "units/a")
	taken("a change that says so", update("units/b", true, "uscc=1", "school=1"))
	taken("another change of who has it", update("units/b", false, "school=1", "uscc=2"))
	taken("one that says so", create(own, "d", city, true, "school=1"))
	taken("in letters", create(own, "f", city, false, "school=s1"))
	refused("in capitals", create(own, "g", city, false, "school=S1"), "unit.codes[0]", "units/f")
	refused("in full width", create(own, "g", city, false, "uscc=9", "school=ｓ１"), "unit.codes[1]", "units/f")
	for pair, field := range map[string]string{"school= s2": "unit.codes[1].value", "school=s2\u3000": "unit.codes[1].value", "school=Ｓ３": "unit.codes[1]"} {
		if f := fault.As(create(own, "g", city, false, "school=s3", pair)); f == nil || f.Reason != "FIELDS_INVALID" || f.Fields[0].Path != field {
			t.Errorf("%q: %v", pair, f)
		}
	}
	is(s.Organization(s.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: "units/hidden"}))
	is(s.Organization(s.SystemAdmin).ArchiveUnit(t.Context(), &organizationv1.ArchiveUnitRequest{Name: "units/b"}))
	taken("of who is no more", create(own, "e", city, false, "uscc=2"))
}

// still is organization's feed as it stands at a size, after which nothing is read: so it
// looks to changes that are made together.
type still struct {
	feedv1.FeedServiceClient
	size uint64
}

func (f still) GetCheckpoint(ctx context.Context, req *feedv1.GetCheckpointRequest, o ...grpc.CallOption) (*feedv1.Checkpoint, error) {
	c, err := f.FeedServiceClient.GetCheckpoint(ctx, req, o...)
	if req.GetName() == "feeds/organization" && c.GetSize() > f.size {
		c.Size = f.size
	}
	return c, err
}

func (f still) ListRecords(ctx context.Context, req *feedv1.ListRecordsRequest, o ...grpc.CallOption) (*feedv1.ListRecordsResponse, error) {
	if req.GetParent() == "feeds/organization" && req.GetStart() >= f.size {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return f.FeedServiceClient.ListRecords(ctx, req, o...)
}

// A unit that the tree has yet to hear of is seen by whoever sees what it lies beneath, and
// by nobody else.
func TestACodeOfAUnitOfAMomentAgoIsRefused(t *testing.T) {
	s := suitetest.Run(t)
	city, far := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY), s.Unit("far", s.Root, organizationv1.Unit_KIND_CITY)
	own, root := s.Organization(s.Person(city, accessv1.Role_ROLE_SYSTEM_ADMIN).Key), s.Organization(s.SystemAdmin)
	s.CatchUp()
	tree := s.Of("organization").Process.Tree.(*directory.Directory)
	size := tree.Position() + 1
	tree.Turn(func(heard feedv1.FeedServiceClient) feedv1.FeedServiceClient { return still{heard, size} })
	s.Unit("last", s.Root, organizationv1.Unit_KIND_CITY) // the answer to a call that was made before
	create := func(by organizationv1.OrganizationServiceClient, id, parent string) error {
		_, err := by.CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{UnitId: id, Unit: &organizationv1.Unit{
			DisplayName: "演示小学", Parent: parent, Kind: organizationv1.Unit_KIND_SCHOOL, Codes: []*organizationv1.Code{{Scheme: "school", Value: "1"}},
		}})
		return err
	}
	for _, c := range []struct {
		by         organizationv1.OrganizationServiceClient
		id, parent string
		unit       string
	}{{root, "a", far, ""}, {own, "b", city, ""}, {own, "c", city, "units/b"}, {root, "d", city, "units/a"}} {
		err := create(c.by, c.id, c.parent)
		f := fault.As(err)
		if c.unit == "" && err != nil || c.unit != "" && (f == nil || f.Facts["unit"] != c.unit) {
			t.Errorf("%s: %v, want %q", c.id, err, c.unit)
		}
	}
	if tree.Unit("units/b") != nil {
		t.Error("the tree knows what it has not heard of")
	}
}
