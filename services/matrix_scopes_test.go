package services_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// narrow calls every method by keys that are narrowed to scopes, of who holds a role that
// the rule names on the unit of the record: to reading the method's service, to writing
// it, and to all of another service. It holds the answers against what ApiKey.scopes says
// in words, by what the contract says of the method.
func (m *matrix) narrow(t *testing.T) {
	fixtures, methods, there := m.fixtures(), []method{}, map[string]bool{}
	for full := range fixtures {
		d := describe(t, full)
		methods = append(methods, d)
		there[d.scope()] = there[d.scope()] || !d.free()
	}
	keys, calls := map[string]string{}, 0
	for _, d := range methods {
		f := fixtures[d.full][0]
		home := f.at(d.rule)[0]
		c := m.standing(able(d.rule), "self", home)
		for _, scopes := range scopings(d.service()) {
			scopes = slices.DeleteFunc(scopes, func(s string) bool { return !there[s] })
			if len(scopes) == 0 {
				continue // no method takes it, and no key can be narrowed to it
			}
			id := c.person + " " + strings.Join(scopes, " ")
			if keys[id] == "" {
				keys[id] = m.issue(&organizationv1.ApiKey{Principal: c.person, Scopes: scopes}).GetSecret()
			}
			by := cell{method: d, fixture: f, caller: c, home: home}
			by.caller.key, by.caller.name = keys[id], c.name+", narrowed to "+strings.Join(scopes, " and ")
			want := !d.free() && !slices.Contains(scopes, d.scope())
			for _, a := range m.call(t, by, f.ask(m.records[home].from(c))) {
				calls++
				if got := a.code == codes.PermissionDenied && strings.Contains(a.told, "KEY_SCOPE_DENIED"); got != want {
					t.Errorf("%s by %v over %s: %v, refused by scope: %v, want %v", d.full, by, a.over, a.code, got, want)
				}
			}
		}
	}
	t.Logf("%d methods, %d keys, %d calls by keys that are narrowed to scopes", len(methods), len(keys), calls)
}

// service is whose method it is, such as "complaint".
func (m method) service() string { return strings.Split(m.full, ".")[1] }

// scope is the one that the method takes: "the methods of a service that change nothing"
// are those of GET.
func (m method) scope() string {
	if m.verb == "GET" {
		return m.service() + ":read"
	}
	return m.service() + ":write"
}

// free says whether it takes no scope: "what anybody may call, and what takes a credential
// and no grant", among it what services alone and the bootstrap key may call.
func (m method) free() bool {
	return m.rule.GetPublic() || m.rule.GetScope() == accessv1.Scope_SCOPE_UNSPECIFIED
}

// able is a role that the rule lets pass.
func able(rule *accessv1.Rule) accessv1.Role {
	if len(rule.GetRoles()) > 0 {
		return rule.GetRoles()[0]
	}
	return accessv1.Role_ROLE_VIEWER
}

// scopings are those to read a service, to write it, and to do both in another.
func scopings(service string) [][]string {
	other := "complaint"
	if service == other {
		other = "evaluation"
	}
	return [][]string{{service + ":read"}, {service + ":write"}, {other + ":read", other + ":write"}}
}
