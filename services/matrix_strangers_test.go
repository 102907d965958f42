package services_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
)

// strangers are callers beside the roles: without a key, with one that does not
// hold, a machine, and keys that narrow a role which the rule would let pass.
func (m *matrix) strangers(rule *accessv1.Rule) []caller {
	role := accessv1.Role_ROLE_VIEWER
	if len(rule.GetRoles()) > 0 {
		role = rule.GetRoles()[0]
	}
	return slices.Concat(m.keyless, m.narrowed[role])
}

func (m *matrix) outsiders() []caller {
	s := m.suite
	good := s.Person(province, accessv1.Role_ROLE_VIEWER)
	return []caller{
		{name: "nobody"},
		{name: "a wrong secret", key: good.Key + "x", dead: true},
		{name: "a key that never was", key: "duban_0190-nothing_" + strings.Repeat("a", 52), dead: true},
		{name: "the bootstrap key, used up", key: s.Bootstrap, dead: true},
		{name: "a person without a grant", key: s.Person(school).Key},
		{name: "a machine", key: s.Machine(province, accessv1.Role_ROLE_VIEWER).Key, machine: true, role: accessv1.Role_ROLE_VIEWER, unit: province},
	}
}

// bury returns once the bootstrap key, which was used up a moment ago, is no
// longer believed.
func (m *matrix) bury() {
	ctx, cancel := context.WithTimeout(m.suite.T.Context(), time.Minute)
	defer cancel()
	clock := clockv1.NewClockServiceClient(m.suite.As(m.suite.Bootstrap))
	for {
		_, err := clock.GetClock(ctx, &clockv1.GetClockRequest{})
		switch {
		case errors.Is(err, authn.ErrUnauthenticated):
			return
		case err != nil:
			m.suite.T.Fatal(err)
		}
	}
}

// keyed are callers with other keys of who holds the role on the root.
func (m *matrix) keyed(role accessv1.Role) []caller {
	p := m.enter(role, province)
	m.suite.Grant(p.Name, province, role)
	other := accessv1.Role_ROLE_VIEWER
	if role == other {
		other = accessv1.Role_ROLE_CLERK
	}
	revoked := m.issue(&organizationv1.ApiKey{Principal: p.Name})
	m.revoke(revoked.GetApiKey().GetName())
	beside := m.issue(&organizationv1.ApiKey{Principal: p.Name, Unit: "units/city2"})
	less := m.lost(p.Name, other)
	of := " of " + role.String() + " on the root"
	return []caller{
		{name: "a revoked key" + of, key: revoked.GetSecret(), dead: true},
		{name: "a key for another branch" + of, key: beside.GetSecret(), machine: machine(role), role: role, unit: province, reach: "units/city2"},
		{name: "a key for another role" + of, key: less.GetSecret(), machine: machine(role)},
	}
}

// lost issues a key for a role that its principal holds no more.
func (m *matrix) lost(principal string, role accessv1.Role) *organizationv1.IssuedApiKey {
	grant := m.suite.Grant(principal, province, role)
	k := m.issue(&organizationv1.ApiKey{Principal: principal, Roles: []accessv1.Role{role}})
	_, err := m.suite.Organization(m.suite.SecurityAdmin).DeleteRoleGrant(m.suite.T.Context(), &organizationv1.DeleteRoleGrantRequest{Name: grant})
	if err != nil {
		m.suite.T.Fatal(err)
	}
	return k
}

func (m *matrix) issue(k *organizationv1.ApiKey) *organizationv1.IssuedApiKey {
	issued, err := m.suite.Organization(m.suite.SecurityAdmin).CreateApiKey(m.suite.T.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: k})
	if err != nil {
		m.suite.T.Fatal(err)
	}
	return issued
}

func (m *matrix) revoke(key string) {
	_, err := m.suite.Organization(m.suite.SecurityAdmin).RevokeApiKey(m.suite.T.Context(), &organizationv1.RevokeApiKeyRequest{Name: key})
	if err != nil {
		m.suite.T.Fatal(err)
	}
}
