// Package authz decides whether a caller may make a call, by the rule that the
// contract states beside each method, the grants and the tree. It decides in
// two parts: Enter before the handler runs, by credential and role alone, and
// Access.Check within the transaction that reads the record, because the
// record says whose it is. Who calls is for authn to say; the tree and the
// grants come from package directory.
package authz

import (
	"context"
	"errors"
	"slices"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
)

var (
	// ErrNotFound answers for what is not there and what is not for the caller,
	// so that nobody can tell one from the other.
	ErrNotFound = fault.Of(faultv1.Reason_REASON_NOT_FOUND)

	// ErrDenied answers for what the caller may see but not do.
	ErrDenied = fault.Of(faultv1.Reason_REASON_PERMISSION_DENIED)

	// ErrInvolved is ErrDenied for who belongs to the unit and would act as its superior.
	ErrInvolved = fault.Of(faultv1.Reason_REASON_PRINCIPAL_INVOLVED)

	// ErrPostsOver is ErrDenied for who might, had they not left every post.
	ErrPostsOver = fault.Of(faultv1.Reason_REASON_PRINCIPAL_POSTS_OVER)

	// ErrScope answers a key that is narrowed to other scopes than the call's, whatever
	// its principal holds.
	ErrScope = fault.Of(faultv1.Reason_REASON_KEY_SCOPE_DENIED)

	// ErrSecondFactor answers who could sign, had it signed in with a second
	// factor.
	ErrSecondFactor = fault.Of(faultv1.Reason_REASON_SECOND_FACTOR_REQUIRED)
)

// Grant is a role held on a unit and the subtree under it.
type Grant struct {
	Name string // roleGrants/{grant}
	Role accessv1.Role
	Unit string
	// Dormant grants give no right: of a unit's work, to who has left every post (离任).
	Dormant bool
}

// Tree is what the decision rests on.
type Tree interface {
	// Path returns the unit and those above it, nearest first; nil if there is
	// no such unit.
	Path(unit string) []string
	// Department says whether the unit is an organ inside another.
	Department(unit string) bool
	// Merged says whether the unit was merged into the one above it (撤并): its
	// records are that one's to go on with.
	Merged(unit string) bool
	// Belongs says whether the principal belongs to the unit, or the one that it was
	// merged into, or to what lies beneath: by where they are entered, a post or a role
	// of its work.
	Belongs(principal, unit string) bool
	// Grants returns what the principal is granted now, dormant ones too.
	Grants(principal string) []Grant
	// Root returns the topmost unit of this installation.
	Root() string
	// Fresh returns an error if the tree is too old to decide by.
	Fresh() error
	// Position says how much the tree knows; it grows.
	Position() uint64
	// CatchUp brings the tree up to date.
	CatchUp(context.Context) error
}

// Access is one call's right. It is used by one goroutine.
type Access struct {
	Method    *Method
	Principal authn.Principal
	grants    []Grant
	dormant   []Grant
	at        uint64 // the tree's position when the grants were read, or before
	tree      Tree
	acting    Grant
	missed    bool
	involved  bool // a grant above was passed over since Check: the caller belongs to the unit
}

type accessKey struct{}

// With returns a context that carries the access.
func With(ctx context.Context, a *Access) context.Context {
	return context.WithValue(ctx, accessKey{}, a)
}

// From returns the access of the call. It panics if no step put one there.
func From(ctx context.Context) *Access { return ctx.Value(accessKey{}).(*Access) }

// Enter decides what can be decided without the record: whether the caller has
// a credential, and whether it holds one of the rule's roles anywhere.
func Enter(tree Tree, m *Method, p authn.Principal) (*Access, error) {
	a := &Access{Method: m, Principal: p, tree: tree, at: tree.Position()}
	switch {
	case m.Rule.GetPublic(), a.service():
		return a, nil
	case m.Rule.GetBootstrap() != p.Bootstrap, p.Name == "", p.Service() != "":
		return nil, authn.ErrUnauthenticated
	case p.Bootstrap:
		return a, nil
	}
	if err := tree.Fresh(); err != nil {
		return nil, err
	}
	if a.read(); m.Rule.GetScope() == accessv1.Scope_SCOPE_UNSPECIFIED {
		return a, scopeless(m)
	}
	if len(p.Scopes) > 0 && !slices.Contains(p.Scopes, m.Scope()) {
		return nil, ErrScope.With("scope", m.Scope())
	}
	switch held := slices.ContainsFunc(a.grants, a.listed); {
	case m.Rule.GetPerson() && !p.Person(), !held && !slices.ContainsFunc(a.dormant, a.listed):
		return nil, ErrDenied
	case !held:
		return nil, errors.Join(ErrPostsOver, ErrDenied)
	}
	if m.Rule.GetSecondFactor() && !p.SecondFactor {
		return nil, ErrSecondFactor
	}
	return a, nil
}

// scopeless methods are about the caller alone, unless only services may call.
func scopeless(m *Method) error {
	if len(m.Rule.GetServices()) > 0 {
		return ErrDenied
	}
	return nil
}

// service says whether a service calls in its own name, as the rule allows.
func (a *Access) service() bool {
	name, allowed := a.Principal.Service(), a.Method.Rule.GetServices()
	return name != "" && (slices.Contains(allowed, name) || slices.Contains(allowed, "*"))
}

// narrowed drops the grants of roles that the key does not carry, and tells those that
// give a right from those that are dormant.
func (a *Access) narrowed(grants []Grant) (kept, dormant []Grant) {
	for _, g := range grants {
		switch {
		case len(a.Principal.Roles) > 0 && !slices.Contains(a.Principal.Roles, g.Role):
		case g.Dormant:
			dormant = append(dormant, g)
		default:
			kept = append(kept, g)
		}
	}
	return kept, dormant
}

// listed says whether the rule names the grant's role; an empty list names all.
func (a *Access) listed(g Grant) bool {
	roles := a.Method.Rule.GetRoles()
	return len(roles) == 0 || slices.Contains(roles, g.Role)
}

// Check decides by the unit of the record: nil if the caller may, ErrNotFound if
// it may not know of the unit, ErrDenied if it sees the unit but may not act.
func (a *Access) Check(unit string) error {
	if a.service() || a.Method.Rule.GetPublic() || a.Principal.Bootstrap {
		return nil
	}
	path := a.path(unit)
	if a.involved = false; !a.sees(path) {
		return ErrNotFound
	}
	may := func(g Grant) bool { return a.listed(g) && a.reaches(a.Method.Rule.GetScope(), g.Unit, path) }
	if i := slices.IndexFunc(a.grants, may); i >= 0 {
		a.acting = a.grants[i]
		return nil
	}
	if slices.ContainsFunc(a.dormant, may) {
		return a.Refusal(ErrPostsOver)
	}
	return a.Refusal(ErrDenied)
}

// Refusal is why the caller does not act, of whom Check, ActsAs or ActsFor said no: that
// they belong to the unit, if that alone kept them, or else the reason. It is an
// ErrDenied: it is tried again on a newer tree if there is one.
func (a *Access) Refusal(why error) error {
	if a.involved {
		why = ErrInvolved
	}
	return errors.Join(why, ErrDenied)
}

// Belongs says whether the caller belongs to the unit or to what lies beneath it, of
// which nobody is the superior (回避). Services and the public belong nowhere.
func (a *Access) Belongs(unit string) bool {
	name := a.Principal.Name
	return name != "" && a.Principal.Service() == "" && a.tree.Belongs(name, unit)
}

// Sees says whether the caller may know of the unit's records.
func (a *Access) Sees(unit string) bool {
	return a.service() || a.Method.Rule.GetPublic() || a.Principal.Bootstrap || a.sees(a.path(unit))
}

// Inside says whether the caller sees the unit's records by another role than a
// portal's: what is not yet for the public is not for portals.
func (a *Access) Inside(unit string) bool {
	if a.service() {
		return true
	}
	path := a.path(unit)
	return slices.ContainsFunc(a.grants, func(g Grant) bool {
		return g.Role != accessv1.Role_ROLE_PORTAL && slices.Contains(path, g.Unit)
	})
}

// Outside says whether the caller, who holds a portal's role, is not inside: of the unit's
// records it reads what is public, as it is for the public.
func (a *Access) Outside(unit string) bool {
	return !a.Inside(unit) && slices.ContainsFunc(a.grants, func(g Grant) bool { return g.Role == accessv1.Role_ROLE_PORTAL })
}

func (a *Access) sees(path []string) bool {
	return slices.ContainsFunc(a.grants, func(g Grant) bool { return slices.Contains(path, g.Unit) })
}

// path returns the unit's path, or nil if the key does not reach it.
func (a *Access) path(unit string) []string {
	path := a.tree.Path(unit)
	a.missed = a.missed || path == nil
	if narrow := a.Principal.Unit; narrow != "" && !slices.Contains(path, narrow) {
		return nil
	}
	return path
}

// reaches says whether a grant on unit reaches the record at the end of path, in
// the scope.
func (a *Access) reaches(scope accessv1.Scope, unit string, path []string) bool {
	i := slices.Index(path, unit)
	switch scope {
	case accessv1.Scope_SCOPE_ANY:
		return i >= 0
	case accessv1.Scope_SCOPE_SUPERIOR:
		above := i > a.heir(path)
		involved := above && a.Belongs(path[0])
		a.involved = a.involved || involved
		return above && !involved
	case accessv1.Scope_SCOPE_OWN:
		return i >= 0 && !slices.ContainsFunc(path[:i], func(u string) bool { return !a.tree.Department(u) && !a.tree.Merged(u) })
	default:
		return false
	}
}

// heir is where in a path the unit stands whose the records at its end are: the
// first, or the one that it was merged into, which is not its own superior.
func (a *Access) heir(path []string) int {
	return max(0, slices.IndexFunc(path, func(u string) bool { return !a.tree.Merged(u) }))
}

// Holds says whether the caller holds one of the roles on the unit or above it.
func (a *Access) Holds(unit string, roles ...accessv1.Role) bool {
	path := a.path(unit)
	return slices.ContainsFunc(a.grants, func(g Grant) bool {
		return slices.Contains(roles, g.Role) && slices.Contains(path, g.Unit)
	})
}

// Grants returns what the caller holds for this call, narrowed by its key.
func (a *Access) Grants() []Grant { return slices.Clone(a.grants) }

// Dormant returns what gives the caller no right, as it has left every post, narrowed by
// its key.
func (a *Access) Dormant() []Grant { return slices.Clone(a.dormant) }

// Acting returns the grant by which the last Check succeeded.
func (a *Access) Acting() Grant { return a.acting }

// Tree returns the tree that the decision rests on.
func (a *Access) Tree() Tree { return a.tree }
