package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// TestTorturePush kills the installation above or the one below while the one
// writes and both replicate. In the end every log above is what it is below, none
// is frozen or behind, and both stores are whole.
func TestTorturePush(t *testing.T) {
	r := dice(t)
	above, below := settings(t.TempDir()), settings(t.TempDir())
	above.Installation, above.GRPC = "edu.example/province", unused(t)
	below.Installation = "edu.example/city"
	below.Federation.Parent = suite.Parent{Address: above.GRPC, Plaintext: true}
	upper := boot(t, above)
	over := foundProvince(t, upper)
	below.Federation.Parent.Cosigner = identify(t, above).Cosigner
	lower := boot(t, below)
	keys := initialize(t, lower)
	enrol(t, upper, over, identify(t, below).Installation)
	for round := range number(t, "DUBAN_TORTURE", 20) {
		l := newLoad(t, lower.as(keys), fmt.Sprintf("push-%d", round))
		written := l.start(t.Context(), lower.as(keys), writers)
		<-time.After(moment(r, 5*time.Millisecond, 60*time.Millisecond))
		if r.IntN(2) == 0 {
			upper.kill()
			upper = boot(t, above)
			<-time.After(moment(r, 5*time.Millisecond, 60*time.Millisecond))
		}
		lower.kill()
		<-written
		lower = boot(t, below)
	}
	logs := identify(t, below).Installation.GetLogs()
	for _, name := range []string{"organization", "rectification"} {
		agreed(t, upper.as(over).feed(), lower.as(keys).feed(), name)
	}
	mirrors, err := federationv1.NewFederationServiceClient(keyed{upper.dial(), over.auditor}).
		ListMirrors(t.Context(), &federationv1.ListMirrorsRequest{Parent: "installations/city"})
	if err != nil || len(mirrors.GetMirrors()) != len(logs) {
		t.Errorf("%d mirrors, %v; want %d", len(mirrors.GetMirrors()), err, len(logs))
	}
	if i := slices.IndexFunc(mirrors.GetMirrors(), func(m *federationv1.Mirror) bool { return m.GetState() != federationv1.Mirror_STATE_ACTIVE }); i >= 0 {
		t.Errorf("a false alarm: %v", mirrors.GetMirrors()[i])
	}
	lower.stop()
	upper.stop()
	clean(t, above)
	clean(t, below)
}

// unused is an address on which nobody listens: one that stays when a child is
// started again.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// foundProvince sets the province up, of which the city is a unit.
func foundProvince(t *testing.T, d *child) admins {
	t.Helper()
	answer, err := caller{d.dial(), admins{system: d.bootstrap()}}.org().Initialize(t.Context(), &organizationv1.InitializeRequest{
		Root: &organizationv1.Unit{DisplayName: "某省教育厅", Kind: organizationv1.Unit_KIND_PROVINCE}, RootId: "province",
		SystemAdmin: "系统管理员", SecurityAdmin: "安全管理员", Auditor: "审计员",
	})
	if err != nil {
		t.Fatal(err)
	}
	keys := admins{system: answer.GetSystemAdmin().GetSecret(), security: answer.GetSecurityAdmin().GetSecret(), auditor: answer.GetAuditor().GetSecret()}
	_, err = d.as(keys).org().CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{
		UnitId: "root", Unit: &organizationv1.Unit{DisplayName: "某市教育局", Kind: organizationv1.Unit_KIND_CITY, Parent: "units/province"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func identify(t *testing.T, c suite.Config) upkeep.Identity {
	t.Helper()
	identity, err := upkeep.ReadIdentity(c)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func enrol(t *testing.T, d *child, keys admins, in *federationv1.Installation) {
	t.Helper()
	in.DisplayName, in.Unit = "某市教育局", "units/root"
	_, err := federationv1.NewFederationServiceClient(keyed{d.dial(), keys.security}).
		CreateInstallation(t.Context(), &federationv1.CreateInstallationRequest{Installation: in})
	if err != nil {
		t.Fatal(err)
	}
}

// agreed waits until the mirror above has what the log below has.
func agreed(t *testing.T, above, below feedv1.FeedServiceClient, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	want, err := below.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + name})
	if err != nil {
		t.Fatal(err)
	}
	for {
		got, err := above.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/city." + name})
		if err == nil && got.GetSize() == want.GetSize() {
			if string(got.GetRoot()) != string(want.GetRoot()) {
				t.Errorf("%s: the roots at %d are %x and %x", name, want.GetSize(), got.GetRoot(), want.GetRoot())
			}
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s: %d of %d entries are above, %v", name, got.GetSize(), want.GetSize(), err)
		}
		<-time.After(10 * time.Millisecond)
	}
}
