package suitetest_test

import (
	"crypto/ed25519"
	"errors"
	"os"
	"testing"
	"time"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// TestAnOldStoreThatIsPutBackIsHeld: nobody is above, and the role itself knows
// that its log was longer, in one process and in one of its own: reading goes on,
// and nothing is written that contradicts what was signed.
func TestAnOldStoreThatIsPutBackIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(testing.TB) *suitetest.Suite
		stop func(s *suitetest.Suite, do func()) *suitetest.Suite
	}{
		"standalone": {suitetest.Run, func(s *suitetest.Suite, do func()) *suitetest.Suite {
			s.Stop()
			do()
			again := suitetest.RunIn(s.T, s.Folder)
			again.SystemAdmin = s.SystemAdmin
			return again
		}},
		"split": {suitetest.Split, func(s *suitetest.Suite, do func()) *suitetest.Suite {
			s.Without("organization", do)
			return s
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.run(t)
			path := s.Store("organization")
			var old []byte
			s = c.stop(s, func() { old = suitetest.OK[[]byte](t)(os.ReadFile(path)) })
			s.Unit("lost", "units/root", organizationv1.Unit_KIND_CITY)
			s = c.stop(s, func() {
				if err := os.WriteFile(path, old, 0o600); err != nil {
					t.Fatal(err)
				}
			})
			on := s.Organization(s.SystemAdmin)
			_, err := on.CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{
				UnitId: "other", Unit: &organizationv1.Unit{DisplayName: "other", Kind: organizationv1.Unit_KIND_CITY, Parent: "units/root"},
			})
			if !errors.Is(err, change.ErrLogIncomplete) {
				t.Errorf("writing = %v, want %v", err, change.ErrLogIncomplete)
			}
			if _, err := on.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: "units/root"}); err != nil {
				t.Errorf("reading = %v", err)
			}
		})
	}
}

// TestRestoredDataWait for the installation above: nothing is written before it was
// heard, over a restart too, and none at all is no leave; whoever cannot be told goes
// on in a new era, and no longer in the one before.
func TestRestoredDataWait(t *testing.T) {
	s := suitetest.Run(t)
	s.Stop()
	path := s.Store("organization")
	old := suitetest.OK[[]byte](t)(os.ReadFile(path))
	if err := recovery.MarkRestored(s.Folder); err != nil {
		t.Fatal(err)
	}
	unreachable := func(c *suite.Config) {
		c.Federation.Parent = suite.Parent{Address: "127.0.0.1:1", Plaintext: true, Cosigner: cosigner(t)}
	}
	carried := func(c *suite.Config) { c.Federation.Parent = suite.Parent{Cosigner: cosigner(t)} }
	for _, step := range []struct {
		id   string
		set  func(*suite.Config)
		era  bool
		want error
	}{
		{"a", unreachable, false, change.ErrLogIncomplete},
		{"b", carried, false, change.ErrLogIncomplete},
		{"c", func(*suite.Config) {}, false, change.ErrLogIncomplete}, // nobody is above
		{"d", unreachable, true, nil},
		{"e", func(*suite.Config) {}, false, nil},
		{"f", nil, false, change.ErrLogIncomplete},
	} {
		if step.set == nil { // a store of the era that has ended
			step.set = func(*suite.Config) {}
			if err := os.WriteFile(path, old, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if step.era {
			_, err := upkeep.OpenEra(t.Context(), suite.Config{Data: s.Folder}, upkeep.Keys{}, upkeep.Declaration{
				Reason: "it is gone for good", Approvers: []string{"units/root/members/a", "units/root/members/b"}, Now: time.Now,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		again := suitetest.RunAs(t, s.Folder, step.set)
		_, err := again.Organization(s.SystemAdmin).CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{
			UnitId: step.id, Unit: &organizationv1.Unit{DisplayName: step.id, Kind: organizationv1.Unit_KIND_CITY, Parent: "units/root"},
		})
		if !errors.Is(err, step.want) {
			t.Errorf("%s: writing = %v, want %v", step.id, err, step.want)
		}
		again.Stop()
	}
}

// cosigner is the key of an installation above.
func cosigner(t *testing.T) string {
	t.Helper()
	c := federation.NewCosigner("edu.example/510000/mirror", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	return c.VerifierKey()
}
