package authz_test

import (
	"context"
	"errors"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
)

// growing is a tree that learns of a second grant at some time.
type growing struct {
	tree
	position uint64
	behind   bool // it learns when it catches up
}

func (g *growing) Position() uint64 { return g.position }

func (g *growing) learn() {
	g.grants = append(g.grants[:len(g.grants):len(g.grants)], authz.Grant{Role: head, Unit: "d2"})
	g.position, g.behind = g.position+1, false
}

func (g *growing) CatchUp(context.Context) error {
	if g.behind {
		g.learn()
	}
	return nil
}

// Whoever holds one grant and is given another may rely on it at once, whether
// the tree learns of it after the call or while the call is on its way.
func TestANewGrantHoldsAtOnce(t *testing.T) {
	rule := &accessv1.Rule{Roles: []accessv1.Role{head}, Scope: accessv1.Scope_SCOPE_OWN}
	for name, learns := range map[string]func(*growing){
		"behind":     func(g *growing) { g.behind = true },
		"on its way": (*growing).learn,
		"never":      func(*growing) {},
	} {
		t.Run(name, func(t *testing.T) {
			g := &growing{tree: tree{grants: []authz.Grant{{Role: head, Unit: "d"}}}}
			a, err := authz.Enter(g, &authz.Method{Rule: rule}, authn.Principal{Name: "units/c/members/m"})
			if err != nil {
				t.Fatal(err)
			}
			learns(g)
			tries := 0
			err = a.Settled(t.Context(), func() error { tries++; return a.Check("d2") })
			if want := g.position > 0; (err == nil) != want || (tries == 2) != want {
				t.Errorf("Settled = %v after %d tries", err, tries)
			}
			if err != nil && !errors.Is(err, authz.ErrNotFound) {
				t.Errorf("refused with %v", err)
			}
		})
	}
}
