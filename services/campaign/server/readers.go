package server

import (
	"slices"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
)

// mayCampaign decides by the owner, and lets those whom a published campaign of
// a unit above concerns read it.
func (s *Service) mayCampaign(tx *change.Tx, c *campaignv1.Campaign) error {
	return tx.KnowsOr(c.GetOwner(), c, func() bool { return s.concerned(tx, c) })
}

// concerned says whether a unit where the caller holds anything, or one beneath
// it, is in the scope of c: as it stands now, or stood when c was published, as its
// assignments do not go when it is moved or merged. So who came to stand above it
// reads c too.
func (s *Service) concerned(tx *change.Tx, c *campaignv1.Campaign) bool {
	published := c.GetPublishTime().AsTime()
	return slices.ContainsFunc(tx.Access.Grants(), func(g authz.Grant) bool {
		home := s.home(tx, g)
		return s.reads(c, home, s.tree.Path(home)) ||
			slices.ContainsFunc(append(s.tree.Joined(home, published), home), func(unit string) bool {
				return s.reads(c, unit, s.tree.PathAt(unit, published))
			})
	})
}

// reads says whether somebody at home in the unit, or above it, reads c, if path is what
// lies above the unit. If the owner was merged, that leads to its heir.
func (s *Service) reads(c *campaignv1.Campaign, home string, path []string) bool {
	at := slices.IndexFunc(path, func(u string) bool { return u == c.GetOwner() || u == s.tree.Heir(c.GetOwner()) })
	if at < 0 {
		return false
	}
	above := slices.Clone(path[:at+1])
	slices.Reverse(above) // from the owner down
	return campaign.Readable(c, s.units(above[:at]), s.land(home))
}

// home is the unit in which a grant makes its holder at home, as far as the key
// reaches: for a department, the unit it is part of. It is "" if the key does not
// reach there.
func (s *Service) home(tx *change.Tx, g authz.Grant) string {
	unit := g.Unit
	if narrow := tx.Access.Principal.Unit; narrow != "" {
		switch {
		case slices.Contains(s.tree.Path(narrow), unit):
			unit = narrow
		case !slices.Contains(s.tree.Path(unit), narrow):
			return ""
		}
	}
	for _, u := range s.tree.Path(unit) {
		if !tx.Access.Tree().Department(u) {
			return u
		}
	}
	return ""
}
