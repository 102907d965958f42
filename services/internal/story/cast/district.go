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

// Beneath returns a district with its first schools as a city of its own: the
// root of a tree, organised as the city's bureau is, with its administrators and
// viewer. What the district found in itself is left out, because nobody there is
// above it.
func (c *City) Beneath(code, displayName string, schools int) *City {
	d, city := &City{}, c.unit(code).Parent
	taken := map[string]bool{code: true}
	d.Units = append(d.Units, Unit{Code: code, Kind: "DISTRICT", DisplayName: displayName, Labels: "demo=true"})
	for _, u := range c.Units {
		switch {
		case u.Parent == code && u.Kind == "SCHOOL" && schools > 0:
			schools--
			taken[u.Code] = true
			d.Units = append(d.Units, u)
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
	return d
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
