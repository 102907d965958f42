// Package scope says which units a campaign (活动) is about, and which of them owe a
// ledger in it. It is pure, and knows nothing beyond the part of the tree that it is
// given; who gives and takes the work, services campaign and rectification decide,
// which both ask it.
package scope

import (
	"slices"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// Select returns the units of the land, in which parents come before children, that
// the scope is about, whether or not they are still active.
func Select(s *campaignv1.Scope, land []*organizationv1.Unit) (units []*organizationv1.Unit) {
	listed, excepted := map[string]bool{}, map[string]bool{}
	for _, u := range land {
		name, parent := u.GetName(), u.GetParent()
		listed[name] = len(s.GetUnits()) == 0 || listed[parent] || slices.Contains(s.GetUnits(), name)
		excepted[name] = excepted[parent] || slices.Contains(s.GetExceptions(), name)
		if listed[name] && !excepted[name] && Suits(u, s.GetKinds(), s.GetLabels()) {
			units = append(units, u)
		}
	}
	return units
}

// Suits says whether the unit is of one of the kinds, if there are any, and has
// all the labels.
func Suits(u *organizationv1.Unit, kinds []organizationv1.Unit_Kind, labels map[string]string) bool {
	for key, value := range labels {
		if has, ok := u.GetLabels()[key]; !ok || has != value {
			return false
		}
	}
	return len(kinds) == 0 || slices.Contains(kinds, u.GetKind())
}

// Active says whether the unit gets new work.
func Active(u *organizationv1.Unit) bool {
	return u.GetState() == organizationv1.Unit_STATE_ACTIVE
}

// Owes returns the units of the land that owe a ledger in c (应报备), if it says by
// which day ledgers are filed: every active unit in its scope. A ledger is filed
// with a superior, so the owner, whose land it is, owes none to itself; it is a
// body's, so its departments and party branches owe none of their own; and what an
// installation below keeps files there, by a campaign of its own.
func Owes(c *campaignv1.Campaign, land []*organizationv1.Unit) (units []*organizationv1.Unit) {
	if c.GetFiling().GetDueDate() == "" {
		return nil
	}
	return slices.DeleteFunc(Select(c.GetScope(), land), func(u *organizationv1.Unit) bool {
		return !Active(u) || organ(u) || u.GetName() == c.GetOwner() || u.GetInstallation() != ""
	})
}

func organ(u *organizationv1.Unit) bool {
	return u.GetKind() == organizationv1.Unit_KIND_DEPARTMENT || u.GetKind() == organizationv1.Unit_KIND_PARTY_BRANCH
}
