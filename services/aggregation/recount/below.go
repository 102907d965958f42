package recount

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/parts"
	"github.com/duban-project/duban/services/aggregation/recount/tally"
)

// told takes in what is no record of work: units, campaigns and reports. It says whether
// the body is such.
func (c *count) told(installation string, body proto.Message, at *timestamppb.Timestamp) bool {
	switch b := body.(type) {
	case *organizationv1.Unit:
		c.unit(installation, b, at)
	case *federationv1.RemoteUnit:
		if installation == "" {
			c.remote(b)
		}
	case *federationv1.RefusedUnit:
		if installation == "" {
			c.tree.Refuse(b)
		}
	case *federationv1.Installation:
		if installation == "" || !c.tree.IsRoot(b.GetUnit()) && c.tree.Has(installation, b.GetUnit()) {
			c.tree.SetRoot(b.GetUnit(), root(installation, b))
		}
	case *campaignv1.Campaign:
		c.parts.Take(installation, b)
	case *aggregationv1.Report:
		c.reports.Report(b)
	case *aggregationv1.ReportPage:
		c.reports.Page(installation, c.theirPage(installation, b), at.AsTime())
	default:
		return false
	}
	return true
}

// root is the name here of an installation that one has enrolled: "" is this one.
func root(by string, b *federationv1.Installation) string {
	if by == "" {
		return hold.Short(b.GetName())
	}
	return hold.Short(b.GetName()) + "~" + hold.Short(b.GetUnit())
}

// unit takes in where a unit lies. Of the root of an installation below, what the
// one above says stands; otherwise who had a unit first.
func (c *count) unit(installation string, u *organizationv1.Unit, at *timestamppb.Timestamp) {
	switch {
	case installation != "" && u.GetParent() == "":
		c.tree.SetRoot(u.GetName(), installation)
	case installation != "":
		c.claims[u.GetName()] = append(c.claims[u.GetName()], claim{installation, u, at})
	case c.tree.Owns(installation, u.GetName()):
		c.lies(u, at)
	}
}

// claim is what an installation below says in its own log of where a unit lies.
type claim struct {
	by    string
	unit  *organizationv1.Unit
	since *timestamppb.Timestamp
}

// settle takes in the units that those below claim, once all have. A unit that several do is
// left to what federation says of it, which alone knows in which order they came: see passed.
func (c *count) settle() {
	for unit, all := range c.claims {
		if slices.ContainsFunc(all, func(o claim) bool { return o.by != all[0].by }) {
			continue
		}
		for _, one := range all {
			if c.tree.Owns(one.by, unit) {
				c.entered(one.unit, one.since)
			}
		}
	}
}

// passed takes in whose a unit is that several below claim. Where it lies is believed only as that
// one's own log says it: of the same moment and place.
func (c *count) passed(r *federationv1.RemoteUnit) {
	unit, by := "units/"+hold.Short(r.GetName()), hold.Short(r.GetInstallation())
	for _, one := range c.claims[unit] {
		if one.by != by {
			continue
		}
		c.tree.Gets(by, unit)
		if proto.Equal(one.since, r.GetEffectiveTime()) && one.unit.GetParent() == r.GetUnit().GetParent() {
			c.entered(one.unit, one.since)
		}
	}
}

// lies takes in where a unit lies, and whether it was merged into the one above it.
func (c *count) lies(u *organizationv1.Unit, since *timestamppb.Timestamp) {
	c.tree.Lies(u.GetName(), u.GetParent(), since)
	if u.GetState() == organizationv1.Unit_STATE_MERGED {
		c.tree.Merge(u.GetName())
	}
}

// remote takes in whose a unit from below is, and where it lies since that took
// effect there.
func (c *count) remote(r *federationv1.RemoteUnit) {
	if c.below {
		c.passed(r)
		return
	}
	c.tree.Gets(hold.Short(r.GetInstallation()), "units/"+hold.Short(r.GetName()))
	if u := r.GetUnit(); u != nil {
		c.entered(u, r.GetEffectiveTime())
	}
}

// entered takes in where a unit from below lies, as known until then; where it lay first it
// has always lain.
func (c *count) entered(u *organizationv1.Unit, since *timestamppb.Timestamp) {
	if !c.later(since) || !c.tree.Lain(u.GetName()) {
		c.lies(u, since)
	}
}

// theirs is a record of an installation below as it counts here: nothing, if it
// is about another's unit, and under a campaign that is not taken for one here.
func (c *count) theirs(installation string, r *tally.Record) *tally.Record {
	unit := r.At.Unit
	if r.Score != nil {
		unit = r.Score.Unit
	}
	if installation == "" || unit == "" {
		return r
	}
	if !c.tree.Has(installation, unit) {
		return &tally.Record{}
	}
	r.At.Campaign = parts.Here(installation, r.At.Campaign)
	return r
}

// theirPage is a page from below as it counts here: without rows about another's
// units, and under campaigns that are not taken for those here.
func (c *count) theirPage(installation string, p *aggregationv1.ReportPage) *aggregationv1.ReportPage {
	if installation == "" {
		return p
	}
	p = proto.CloneOf(p)
	p.Rows = slices.DeleteFunc(p.GetRows(), func(row *aggregationv1.Report_Row) bool { return !c.tree.Has(installation, row.GetResolvedUnit()) })
	for _, row := range p.GetRows() {
		row.Campaign = parts.Here(installation, row.GetCampaign())
	}
	return p
}
