package server

import (
	"slices"
	"time"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/rectification"
)

// serves says who is in office where at that time, by the tree as it is: changes
// that ask it MUST catch up with the tree before.
func (s *Service) serves(now time.Time) rectification.Serves {
	return func(unit, member string) bool { return s.office(unit, member, now) != nil }
}

// office is the post by which the member is in office in the unit at that time, or nil.
func (s *Service) office(unit, member string, now time.Time) *organizationv1.Post {
	return s.units.Office(member, unit, calendar.On(now).String())
}

// places tells the rules of the tree and of who belongs where: changes that ask it
// MUST catch up with the tree before.
type places struct {
	*Service
	tx *change.Tx
}

func (s *Service) places(tx *change.Tx) places { return places{s, tx} }

// Path implements rectification.Places.
func (p places) Path(unit string) []string { return p.tx.Access.Tree().Path(unit) }

// Active implements rectification.Places.
func (p places) Active(unit string) bool { return p.active(unit) == nil }

// Belongs implements rectification.Places.
func (p places) Belongs(member, unit string) bool { return p.tx.Access.Tree().Belongs(member, unit) }

// Inspects implements rectification.Places, of methods whose rule is that of recording.
func (p places) Inspects(member, bureau string) bool {
	return p.serves(p.tx.Now)(bureau, member) && p.tx.Access.Could(member, bureau)
}

// leaders are those in office in the unit who lead it by a role, as authz counts its own.
// Changes that ask it MUST catch up with the tree before.
func (s *Service) leaders(tx *change.Tx, unit string) (all []string) {
	tree, serves := tx.Access.Tree(), s.serves(tx.Now)
	for _, u := range tree.Path(unit) {
		for _, role := range rectification.Leading() {
			all = append(all, s.units.Holders(u, role)...)
		}
		if !tree.Department(u) && !tree.Merged(u) {
			break
		}
	}
	return slices.DeleteFunc(all, func(who string) bool { return !serves(unit, who) })
}

// seen is serves for units that the caller sees: elsewhere nobody is in office, so
// that the answer does not tell who is there.
func (s *Service) seen(tx *change.Tx) rectification.Serves {
	serves := s.serves(tx.Now)
	return func(unit, member string) bool { return tx.Access.Inside(unit) && serves(unit, member) }
}
