package cast

import (
	"slices"
	"strings"
)

// above are the roles of the city's people whom a district with an installation
// of its own needs too.
var above = []string{"system_admin", "security_admin", "auditor", "viewer"}

// plans are the roles that a bureau above districts needs to publish a campaign.
var plans = []string{"clerk", "leader"}

// reports is the label of units that have a system of their own, which reports by forms.
const reports = "reports=forms"

// OwnSystem is the code of the first unit that does not work in the suite and reports
// from a system of its own; "" if all work in it.
func (c *City) OwnSystem() string {
	for _, u := range c.Units {
		if slices.Contains(strings.Split(u.Labels, ";"), reports) {
			return u.Code
		}
	}
	return ""
}

// Beneath returns a district with its first schools as a city of its own: the
// root of a tree, organised as the city's bureau is, with its administrators and
// viewer. The last of the schools reports from a system of its own. What the district
// found in itself is left out, because nobody there is above it; what citizens say of
// schools of the city they say of those here.
func (c *City) Beneath(code, displayName string, schools int) *City {
	d, city := &City{}, c.unit(code).Parent
	taken := map[string]bool{code: true}
	d.Units = append(d.Units, Unit{Code: code, Kind: "DISTRICT", DisplayName: displayName, Labels: "demo=true"})
	for _, u := range c.Units {
		switch {
		case u.Parent == code && u.Kind == "SCHOOL" && schools > 0:
			schools--
			taken[u.Code] = true
			if d.Units = append(d.Units, u); schools == 0 {
				d.Units[len(d.Units)-1].Labels += ";" + reports
			}
		case u.Parent == city && u.Kind == "DEPARTMENT":
			u.Code, u.Parent = code+strings.TrimPrefix(u.Code, city), code
			d.Units = append(d.Units, u)
		}
	}
	for _, u := range c.Units {
		if taken[u.Parent] && u.Parent != code {
			d.Units = append(d.Units, u)
			taken[u.Code] = true
		}
	}
	for _, p := range c.People {
		moved := Person{code + strings.TrimPrefix(p.Code, city), code + strings.TrimPrefix(p.Unit, city), p.DisplayName, p.Post, p.Roles, p.Party}
		switch {
		case taken[p.Unit]:
			d.People = append(d.People, p)
		case p.Unit == city && slices.ContainsFunc(above, p.Has), c.unit(p.Unit).Parent == city && c.unit(p.Unit).Kind == "DEPARTMENT":
			d.People = append(d.People, moved)
		}
	}
	for _, p := range c.Problems {
		if taken[p.Unit] && p.Unit != code {
			d.Problems = append(d.Problems, p)
		}
	}
	d.hears(c)
	return d
}

// hears lets citizens say of the schools that work in the suite, in turn, what they say
// of the city's.
func (c *City) hears(from *City) {
	var schools []string
	for _, u := range c.Units {
		if u.Kind == "SCHOOL" && u.Code != c.OwnSystem() {
			schools = append(schools, u.Code)
		}
	}
	for i, m := range from.Complaints {
		if from.unit(m.Unit).Kind == "SCHOOL" && len(schools) > 0 {
			m.Unit = schools[i%len(schools)]
			c.Complaints = append(c.Complaints, m)
		}
	}
}

func (c *City) unit(code string) Unit {
	i := slices.IndexFunc(c.Units, func(u Unit) bool { return u.Code == code })
	if i < 0 {
		return Unit{}
	}
	return c.Units[i]
}

// Bureau returns a bureau above others as a city of its own: its unit, those
// directly beneath it, its administrators and viewer, and who plans a campaign.
func (c *City) Bureau(root Unit, beneath []Unit) *City {
	root.Parent = ""
	b := &City{Units: []Unit{root}}
	for _, u := range beneath {
		if u.Parent == root.Code {
			b.Units = append(b.Units, u)
		}
	}
	seat := c.People[slices.IndexFunc(c.People, func(p Person) bool { return p.Has("system_admin") })].Unit
	for _, p := range c.People {
		if slices.ContainsFunc(above, p.Has) || p.Unit == seat && slices.ContainsFunc(plans, p.Has) {
			p.Code, p.Unit = root.Code+"-"+strings.ToUpper(p.ID()), root.Code
			b.People = append(b.People, p)
		}
	}
	return b
}
