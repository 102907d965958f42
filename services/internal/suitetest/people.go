package suitetest

import (
	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// Initialize sets up a suite that RunIn started in a new folder.
func (s *Suite) Initialize() { s.InitializeAs("root", organizationv1.Unit_KIND_PROVINCE) }

// InitializeAs is Initialize with a root of that id and kind.
func (s *Suite) InitializeAs(id string, kind organizationv1.Unit_Kind) {
	s.T.Helper()
	s.Root = "units/" + id
	answer, err := s.Organization(s.Bootstrap).Initialize(s.T.Context(), &organizationv1.InitializeRequest{
		Root:        &organizationv1.Unit{DisplayName: "演示省教育厅", Kind: kind},
		RootId:      id,
		SystemAdmin: "系统管理员", SecurityAdmin: "安全管理员", Auditor: "审计员",
	})
	s.must(err)
	s.SystemAdmin, s.SecurityAdmin, s.Auditor = answer.GetSystemAdmin().GetSecret(), answer.GetSecurityAdmin().GetSecret(), answer.GetAuditor().GetSecret()
}

// Unit creates a unit beneath a parent and returns its name.
func (s *Suite) Unit(id, parent string, kind organizationv1.Unit_Kind) string {
	s.T.Helper()
	u, err := s.Organization(s.SystemAdmin).CreateUnit(s.T.Context(), &organizationv1.CreateUnitRequest{
		UnitId: id, Unit: &organizationv1.Unit{DisplayName: "演示单位 " + id, Kind: kind, Parent: parent},
	})
	s.must(err)
	return u.GetName()
}

// Person is somebody who can call.
type Person struct {
	Name string // units/{unit}/members/{member}
	Key  string
}

// Person enters a person into a unit, grants the roles there and issues a key.
func (s *Suite) Person(unit string, roles ...accessv1.Role) Person {
	s.T.Helper()
	m, err := s.Organization(s.SystemAdmin).CreateMember(s.T.Context(), &organizationv1.CreateMemberRequest{
		Parent: unit, Member: &organizationv1.Member{DisplayName: "演示人员"},
	})
	s.must(err)
	return Person{m.GetName(), s.principal(m.GetName(), unit, roles)}
}

// Machine registers a machine that a unit answers for.
func (s *Suite) Machine(unit string, roles ...accessv1.Role) Person {
	s.T.Helper()
	m, err := s.Organization(s.SystemAdmin).CreateMachine(s.T.Context(), &organizationv1.CreateMachineRequest{
		Machine: &organizationv1.Machine{DisplayName: "演示系统", Unit: unit},
	})
	s.must(err)
	return Person{m.GetName(), s.principal(m.GetName(), unit, roles)}
}

// principal grants the roles on the unit and returns a key.
func (s *Suite) principal(name, unit string, roles []accessv1.Role) string {
	s.T.Helper()
	for _, role := range roles {
		s.Grant(name, unit, role)
	}
	k, err := s.Organization(s.SecurityAdmin).CreateApiKey(s.T.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: name},
	})
	s.must(err)
	return k.GetSecret()
}

// Grant grants a role on a unit and returns the grant's name.
func (s *Suite) Grant(principal, unit string, role accessv1.Role) string {
	s.T.Helper()
	g, err := s.Organization(s.SecurityAdmin).CreateRoleGrant(s.T.Context(), &organizationv1.CreateRoleGrantRequest{
		RoleGrant: &organizationv1.RoleGrant{Principal: principal, Role: role, Unit: unit},
	})
	s.must(err)
	return g.GetName()
}
