package server_test

import (
	"context"
	"testing"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestAUnitThatIsNotThereIsNamedWhereTheRequestHasIt, in the resource or beside it.
func TestAUnitThatIsNotThereIsNamedWhereTheRequestHasIt(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	org := s.Organization(s.SystemAdmin)
	create := func(parent string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := org.CreateUnit(ctx, &organizationv1.CreateUnitRequest{
				Unit: &organizationv1.Unit{DisplayName: "演示区教育局", Kind: organizationv1.Unit_KIND_DISTRICT, Parent: parent},
			})
			return err
		}
	}
	for name, c := range map[string]struct {
		do           func(context.Context) error
		reason, path string
	}{
		"no parent":      {create(""), "FIELDS_INVALID", "unit.parent"},
		"unknown parent": {create("units/nowhere"), "NOT_FOUND", "unit.parent"},
		"a code twice": {func(ctx context.Context) error {
			code := &organizationv1.Code{Scheme: "gb", Value: "1"}
			_, err := org.UpdateUnit(ctx, &organizationv1.UpdateUnitRequest{Unit: &organizationv1.Unit{Name: city, Codes: []*organizationv1.Code{code, code}}})
			return err
		}, "FIELDS_INVALID", "unit.codes[1]"},
		"into": {func(ctx context.Context) error {
			_, err := org.MergeUnit(ctx, &organizationv1.MergeUnitRequest{Name: city, Into: "units/nowhere"})
			return err
		}, "NOT_FOUND", "into"},
		"machine": {func(ctx context.Context) error {
			_, err := org.CreateMachine(ctx, &organizationv1.CreateMachineRequest{
				Machine: &organizationv1.Machine{DisplayName: "演示系统", Unit: "units/nowhere"},
			})
			return err
		}, "NOT_FOUND", "machine.unit"},
		"ancestor": {func(ctx context.Context) error {
			_, err := org.ImportUnits(ctx, &organizationv1.ImportUnitsRequest{Ancestor: "units/nowhere", Csv: "id"})
			return err
		}, "NOT_FOUND", "ancestor"},
	} {
		f := fault.As(c.do(t.Context()))
		if f == nil || f.Reason != c.reason || len(f.Fields) != 1 || f.Fields[0].Path != c.path {
			t.Errorf("%s: %+v, want %s at %s", name, f, c.reason, c.path)
		}
	}
}
