package authz_test

import (
	"errors"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
)

// A dormant grant opens nothing, and says why to who would hold it: not to whom the key
// gives no such role, nor where it would not do either.
func TestADormantGrantGivesNoRight(t *testing.T) {
	reads := &accessv1.Rule{Scope: accessv1.Scope_SCOPE_ANY}
	leads := &accessv1.Rule{Scope: accessv1.Scope_SCOPE_SUPERIOR, Roles: []accessv1.Role{leader}}
	heads := &accessv1.Rule{Scope: accessv1.Scope_SCOPE_OWN, Roles: []accessv1.Role{head}}
	asleep := authz.Grant{Role: leader, Unit: "d", Dormant: true}
	for name, c := range map[string]struct {
		held []authz.Grant
		rule *accessv1.Rule
		key  []accessv1.Role
		want error
	}{
		"doing what it was for":   {[]authz.Grant{asleep}, leads, nil, authz.ErrPostsOver},
		"reading":                 {[]authz.Grant{asleep}, reads, nil, authz.ErrPostsOver},
		"what it was never for":   {[]authz.Grant{asleep}, heads, nil, authz.ErrDenied},
		"by a key without it":     {[]authz.Grant{asleep}, leads, []accessv1.Role{viewer}, authz.ErrDenied},
		"beside one that reads":   {[]authz.Grant{asleep, {Role: viewer, Unit: "d"}}, reads, nil, nil},
		"and does nothing by it":  {[]authz.Grant{asleep, {Role: viewer, Unit: "d"}}, leads, nil, authz.ErrPostsOver},
		"beside one that is held": {[]authz.Grant{asleep, {Role: leader, Unit: "c"}}, leads, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			who := authn.Principal{Name: "units/c/members/m", Roles: c.key}
			a, err := authz.Enter(tree{grants: c.held}, &authz.Method{Rule: c.rule}, who)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || errors.Is(c.want, authz.ErrDenied) && errors.Is(err, authz.ErrPostsOver) {
				t.Fatalf("Enter = %v, want %v", err, c.want)
			}
			if err != nil {
				if !errors.Is(err, authz.ErrDenied) {
					t.Errorf("%v is not tried again on a newer tree", err)
				}
				return
			}
			if err := a.Check("s"); err != nil || a.ActsAs("s", accessv1.Scope_SCOPE_SUPERIOR, leader) != (a.Acting().Role == leader) {
				t.Errorf("Check = %v, acting by %v", err, a.Acting())
			}
			if len(a.Dormant()) != 1 || len(a.Grants()) != 1 || a.Grants()[0].Dormant {
				t.Errorf("it holds %v, and %v sleep", a.Grants(), a.Dormant())
			}
		})
	}
}

// Who goes on elsewhere is told so of what they see and would do by what is dormant alone;
// what they do not see is not there.
func TestADormantGrantSaysWhyBesideOneThatIsHeldElsewhere(t *testing.T) {
	leads := &authz.Method{Rule: &accessv1.Rule{Scope: accessv1.Scope_SCOPE_SUPERIOR, Roles: []accessv1.Role{leader}}}
	held := []authz.Grant{{Role: leader, Unit: "d", Dormant: true}, {Role: leader, Unit: "d2"}, {Role: viewer, Unit: "s"}}
	a, err := authz.Enter(tree{grants: held}, leads, authn.Principal{Name: "units/c/members/m"})
	if err != nil {
		t.Fatal(err)
	}
	for unit, want := range map[string]error{"s": authz.ErrPostsOver, "s2": authz.ErrNotFound} {
		if err := a.Check(unit); !errors.Is(err, want) || errors.Is(err, authz.ErrDenied) != (want == authz.ErrPostsOver) {
			t.Errorf("Check(%s) = %v, want %v", unit, err, want)
		}
	}
}
