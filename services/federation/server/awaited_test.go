package server_test

import (
	"testing"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestWhoNeverDialsIsSilent: a log that is enrolled is awaited from then on, also one that
// is enrolled later, or that its installation leaves out.
func TestWhoNeverDialsIsSilent(t *testing.T) {
	province := &bureau{folder: t.TempDir(), set: func(c *suite.Config) {
		c.Installation, c.Federation.Silence = "edu.example/510000", time.Nanosecond
	}}
	province.run(t)
	province.InitializeAs("root", organizationv1.Unit_KIND_PROVINCE)
	province.Unit("510100", province.Root, organizationv1.Unit_KIND_CITY)
	in := enrolment(t, newNode(t, "510100"))
	all, later := len(in.Logs), in.Logs[2:]
	in.Logs = in.Logs[:2]
	client := province.federation(province.SecurityAdmin)
	in, err := client.CreateInstallation(t.Context(), &federationv1.CreateInstallationRequest{Installation: in})
	if err != nil {
		t.Fatal(err)
	}
	awaited := func(want int) {
		t.Helper()
		list, err := client.ListMirrors(t.Context(), &federationv1.ListMirrorsRequest{Parent: in.GetName()})
		if err != nil || len(list.GetMirrors()) != want {
			t.Fatalf("%d logs are awaited, %v; want %d", len(list.GetMirrors()), err, want)
		}
		for _, m := range list.GetMirrors() {
			if m.GetState() != federationv1.Mirror_STATE_SILENT || m.GetUnit() != in.GetUnit() || m.GetVia() != in.GetName() {
				t.Errorf("what never came is %v, want SILENT", m)
			}
		}
	}
	awaited(2)
	if _, err := client.ExtendInstallation(t.Context(), &federationv1.ExtendInstallationRequest{Name: in.GetName(), Logs: later}); err != nil {
		t.Fatal(err)
	}
	awaited(all)
}
