package services_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/duban-project/duban/gateway/clients/goclient"
	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestTheExampleInGoReports runs the client that developers are shown.
func TestTheExampleInGoReports(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	district := s.Unit("district", city, organizationv1.Unit_KIND_DISTRICT)
	s.SetTime(time.Date(2026, 4, 2, 1, 0, 0, 0, time.UTC))
	client := goclient.Client{Base: s.HTTP, Key: s.Machine(district, accessv1.Role_ROLE_REPORTER).Key}
	superior := goclient.Client{Base: s.HTTP, Key: s.Person(city, accessv1.Role_ROLE_SUPERVISOR).Key}

	march := &aggregationv1.Report{
		Form: "reportForms/ledger-monthly", Unit: district, Period: "2026-03", Source: "own", Sequence: 1,
		Rows: []*aggregationv1.Report_Row{{Unit: district, Field: "found", Value: 3}, {Unit: district, Field: "closed", Value: -1}},
	}
	first, wrong, err := client.Report(t.Context(), march)
	if err != nil || len(wrong) != 1 || wrong[0].GetReason() != "REPORT_VALUE_INVALID" {
		t.Fatalf("the rows at fault are %v, %v", wrong, err)
	}
	again, _, err := client.Report(t.Context(), march)
	if diff := cmp.Diff(first, again, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("sent again it is another: %v\n%s", err, diff)
	}
	march.Sequence, march.Supersedes, march.Rows[1].Value = 2, first.GetName(), 1
	second, wrong, err := client.Report(t.Context(), march)
	if err != nil || len(wrong) > 0 {
		t.Fatalf("corrected, the rows at fault are %v, %v", wrong, err)
	}

	accept := &aggregationv1.AcceptReportRequest{Name: second.GetName()}
	var refused *goclient.Refused
	err = client.Call(t.Context(), "POST /v1/"+second.GetName()+":accept", "", accept, second)
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden || refused.Reason != "PERMISSION_DENIED" || refused.Message == "" {
		t.Errorf("whoever reports accepts: %v", err)
	}
	for range 2 {
		if err := superior.Call(t.Context(), "POST /v1/"+second.GetName()+":accept", "once", accept, second); err != nil {
			t.Fatal(err)
		}
	}
	status := &aggregationv1.Status{}
	if err := client.Call(t.Context(), "GET /v1/"+district+"/status?metrics=metrics/problems_found", "", nil, status); err != nil {
		t.Fatal(err)
	}
	if f := status.GetFigures(); len(f) != 1 || f[0].GetValue() != 3 {
		t.Errorf("the status has %v", f)
	}
}
