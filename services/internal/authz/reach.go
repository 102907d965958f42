package authz

import "slices"

// Reach returns the topmost unit from which the caller may act on the unit's
// records by the method's rule: no right that it hands on goes beyond that subtree.
// Who calls without a grant, as a service does, reaches the root. It refuses as
// Check does.
func (a *Access) Reach(unit string) (string, error) {
	if err := a.Check(unit); err != nil {
		return "", err
	}
	path, top := a.path(unit), ""
	for _, u := range path {
		if slices.ContainsFunc(a.grants, func(g Grant) bool {
			return g.Unit == u && a.listed(g) && a.reaches(a.Method.Rule.GetScope(), u, path)
		}) {
			top = u
		}
	}
	if narrow := a.Principal.Unit; narrow != "" && slices.Index(path, narrow) < slices.Index(path, top) {
		top = narrow
	}
	if top == "" {
		top = a.tree.Root()
	}
	return top, nil
}
