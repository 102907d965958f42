package authz_test

import (
	"errors"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
)

func TestActsAsIsTheGrantInTheScopeAsked(t *testing.T) {
	own, superior := accessv1.Scope_SCOPE_OWN, accessv1.Scope_SCOPE_SUPERIOR
	grants := []authz.Grant{{Role: viewer, Unit: "c"}, {Role: leader, Unit: "d"}, {Role: head, Unit: "s"}}
	for _, c := range []struct {
		name  string
		unit  string
		scope accessv1.Scope
		roles []accessv1.Role
		want  string // the unit of the acting grant
	}{
		{"on one's own unit", "s", own, []accessv1.Role{leader, head}, "s"},
		{"on one's own department", "dep", own, []accessv1.Role{head}, "s"},
		{"as superior", "s", superior, []accessv1.Role{leader, head}, "d"},
		{"not as one's own superior", "d", superior, []accessv1.Role{leader}, ""},
		{"not by another role", "s", superior, []accessv1.Role{head}, ""},
		{"not beneath as one's own", "s", own, []accessv1.Role{leader}, ""},
		{"not elsewhere", "d2", superior, []accessv1.Role{leader, head}, ""},
		{"not without a scope", "s", accessv1.Scope_SCOPE_UNSPECIFIED, []accessv1.Role{leader, head}, ""},
	} {
		a, err := authz.Enter(tree{grants: grants}, &authz.Method{Rule: &accessv1.Rule{Scope: accessv1.Scope_SCOPE_ANY}}, authn.Principal{Name: "units/d/members/m"})
		if err != nil {
			t.Fatal(err)
		}
		if got := a.ActsAs(c.unit, c.scope, c.roles...); got != (c.want != "") || got && a.Acting().Unit != c.want {
			t.Errorf("%s: ActsAs = %v by %v, want by %q", c.name, got, a.Acting(), c.want)
		}
	}
	service, err := authz.Enter(tree{grants: grants}, &authz.Method{Rule: &accessv1.Rule{Services: []string{"complaint"}}}, authn.Principal{Name: "services/complaint"})
	if err != nil {
		t.Fatal(err)
	}
	if service.ActsAs("s", own, head) {
		t.Error("a service acts as a head")
	}
}

// Who acts for a bureau holds a grant on it or above it, that reaches the unit as asked.
func TestActsForIsTheGrantOfTheBureauOrHigher(t *testing.T) {
	superior := accessv1.Scope_SCOPE_SUPERIOR
	a, err := authz.Enter(tree{grants: []authz.Grant{{Role: leader, Unit: "d"}, {Role: head, Unit: "c"}}},
		&authz.Method{Rule: &accessv1.Rule{Scope: accessv1.Scope_SCOPE_ANY}}, authn.Principal{Name: "units/d/members/m"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, bureau, unit string
		role               accessv1.Role
		want               string
	}{
		{"for the bureau", "d", "s", leader, "d"},
		{"not for the one above", "c", "s", leader, ""},
		{"from above the bureau", "d", "s", head, "c"},
		{"for another beneath", "d2", "s", head, "c"},
		{"not for another", "d2", "s", leader, ""},
		{"not for oneself", "d", "d", leader, ""},
		{"not for nobody", "x", "s", head, ""},
	} {
		if got := a.ActsFor(c.bureau, c.unit, superior, c.role); got != (c.want != "") || got && a.Acting().Unit != c.want {
			t.Errorf("%s: ActsFor = %v by %v, want by %q", c.name, got, a.Acting(), c.want)
		}
	}
}

// Nobody is the superior of a unit that they belong to, or that lies above what they
// belong to; they read it, and act as its own, as their grants say.
func TestNobodyIsTheSuperiorOfTheirOwnUnit(t *testing.T) {
	own, superior, any := accessv1.Scope_SCOPE_OWN, accessv1.Scope_SCOPE_SUPERIOR, accessv1.Scope_SCOPE_ANY
	held := []authz.Grant{{Role: leader, Unit: "c"}, {Role: head, Unit: "s"}}
	for _, c := range []struct {
		name, home, unit string
		scope            accessv1.Scope
		role             accessv1.Role
		want             error
	}{
		{"one's own unit", "s", "s", superior, leader, authz.ErrInvolved},
		{"what lies above it", "s", "d", superior, leader, authz.ErrInvolved},
		{"from beneath it", "dep", "s", superior, leader, authz.ErrInvolved},
		{"what was merged into it", "s", "older", superior, leader, authz.ErrInvolved},
		{"what lies beneath it", "s", "dep", superior, leader, nil},
		{"beside it", "s", "s2", superior, leader, nil},
		{"not above either way", "s", "c", superior, leader, authz.ErrDenied},
		{"reading it", "s", "s", any, leader, nil},
		{"working for it", "s", "s", own, head, nil},
		{"above it, from above", "c", "s", superior, leader, nil},
	} {
		a, err := authz.Enter(tree{held, c.home}, &authz.Method{Rule: &accessv1.Rule{Scope: c.scope, Roles: []accessv1.Role{c.role}}}, authn.Principal{Name: "units/x/members/m"})
		if err != nil {
			t.Fatal(err)
		}
		err = a.Check(c.unit)
		if !errors.Is(err, c.want) || (c.want != nil) != errors.Is(err, authz.ErrDenied) || errors.Is(err, authz.ErrInvolved) != (c.want == authz.ErrInvolved) {
			t.Errorf("%s: Check = %v, want %v", c.name, err, c.want)
		}
		if got := a.ActsAs(c.unit, c.scope, c.role); got != (c.want == nil) {
			t.Errorf("%s: ActsAs = %v", c.name, got)
		}
		if err := a.Refusal(errOther); errors.Is(err, authz.ErrInvolved) != (c.want == authz.ErrInvolved) || errors.Is(err, errOther) == errors.Is(err, authz.ErrInvolved) {
			t.Errorf("%s: Refusal = %v", c.name, err)
		}
	}
}

var errOther = errors.New("other")

func TestAPortalIsNotInside(t *testing.T) {
	const portal = accessv1.Role_ROLE_PORTAL
	held := []authz.Grant{{Role: portal, Unit: "p"}, {Role: viewer, Unit: "d"}}
	for _, c := range []struct {
		key    authn.Principal
		inside map[string]bool
	}{
		{authn.Principal{}, map[string]bool{"c": false, "d": true, "s": true, "d2": false, "x": false}},
		{authn.Principal{Roles: []accessv1.Role{portal}}, map[string]bool{"d": false, "s": false}},
		{authn.Principal{Unit: "s2"}, map[string]bool{"d": false, "s": false, "s2": true}},
	} {
		c.key.Name = "machines/m"
		a, err := authz.Enter(tree{grants: held}, &authz.Method{Rule: &accessv1.Rule{Scope: accessv1.Scope_SCOPE_ANY}}, c.key)
		if err != nil {
			t.Fatal(err)
		}
		for unit, want := range c.inside {
			if got := a.Inside(unit); got != want {
				t.Errorf("a key %v is inside %s: %v", c.key, unit, got)
			}
		}
	}
}
