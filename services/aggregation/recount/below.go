package recount

import (
	"slices"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// tree takes in what is no record of work: units, campaigns and reports. It says whether the
// body is such.
func (c *count) tree(installation string, body proto.Message, day string) bool {
	switch b := body.(type) {
	case *organizationv1.Unit:
		c.unit(installation, b, day)
	case *federationv1.RemoteUnit:
		if installation == "" {
			c.remote(b)
		}
	case *federationv1.RefusedUnit:
		c.trail.refuse(b)
	case *federationv1.Installation:
		if installation == "" {
			c.roots[b.GetUnit()] = short(b.GetName())
		} else if c.roots[b.GetUnit()] == "" {
			c.roots[b.GetUnit()] = short(b.GetName())
		}
	case *campaignv1.Campaign:
		c.parts.take(installation, b)
	case *aggregationv1.Report:
		c.reports[b.GetName()] = b
	case *aggregationv1.ReportPage:
		c.page(installation, b)
	default:
		return false
	}
	return true
}

// unit takes in where a unit lies. Of the root of an installation below, what the
// one above says stands; otherwise who had a unit first.
func (c *count) unit(installation string, u *organizationv1.Unit, day string) {
	if installation != "" && u.GetParent() == "" {
		c.roots[u.GetName()] = installation
		return
	}
	if c.owns(installation, u.GetName()) {
		c.lies(u.GetName(), u.GetParent(), day)
		c.trail.lies(u.GetName(), u.GetParent(), c.latest)
	}
}

// remote takes in whose a unit from below is, and where it lies since that took
// effect there.
func (c *count) remote(r *federationv1.RemoteUnit) {
	u := r.GetUnit()
	if u == nil {
		c.owns(short(r.GetInstallation()), "units/"+short(r.GetName()))
		return
	}
	if c.owns(short(r.GetInstallation()), u.GetName()) && !c.later(r.GetEffectiveTime()) {
		c.lies(u.GetName(), u.GetParent(), dayOf(r.GetEffectiveTime()))
		c.trail.lies(u.GetName(), u.GetParent(), r.GetEffectiveTime().AsTime())
	}
}

// owns says whether a unit is the installation's: who had it first keeps it.
func (c *count) owns(installation, unit string) bool {
	if _, known := c.owners[unit]; !known {
		c.owners[unit] = installation
	}
	return c.owners[unit] == installation
}

// theirs is a record of an installation below as it counts here: nothing, if it
// is about another's unit, and under a campaign that is not taken for one here.
func (c *count) theirs(installation string, r *record) *record {
	unit := r.at.unit
	if r.score != nil {
		unit = r.score.unit
	}
	if installation == "" || unit == "" {
		return r
	}
	if !c.has(installation, unit) {
		return &record{}
	}
	r.at.campaign = theirCampaign(installation, r.at.campaign)
	return r
}

// has says whether the unit is the installation's, or its root.
func (c *count) has(installation, unit string) bool {
	owner, known := c.owners[unit]
	return known && owner == installation || c.roots[unit] == installation
}

func theirCampaign(installation, campaign string) string {
	if installation == "" || campaign == "" {
		return campaign
	}
	return "campaigns/" + installation + "." + short(campaign)
}

// theirPage is a page from below as it counts here: without rows about another's
// units, and under campaigns that are not taken for those here.
func (c *count) theirPage(installation string, p *aggregationv1.ReportPage) *aggregationv1.ReportPage {
	p = proto.CloneOf(p)
	p.Rows = slices.DeleteFunc(p.GetRows(), func(row *aggregationv1.Report_Row) bool { return !c.has(installation, row.GetResolvedUnit()) })
	for _, row := range p.GetRows() {
		row.Campaign = theirCampaign(installation, row.GetCampaign())
	}
	return p
}
