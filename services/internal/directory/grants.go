package directory

import (
	"slices"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
)

// working are the roles by which one does a unit's work: who holds one of them
// belongs to it. Reading and administering it do not make one belong.
var working = []accessv1.Role{
	accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_CLERK, accessv1.Role_ROLE_SUPERVISOR,
	accessv1.Role_ROLE_COMPLAINT_OFFICER, accessv1.Role_ROLE_CUSTODIAN, accessv1.Role_ROLE_REGISTRAR,
}

// DormantSince returns the first day, YYYY-MM-DD, on which a role on a unit gives no right
// because who holds it, and has these posts, left the last of them (离任), or "" while it gives
// one today. Posts decide of working roles alone, and of nobody who has none entered, as no
// machine has. What counts are posts in bodies that reach the unit, or of who began none there,
// all: nobody beneath gives a role above back to who left there. One that is yet to begin
// keeps a role of those alone who left none. One at a unit that was archived, or merged into
// one that was, is over for all but that unit and what lies beneath: they finish what was left to it.
// Whoever served where it was merged goes on: a merger stops nobody's work elsewhere, though
// in office they are at the heir by a post of then alone.
func (d *Directory) DormantSince(role accessv1.Role, on string, posts []*organizationv1.Post, today string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.dormantSince(role, on, posts, today)
}

func (d *Directory) dormantSince(role accessv1.Role, on string, posts []*organizationv1.Post, today string) (since string) {
	if !slices.Contains(working, role) {
		return ""
	}
	begun := func(p *organizationv1.Post) bool { return p.GetStartDate() <= today }
	there := func(p *organizationv1.Post) bool { return begun(p) && d.beneath(on, d.house(p.GetUnit()), (*unit).now) }
	some := slices.ContainsFunc(posts, there)
	for _, p := range posts {
		switch over := d.over(p, on); {
		case some && !there(p):
		case over != "" && over <= today:
			since = max(since, over)
		case begun(p):
			return ""
		}
	}
	return since
}

// over returns the first day, YYYY-MM-DD, on which the post is over for a role on the unit, or "".
func (d *Directory) over(p *organizationv1.Post, on string) (day string) {
	if end, err := calendar.ParseDate(p.GetEndDate()); err == nil {
		day = end.AddDays(1).String()
	}
	gone, since := d.closed(p.GetUnit())
	if since != "" && (day == "" || since < day) && !d.beneath(on, gone, (*unit).now) {
		day = since
	}
	return day
}

// closed returns the unit, or what it was merged into, if that was archived, and on which day, or "".
func (d *Directory) closed(name string) (gone, since string) {
	u := d.units[name]
	for u != nil && u.now().GetState() == organizationv1.Unit_STATE_MERGED {
		name = u.now().GetParent()
		u = d.units[name]
	}
	if u == nil {
		return "", ""
	}
	i := slices.IndexFunc(u.versions, func(v version) bool { return v.is.GetState() == organizationv1.Unit_STATE_ARCHIVED })
	if i < 0 {
		return "", ""
	}
	return name, calendar.On(u.versions[i].since).String()
}

// Grants implements authz.Tree, by the posts of today. The answer MUST NOT be changed.
func (d *Directory) Grants(principal string) []authz.Grant {
	today := d.Today()
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.marked(principal, today)
}

// marked are the grants of the principal, with those marked that are dormant on a day.
func (d *Directory) marked(principal, day string) []authz.Grant {
	held, posts := d.grants[principal], d.posts[principal]
	dormant := func(g authz.Grant) bool { return d.dormantSince(g.Role, g.Unit, posts, day) != "" }
	if !slices.ContainsFunc(held, dormant) {
		return held
	}
	held = slices.Clone(held)
	for i, g := range held {
		held[i].Dormant = dormant(g)
	}
	return held
}

// Holders returns the principals that hold the role on exactly the unit, in order: by
// those who have left every post it is not held.
func (d *Directory) Holders(unit string, role accessv1.Role) []string {
	return d.granted(unit, role, d.Today(), false)
}

// Departed returns the principals whose role on exactly the unit is dormant, in order.
func (d *Directory) Departed(unit string, role accessv1.Role) []string {
	return d.granted(unit, role, d.Today(), true)
}

// granted are those to whom the role is granted on exactly the unit, dormant on the day
// or not, in order.
func (d *Directory) granted(unit string, role accessv1.Role, day string, dormant bool) (principals []string) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, principal := range d.around[unit] {
		if slices.ContainsFunc(d.marked(principal, day), func(g authz.Grant) bool {
			return g.Unit == unit && g.Role == role && g.Dormant == dormant
		}) {
			principals = append(principals, principal)
		}
	}
	slices.Sort(principals)
	return principals
}
