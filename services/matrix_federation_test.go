package services_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	protobuf "google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// belowRecords are of an installation whose root lies beneath the home.
type belowRecords struct {
	installation, mirror string
	fresh                *federationv1.Installation // one that is not enrolled
}

func noBelow() belowRecords {
	return belowRecords{installation: "installations/none", mirror: "installations/none/mirrors/organization", fresh: identity("units/none", "fresh")}
}

// keepBelow runs the installation of a unit of a school until it has pushed its tree.
func (m *matrix) keepBelow(home string) belowRecords {
	if home != school {
		return noBelow()
	}
	id, t := strings.TrimPrefix(home, "units/")+"-below", m.suite.T
	unit := m.suite.Unit(id, home, organizationv1.Unit_KIND_AFFILIATE)
	c := below(t.TempDir(), id)
	c.Federation.Parent = suite.Parent{Address: m.suite.GRPC, Cosigner: must(upkeep.ReadIdentity(above(m.suite))).Cosigner, Plaintext: true}
	in := identityOf(c, unit)
	enrolled, err := federationv1.NewFederationServiceClient(m.suite.As(m.suite.SecurityAdmin)).
		CreateInstallation(t.Context(), &federationv1.CreateInstallationRequest{Installation: in})
	if err != nil {
		t.Fatal(err)
	}
	lower := suitetest.RunAs(t, c.Data, func(to *suite.Config) { to.Installation, to.Federation = c.Installation, c.Federation })
	lower.InitializeAs(id, organizationv1.Unit_KIND_DISTRICT)
	m.mirrored("feeds/" + id + ".organization")
	return belowRecords{enrolled.GetName(), enrolled.GetName() + "/mirrors/organization", identity(m.suite.Unit("fresh", home, organizationv1.Unit_KIND_AFFILIATE), "fresh")}
}

// mirrored returns when something of the feed has come.
func (m *matrix) mirrored(feed string) {
	ctx, cancel := context.WithTimeout(m.suite.T.Context(), time.Minute)
	defer cancel()
	feeds := feedv1.NewFeedServiceClient(m.suite.As(m.suite.Auditor))
	for {
		cp, err := feeds.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: feed})
		if err == nil && cp.GetSize() > 0 {
			return
		}
		if ctx.Err() != nil {
			m.suite.T.Fatalf("%s did not come: %v", feed, err)
		}
	}
}

func below(folder, id string) suite.Config {
	c := suite.Default()
	c.Data, c.Installation = folder, "edu.example/"+id
	return c
}

// above is the configuration of the matrix's own suite, as far as its keys go.
func above(s *suitetest.Suite) suite.Config {
	c := suite.Default()
	c.Data = s.Folder
	return c
}

// voice is the key with which an installation that never ran would sign.
var voice = sync.OnceValue(func() ed25519.PublicKey { return publicOf(0) })

// publicOf is the public half of the key of a seed.
func publicOf(seed byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
}

// identity is that of an installation which never ran, for a unit.
func identity(unit, id string) *federationv1.Installation {
	in := &federationv1.Installation{DisplayName: "演示下级机构", Unit: unit}
	for _, service := range []string{"federation", "organization"} {
		origin := "edu.example/" + id + "/" + service + "/1"
		key := must(note.NewEd25519VerifierKey(origin, voice()))
		in.Logs = append(in.Logs, &federationv1.EnrolledLog{Origin: origin, VerifierKey: key})
	}
	return in
}

func identityOf(c suite.Config, unit string) *federationv1.Installation {
	in := must(upkeep.ReadIdentity(c)).Installation
	in.DisplayName, in.Unit = "演示下级机构", unit
	return in
}

func federationFixtures() map[string][]fixture {
	const why = "核对"
	further := identity("", "s1-below").GetLogs()[:1] // the voice of a newer era
	further[0].Origin = "edu.example/s1-below/federation/2"
	further[0].VerifierKey = must(note.NewEd25519VerifierKey(further[0].GetOrigin(), publicOf(1)))
	return map[string][]fixture{
		"CreateInstallation": {asks(func(r records) protobuf.Message {
			return &federationv1.CreateInstallationRequest{Installation: r.below.fresh, ValidateOnly: true}
		})},
		"GetInstallation": {{except: draft(), ask: func(r records) protobuf.Message {
			return &federationv1.GetInstallationRequest{Name: r.below.installation}
		}}},
		"ListInstallations": {{sifts: true, except: draft(), shows: func(r records) string { return r.below.installation }, ask: func(records) protobuf.Message {
			return &federationv1.ListInstallationsRequest{PageSize: 1000}
		}}},
		"ExtendInstallation": {asks(func(r records) protobuf.Message {
			return &federationv1.ExtendInstallationRequest{Name: r.below.installation, Logs: further, ValidateOnly: true}
		})},
		"SuspendInstallation": {asks(func(r records) protobuf.Message {
			return &federationv1.SuspendInstallationRequest{Name: r.below.installation, Reason: why, ValidateOnly: true}
		})},
		"ResumeInstallation": {asks(func(r records) protobuf.Message {
			return &federationv1.ResumeInstallationRequest{Name: r.below.installation, ValidateOnly: true}
		})},
		"RevokeInstallation": {asks(func(r records) protobuf.Message {
			return &federationv1.RevokeInstallationRequest{Name: r.below.installation, Reason: why, ValidateOnly: true}
		})},
		"ReenrolInstallation": {asks(func(r records) protobuf.Message {
			return &federationv1.ReenrolInstallationRequest{Name: r.below.installation, Logs: further, Reason: why, ValidateOnly: true}
		})},
		"ListMirrors": {{sifts: true, except: draft(), shows: func(r records) string { return r.below.mirror }, ask: func(records) protobuf.Message {
			return &federationv1.ListMirrorsRequest{Parent: "installations/-", PageSize: 1000}
		}}},
		"GetBracket":  {{except: draft(), ask: func(r records) protobuf.Message { return &federationv1.GetBracketRequest{Name: r.below.mirror} }}},
		"GetEvidence": {asks(func(r records) protobuf.Message { return &federationv1.GetEvidenceRequest{Name: r.below.mirror} })},
		"GetReceipt":  {{homes: whole, ask: func(r records) protobuf.Message { return &federationv1.GetReceiptRequest{Name: r.feed} }}},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// logFixtures are about the role's own log, and change nothing of one that is whole.
func logFixtures() map[string][]fixture {
	return map[string][]fixture{
		"ConfirmLog": {{homes: nowhere, ask: func(records) protobuf.Message { return &federationv1.ConfirmLogRequest{Role: "campaign"} }}},
		"HoldLog":    {{homes: nowhere, ask: func(records) protobuf.Message { return &federationv1.HoldLogRequest{Role: "nobody"} }}},
	}
}
