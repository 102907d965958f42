package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestAUnitThatIsNotThereIsNamedWhereTheRequestHasIt, in the resource or beside it.
func TestAUnitThatIsNotThereIsNamedWhereTheRequestHasIt(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	school := s.Unit("s1", s.Root, organizationv1.Unit_KIND_SCHOOL)
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
		"a level above, new": {create(school), "UNIT_LEVEL_INVALID", "unit.parent"},
		"a level above, moved": {func(ctx context.Context) error {
			_, err := org.MoveUnit(ctx, &organizationv1.MoveUnitRequest{Name: city, Parent: school})
			return err
		}, "UNIT_LEVEL_INVALID", "parent"},
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
		"name": {func(ctx context.Context) error {
			_, err := org.UpdateUnit(ctx, &organizationv1.UpdateUnitRequest{Unit: &organizationv1.Unit{Name: city, DisplayName: "演示\n市"}})
			return err
		}, "FIELDS_INVALID", "unit.display_name"},
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

func TestAnImportedNameIsOneLine(t *testing.T) {
	s := suitetest.Run(t)
	answer, err := s.Organization(s.SystemAdmin).ImportUnits(t.Context(), &organizationv1.ImportUnitsRequest{
		Ancestor: s.Root, Csv: "id,parent_id,kind,display_name\ns,root,school,\"第一\n小学\"\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if row := answer.GetRows()[0]; row.GetVerdict() != organizationv1.ImportUnitsResponse_VERDICT_REJECTED || row.GetReason() != "FIELDS_INVALID" || row.GetColumn() != "display_name" {
		t.Errorf("a name of two lines: %v", row)
	}
}

// TestARefusalPointsIntoTheBody of a call that sent no mask, in the words that stand
// there.
func TestARefusalPointsIntoTheBody(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	for name, c := range map[string]struct{ body, header, language, field, says string }{
		"a kind":       {`{"kind":"KIND_DISTRICT"}`, "", "zh", "unit.kind", "displayName, codes, labels"},
		"a stale etag": {`{"displayName":"演示市","etag":"99"}`, "", "zh", "unit.etag", "etag"},
		"blanks, zh":   {`{"displayName":"演示市"}`, "Idempotency-Key", "zh", "Idempotency-Key", "不能只有空白"},
		"blanks, en":   {`{"displayName":"演示市"}`, "Idempotency-Key", "en", "Idempotency-Key", "must not be blank"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, s.HTTP+"/v1/"+city, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Authorization": {"Bearer " + s.SystemAdmin}, "Content-Type": {"application/json"}, "Accept": {"application/problem+json"}, "Accept-Language": {c.language}}
		if c.header != "" {
			r.Header[c.header] = []string{"   "}
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var told struct {
			Errors []struct{ Field, Detail string }
		}
		err = errors.Join(json.NewDecoder(answer.Body).Decode(&told), answer.Body.Close())
		if err != nil || len(told.Errors) != 1 || told.Errors[0].Field != c.field || !strings.Contains(told.Errors[0].Detail, c.says) {
			t.Errorf("%s: %d, %+v, %v; want one at %s that says %q", name, answer.StatusCode, told, err, c.field, c.says)
		}
	}
}

// TestWhatIsOnlyCheckedChangesNothing, at the first start too.
func TestWhatIsOnlyCheckedChangesNothing(t *testing.T) {
	s := suitetest.RunIn(t, t.TempDir())
	req := &organizationv1.InitializeRequest{
		Root:   &organizationv1.Unit{DisplayName: "演示省教育厅", Kind: organizationv1.Unit_KIND_PROVINCE},
		RootId: "root", SystemAdmin: "系统管理员", SecurityAdmin: "安全管理员", Auditor: "审计员", ValidateOnly: true,
	}
	answer, err := s.Organization(s.Bootstrap).Initialize(t.Context(), req)
	if err != nil || answer.GetRoot().GetName() != "units/root" || answer.GetSecurityAdmin().GetSecret() != "" {
		t.Errorf("checking: %v, %v", answer, err)
	}
	s.Initialize() // by the same key
	clocks := clockv1.NewClockServiceClient(s.As(s.SystemAdmin))
	later := timestamppb.New(suitetest.Start.AddDate(0, 1, 0))
	would, err := clocks.SetClock(t.Context(), &clockv1.SetClockRequest{Now: later, ValidateOnly: true})
	if err != nil || !would.GetNow().AsTime().Equal(later.AsTime()) {
		t.Errorf("checking a time: %v, %v", would, err)
	}
	if is, err := clocks.GetClock(t.Context(), &clockv1.GetClockRequest{}); err != nil || !is.GetNow().AsTime().Equal(suitetest.Start) {
		t.Errorf("the clock stands at %v, %v", is, err)
	}
	if _, err := clocks.SetClock(t.Context(), &clockv1.SetClockRequest{Now: timestamppb.New(suitetest.Start.AddDate(0, -1, 0)), ValidateOnly: true}); err == nil {
		t.Error("checking a time that has gone: no refusal")
	}
}
