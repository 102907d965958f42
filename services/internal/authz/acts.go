package authz

import (
	"slices"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/authn"
)

// ActsAs says whether the caller acts on the unit's records by one of the roles
// in the scope, and by which grant, for what the record decides and not the
// method's rule alone. It only narrows: whoever asks MUST have called Check.
// Services hold no grants and never act so.
func (a *Access) ActsAs(unit string, scope accessv1.Scope, roles ...accessv1.Role) bool {
	return a.act(unit, scope, roles, func(string) bool { return true })
}

// ActsFor is ActsAs for those alone who act for the bureau or a unit above it: for one
// that was merged, so does the unit that it was merged into.
func (a *Access) ActsFor(bureau, unit string, scope accessv1.Scope, roles ...accessv1.Role) bool {
	over := a.tree.Path(bureau)
	return a.act(unit, scope, roles, func(u string) bool { return slices.Contains(over, u) })
}

// act takes the first grant of the roles, on a unit that is among those asked for, that
// reaches the unit's records.
func (a *Access) act(unit string, scope accessv1.Scope, roles []accessv1.Role, among func(unit string) bool) bool {
	path := a.path(unit)
	i := slices.IndexFunc(a.grants, func(g Grant) bool {
		return slices.Contains(roles, g.Role) && among(g.Unit) && a.reaches(scope, g.Unit, path)
	})
	if i < 0 {
		return false
	}
	a.acting = a.grants[i]
	return true
}

// Could says whether another principal, too, may act on the unit's records by the method's
// rule, as far as grants say.
func (a *Access) Could(principal, unit string) bool {
	other := &Access{Method: a.Method, Principal: authn.Principal{Name: principal}, tree: a.tree}
	other.read()
	return other.Check(unit) == nil
}
