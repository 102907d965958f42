package authz_test

import (
	"context"

	_ "google.golang.org/grpc/health/grpc_health_v1"

	"errors"
	"slices"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
)

// tree is p above c above {d above {s above {dep, old above {olddep, older}}, s2}, d2}:
// older was merged into old, and old into s.
type tree struct {
	grants []authz.Grant
	home   string // where everybody is entered; empty: nowhere in it
}

var parents = map[string]string{"c": "p", "d": "c", "d2": "c", "s": "d", "s2": "d", "dep": "s", "old": "s", "older": "old", "olddep": "old", "p": ""}

func (tree) Path(unit string) (path []string) {
	if _, ok := parents[unit]; !ok {
		return nil
	}
	for ; unit != ""; unit = parents[unit] {
		path = append(path, unit)
	}
	return path
}
func (tree) Department(unit string) bool   { return unit == "dep" || unit == "olddep" }
func (tree) Merged(unit string) bool       { return unit == "old" || unit == "older" }
func (x tree) Grants(string) []authz.Grant { return x.grants }
func (x tree) Belongs(_, unit string) bool {
	for x.Merged(unit) {
		unit = parents[unit]
	}
	return slices.Contains(x.Path(x.home), unit)
}
func (tree) Root() string                  { return "p" }
func (tree) Fresh() error                  { return nil }
func (tree) Position() uint64              { return 0 }
func (tree) CatchUp(context.Context) error { return nil }

const head, leader, viewer = accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_VIEWER

func TestCheck(t *testing.T) {
	own, superior, any := accessv1.Scope_SCOPE_OWN, accessv1.Scope_SCOPE_SUPERIOR, accessv1.Scope_SCOPE_ANY
	for _, c := range []struct {
		name  string
		grant authz.Grant
		rule  *accessv1.Rule
		key   authn.Principal
		unit  string
		want  error
	}{
		{"own unit", authz.Grant{Role: head, Unit: "d"}, &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: own}, authn.Principal{}, "d", nil},
		{"own department", authz.Grant{Role: head, Unit: "s"}, &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: own}, authn.Principal{}, "dep", nil},
		{"a unit beneath is not one's own", authz.Grant{Role: head, Unit: "d"}, &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: own}, authn.Principal{}, "s", authz.ErrDenied},
		{"nor is its department", authz.Grant{Role: head, Unit: "d"}, &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: own}, authn.Principal{}, "dep", authz.ErrDenied},
		{"superior of a school", authz.Grant{Role: leader, Unit: "c"}, &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: superior}, authn.Principal{}, "s", nil},
		{"nobody is their own superior", authz.Grant{Role: leader, Unit: "d"}, &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: superior}, authn.Principal{}, "d", authz.ErrDenied},
		{"the parent is not seen", authz.Grant{Role: leader, Unit: "d"}, &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: any}, authn.Principal{}, "c", authz.ErrNotFound},
		{"nor a sibling", authz.Grant{Role: leader, Unit: "d"}, &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: any}, authn.Principal{}, "d2", authz.ErrNotFound},
		{"nor what is not there", authz.Grant{Role: leader, Unit: "d"}, &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: any}, authn.Principal{}, "x", authz.ErrNotFound},
		{"what was merged into one's unit is one's own", authz.Grant{Role: head, Unit: "s"}, &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: own}, authn.Principal{}, "old", nil},
		{"and what had been merged into that", authz.Grant{Role: head, Unit: "s"}, &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: own}, authn.Principal{}, "older", nil},
		{"and its department", authz.Grant{Role: head, Unit: "s"}, &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: own}, authn.Principal{}, "olddep", nil},
		{"but not that of those above", authz.Grant{Role: head, Unit: "d"}, &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: own}, authn.Principal{}, "older", authz.ErrDenied},
		{"one is not its superior", authz.Grant{Role: leader, Unit: "s"}, &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: superior}, authn.Principal{}, "old", authz.ErrDenied},
		{"nor that of what had been merged into it", authz.Grant{Role: leader, Unit: "s"}, &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: superior}, authn.Principal{}, "older", authz.ErrDenied},
		{"which is who stands above one's unit", authz.Grant{Role: leader, Unit: "d"}, &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: superior}, authn.Principal{}, "older", nil},
		{"a unit merged elsewhere is not seen", authz.Grant{Role: head, Unit: "s2"}, &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: own}, authn.Principal{}, "old", authz.ErrNotFound},
		{"any grant reads", authz.Grant{Role: viewer, Unit: "c"}, &accessv1.Rule{Scope: any}, authn.Principal{}, "s", nil},
		{"a key reaches only its subtree", authz.Grant{Role: head, Unit: "c"}, &accessv1.Rule{Scope: any}, authn.Principal{Unit: "d"}, "d2", authz.ErrNotFound},
		{"and within it as far as the grant", authz.Grant{Role: leader, Unit: "c"}, &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: superior}, authn.Principal{Unit: "d"}, "d", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.key.Name = "units/c/members/m"
			a, err := authz.Enter(tree{grants: []authz.Grant{c.grant}}, &authz.Method{Rule: c.rule}, c.key)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Check(c.unit); !errors.Is(err, c.want) {
				t.Errorf("Check(%s) = %v, want %v", c.unit, err, c.want)
			}
		})
	}
}

func TestEnter(t *testing.T) {
	person := authn.Principal{Name: "units/c/members/m"}
	heads := &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: accessv1.Scope_SCOPE_OWN, Person: true}
	signed := &accessv1.Rule{Roles: heads.Roles, Scope: heads.Scope, SecondFactor: true}
	services := &accessv1.Rule{Services: []string{"complaint"}}
	for _, c := range []struct {
		name string
		rule *accessv1.Rule
		who  authn.Principal
		want error
	}{
		{"the public", &accessv1.Rule{Public: true}, authn.Principal{}, nil},
		{"nobody where a key is needed", heads, authn.Principal{}, authn.ErrUnauthenticated},
		{"a person with the role", heads, person, nil},
		{"a machine where a person is needed", heads, authn.Principal{Name: "machines/m"}, authz.ErrDenied},
		{"a key without the role", heads, authn.Principal{Name: person.Name, Roles: []accessv1.Role{viewer}}, authz.ErrDenied},
		{"a signature without a second factor", signed, person, authz.ErrSecondFactor},
		{"a signature with one", signed, authn.Principal{Name: person.Name, SecondFactor: true}, nil},
		{"a signature without the role", signed, authn.Principal{Name: person.Name, Roles: []accessv1.Role{viewer}}, authz.ErrDenied},
		{"a service that is named", services, authn.Principal{Name: "services/complaint"}, nil},
		{"a service that is not", services, authn.Principal{Name: "services/campaign"}, authn.ErrUnauthenticated},
		{"a person where services call", services, person, authz.ErrDenied},
		{"the bootstrap key elsewhere", heads, authn.Principal{Name: "bootstrap", Bootstrap: true}, authn.ErrUnauthenticated},
		{"a person where the bootstrap key is needed", &accessv1.Rule{Bootstrap: true}, person, authn.ErrUnauthenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := tree{grants: []authz.Grant{{Role: head, Unit: "d"}}}
			if _, err := authz.Enter(x, &authz.Method{Rule: c.rule}, c.who); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("Enter = %v, want %v", err, c.want)
			}
		})
	}
}

// A key that is narrowed to scopes opens the methods that they name, and what takes no
// grant; never more than its principal's grants.
func TestAKeyOpensItsScopes(t *testing.T) {
	held := &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: accessv1.Scope_SCOPE_OWN}
	lacked := &accessv1.Rule{Roles: []accessv1.Role{leader}, Scope: accessv1.Scope_SCOPE_OWN}
	for _, c := range []struct {
		name   string
		rule   *accessv1.Rule
		reads  bool
		scopes []string
		want   error
	}{
		{"no scopes", held, false, nil, nil},
		{"its own", held, false, []string{"event:read", "complaint:write"}, nil},
		{"of reading", held, true, []string{"complaint:read"}, nil},
		{"writing is not reading", held, true, []string{"complaint:write"}, authz.ErrScope},
		{"nor the other way about", held, false, []string{"complaint:read"}, authz.ErrScope},
		{"another service's", held, false, []string{"campaign:write"}, authz.ErrScope},
		{"one that is none", held, false, []string{""}, authz.ErrScope},
		{"a scope gives no role", lacked, false, []string{"complaint:write"}, authz.ErrDenied},
		{"what anybody may call", &accessv1.Rule{Public: true}, false, []string{"campaign:read"}, nil},
		{"what takes a credential alone", &accessv1.Rule{}, true, []string{"campaign:read"}, nil},
		{"what services call", &accessv1.Rule{Services: []string{"event"}}, false, []string{"complaint:write"}, authz.ErrDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &authz.Method{Service: "complaint", Rule: c.rule, Reads: c.reads}
			who := authn.Principal{Name: "units/c/members/m", Scopes: c.scopes}
			_, err := authz.Enter(tree{grants: []authz.Grant{{Role: head, Unit: "d"}}}, m, who)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("Enter = %v, want %v", err, c.want)
			}
		})
	}
}

func TestMethodsWithoutARuleStopTheStart(t *testing.T) {
	if _, err := authz.Methods("duban.access.v1.None"); err == nil {
		t.Error("an unknown service passed")
	}
	if _, err := authz.Methods("grpc.health.v1.Health"); err == nil {
		t.Error("a service without rules passed")
	}
}
