package services_test

import (
	"slices"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
)

// outcome is what a call must come to.
type outcome int

const (
	anonymous outcome = iota // UNAUTHENTICATED
	refused                  // PERMISSION_DENIED before anything is looked for: the same for what is not there
	hidden                   // NOT_FOUND: the same as for what is not there
	denied                   // PERMISSION_DENIED: seen, but not to be acted on
	granted                  // whatever else the method says
	lacking                  // OK: a list of what is seen, without the record
)

func (o outcome) String() string {
	return [...]string{"UNAUTHENTICATED", "PERMISSION_DENIED for all", "NOT_FOUND", "PERMISSION_DENIED", "granted", "a list without it"}[o]
}

// code is the code of a refusal; OK if it is granted.
func (o outcome) code() codes.Code {
	return [...]codes.Code{codes.Unauthenticated, codes.PermissionDenied, codes.NotFound, codes.PermissionDenied, codes.OK, codes.OK}[o]
}

// expect says what comes of a call for a record of the home, by the words of
// duban.access.v1.Rule. It shares nothing with package authz, on purpose.
func expect(rule *accessv1.Rule, c caller, home string) outcome {
	switch {
	case c.key != "" && c.dead: // a key that does not hold is told so everywhere
		return anonymous
	case rule.GetPublic(): // "Anyone, without credentials."
		return granted
	case c.key == "", rule.GetBootstrap(): // "Only the bootstrap key of the first start", which is dead by now
		return anonymous
	case rule.GetScope() == accessv1.Scope_SCOPE_UNSPECIFIED && len(rule.GetServices()) > 0: // nobody else is named
		return refused
	case rule.GetScope() == accessv1.Scope_SCOPE_UNSPECIFIED: // "The method is … about the caller."
		return granted
	case rule.GetPerson() && c.machine: // "Only a person"
		return refused
	case c.role == 0: // "any grant at all" is the least
		return refused
	case len(rule.GetRoles()) > 0 && !slices.Contains(rule.GetRoles(), c.role): // "Any one of these roles"
		return refused
	case home == "":
		return granted
	case !within(home, c.unit), c.reach != "" && !within(home, c.reach): // "A grant lets read the whole subtree" and no more
		return hidden
	case !inScope(rule.GetScope(), c, c.unit, home):
		return denied
	default:
		return granted
	}
}

// inScope says whether the caller's grant on the unit reaches records of the home, which
// lies beneath it.
func inScope(scope accessv1.Scope, c caller, unit, home string) bool {
	switch scope {
	case accessv1.Scope_SCOPE_OWN: // "The same unit, or the unit whose department the record's unit is."
		return unit == home || departments[home] && inScope(scope, c, unit, parents[home])
	case accessv1.Scope_SCOPE_SUPERIOR: // "A strict ancestor … Nobody is the superior of a unit that they belong to"
		return unit != home && !within(c.from, home)
	default: // "The same unit or any ancestor."
		return true
	}
}

// within says whether the unit is the top or lies beneath it.
func within(unit, top string) bool {
	return unit != "" && (unit == top || within(parents[unit], top))
}
