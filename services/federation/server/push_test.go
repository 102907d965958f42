package server_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// bureau is an installation in a folder that outlives its process.
type bureau struct {
	*suitetest.Suite
	folder string
	set    func(*suite.Config)
}

// start starts the installation of that id; above is the one it pushes to, or nil.
func start(t *testing.T, id string, above *bureau) *bureau {
	t.Helper()
	b := &bureau{folder: t.TempDir()}
	b.set = func(c *suite.Config) {
		c.Installation = "edu.example/" + id
		if above != nil {
			c.Federation.Parent = suite.Parent{Address: above.GRPC, Cosigner: above.identity(t).Cosigner, Plaintext: true}
		}
	}
	b.run(t)
	return b
}

func (b *bureau) run(t *testing.T) {
	t.Helper()
	b.Suite = suitetest.RunAs(t, b.folder, b.set)
}

func (b *bureau) identity(t *testing.T) upkeep.Identity {
	t.Helper()
	c := suite.Default()
	c.Data = b.folder
	b.set(&c)
	identity, err := upkeep.ReadIdentity(c)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func (b *bureau) federation(key string) federationv1.FederationServiceClient {
	return federationv1.NewFederationServiceClient(b.As(key))
}

func (b *bureau) feeds() feedv1.FeedServiceClient {
	return feedv1.NewFeedServiceClient(b.As(b.Auditor))
}

// enrol enters the lower one's keys by hand, as its operator has printed them.
func (b *bureau) enrol(t *testing.T, lower *bureau, unit string) *federationv1.Installation {
	t.Helper()
	in := lower.identity(t).Installation
	in.DisplayName, in.Unit = "演示下级机构", unit
	in, err := b.federation(b.SecurityAdmin).CreateInstallation(t.Context(), &federationv1.CreateInstallationRequest{Installation: in})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// head returns the head of a feed.
func (b *bureau) head(t *testing.T, feed string) *feedv1.Checkpoint {
	t.Helper()
	cp, err := b.feeds().GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: feed})
	if err != nil {
		t.Fatal(err)
	}
	return cp
}

// arrives waits until the upper one's mirror has the lower one's head.
func arrives(t *testing.T, upper, lower *bureau, id, service string) {
	t.Helper()
	want := lower.head(t, "feeds/"+service)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		got, err := upper.feeds().GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + id + "." + service})
		if err == nil && got.GetSize() >= want.GetSize() {
			if got.GetSize() == want.GetSize() && string(got.GetRoot()) != string(want.GetRoot()) {
				t.Fatalf("%s of %s has the root %x, want %x", service, id, got.GetRoot(), want.GetRoot())
			}
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s of %s is at %d, %v; want %d", service, id, got.GetSize(), err, want.GetSize())
		}
		_, _ = upper.feeds().ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: "feeds/federation", Start: upper.head(t, "feeds/federation").GetSize()})
	}
}

// city starts a city whose root is a unit of the province's tree.
func city(t *testing.T, province *bureau, id string) *bureau {
	t.Helper()
	province.Unit(id, province.Root, organizationv1.Unit_KIND_CITY)
	c := start(t, id, province)
	c.InitializeAs(id, organizationv1.Unit_KIND_CITY)
	return c
}

func TestThreeLevels(t *testing.T) {
	province := start(t, "510000", nil)
	province.InitializeAs("root", organizationv1.Unit_KIND_PROVINCE)
	chengdu := city(t, province, "510100")
	province.enrol(t, chengdu, "units/510100")
	chengdu.Unit("510104", chengdu.Root, organizationv1.Unit_KIND_DISTRICT)
	jinjiang := start(t, "510104", chengdu)
	jinjiang.InitializeAs("510104", organizationv1.Unit_KIND_DISTRICT)
	chengdu.enrol(t, jinjiang, "units/510104")
	jinjiang.Unit("school", jinjiang.Root, organizationv1.Unit_KIND_SCHOOL)
	arrives(t, chengdu, jinjiang, "510104", "organization")
	arrives(t, province, chengdu, "510100", "organization")
	arrives(t, province, jinjiang, "510104~510104", "organization")
}

// TestARestoredInstallationTakesItsTailBack: an old backup of the stores; what it
// lacks comes back from above, indexes included, before anything new is written.
func TestARestoredInstallationTakesItsTailBack(t *testing.T) {
	province := start(t, "510000", nil)
	province.InitializeAs("root", organizationv1.Unit_KIND_PROVINCE)
	lower := city(t, province, "510100")
	province.enrol(t, lower, "units/510100")
	lower.Unit("before", lower.Root, organizationv1.Unit_KIND_SCHOOL)
	arrives(t, province, lower, "510100", "organization")
	admin, auditor := lower.SystemAdmin, lower.Auditor
	lower.Stop()
	restore := backup(t, lower.folder)
	lower.run(t)
	lower.Root, lower.SystemAdmin, lower.Auditor = "units/510100", admin, auditor
	lower.Unit("lost", lower.Root, organizationv1.Unit_KIND_SCHOOL)
	arrives(t, province, lower, "510100", "organization")
	want := lower.head(t, "feeds/organization").GetSize()
	lower.Stop()
	restore()
	lower.run(t)
	lower.Root, lower.SystemAdmin, lower.Auditor = "units/510100", admin, auditor
	eventually(t, "the tail is back", func() bool { return lower.head(t, "feeds/organization").GetSize() >= want })
	eventually(t, "the log goes on", func() bool {
		_, err := lower.Organization(admin).CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{
			UnitId: "after", Unit: &organizationv1.Unit{DisplayName: "新校", Kind: organizationv1.Unit_KIND_SCHOOL, Parent: "units/510100"},
		})
		return err == nil
	})
	units, err := lower.Organization(admin).ListUnits(t.Context(), &organizationv1.ListUnitsRequest{Ancestor: "units/510100"})
	if err != nil || len(units.GetUnits()) != 4 {
		t.Errorf("the tree has %d units, %v; want four", len(units.GetUnits()), err)
	}
	arrives(t, province, lower, "510100", "organization")
}

// backup copies the stores of a suite that is stopped, and returns how to put them
// back.
func backup(t *testing.T, folder string) (restore func()) {
	t.Helper()
	stores, err := filepath.Glob(filepath.Join(folder, "*.db"))
	if err != nil || len(stores) == 0 {
		t.Fatalf("%d stores, %v", len(stores), err)
	}
	return suitetest.Kept(t, stores...)
}
