package server

import (
	"slices"
	"strings"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
)

// mayCampaign decides by the owner, and lets those whom a published campaign of
// a unit above concerns read it.
func (s *Service) mayCampaign(tx *change.Tx, c *campaignv1.Campaign) error {
	var failed error
	err := tx.KnowsOr(c.GetOwner(), c, func() (is bool) {
		is, failed = s.concerned(tx, c)
		return is
	})
	if failed != nil {
		return failed
	}
	return err
}

// concerned says whether a unit where the caller holds anything, or one beneath
// it, is in the scope of c: as it stands now, or stood when c was published, as its
// assignments do not go when it is moved or merged. So who came to stand above it
// reads c too.
func (s *Service) concerned(tx *change.Tx, c *campaignv1.Campaign) (bool, error) {
	published := c.GetPublishTime().AsTime()
	for _, g := range tx.Access.Grants() {
		home := s.home(tx, g)
		if s.reads(c, home, s.tree.Path(home)) ||
			slices.ContainsFunc(append(s.tree.Joined(home, published), home), func(unit string) bool {
				return s.reads(c, unit, s.tree.PathAt(unit, published))
			}) {
			return true, nil
		}
		if given, err := s.given(tx, c, home); given || err != nil {
			return given, err
		}
	}
	return false, nil
}

// given says whether what lies in the unit since the instant at which c was published has
// assignments of it. On a clock that stands still it may have been moved or merged at that
// instant: of what was first the assignments tell, and the tree does not.
func (s *Service) given(tx *change.Tx, c *campaignv1.Campaign, home string) (bool, error) {
	published := c.GetPublishTime().AsTime()
	before := published.Add(-1)
	came := s.tree.Joined(home, before)
	if !slices.Equal(s.tree.PathAt(home, before), s.tree.PathAt(home, published)) {
		came = append(came, home)
	}
	for _, top := range came {
		for _, unit := range s.tree.Subtree(top) {
			if has, err := s.has(tx, c, unit); has || err != nil {
				return has, err
			}
		}
	}
	return false, nil
}

// has says whether the unit has an assignment of c.
func (s *Service) has(tx *change.Tx, c *campaignv1.Campaign, unit string) (bool, error) {
	of := c.GetName() + "/assignments/"
	for a, err := range s.assignments.Lookup(tx, "unit", unit, of) {
		return strings.HasPrefix(a.GetName(), of), err
	}
	return false, nil
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
