package main

import (
	"testing"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

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
