package directory

import (
	"slices"
	"time"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/calendar"
)

// Tie is that somebody belongs to a unit, or ever did.
type Tie struct {
	Unit string
	// Head says that they head it, or did (一把手).
	Head bool
	// Since is when that was first entered; zero for where they are entered themselves.
	Since time.Time
	// Entered is when that was entered, if it was over by then; else zero.
	Entered time.Time
}

func (d *Directory) learnPosts(m *organizationv1.Member, since time.Time) {
	d.posts[m.GetName()] = m.GetPosts()
	for _, p := range m.GetPosts() {
		t := Tie{Unit: p.GetUnit(), Head: p.GetKind() == organizationv1.Post_KIND_HEAD, Since: since}
		if p.GetEndDate() != "" && p.GetEndDate() < calendar.On(since).String() {
			t.Entered = since
		}
		d.tie(m.GetName(), t)
	}
}

// tie notes that the principal belongs to a unit, for good: once, by what was entered
// first or was not over.
func (d *Directory) tie(principal string, t Tie) {
	ties := d.tied[principal]
	i := slices.IndexFunc(ties, func(known Tie) bool { return known.Unit == t.Unit && known.Head == t.Head })
	switch {
	case i < 0:
		d.tied[principal] = append(ties, t)
		if !slices.Contains(d.around[t.Unit], principal) {
			d.around[t.Unit] = append(d.around[t.Unit], principal)
		}
	case t.Entered.Before(ties[i].Entered):
		ties[i].Entered = t.Entered
	}
}

// Serves returns the units that the member serves in on a day, YYYY-MM-DD: by
// posts, or without any where they are entered. There are none for someone who is
// not there, or whose posts have ended.
func (d *Directory) Serves(member, day string) (units []string) {
	for _, p := range d.Posts(member, day) {
		units = append(units, p.GetUnit())
	}
	return units
}

// Posts returns the posts by which the member serves on a day, YYYY-MM-DD, which MUST NOT
// be changed: one of no kind for who has none, where they are entered.
func (d *Directory) Posts(member, day string) (all []*organizationv1.Post) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	posts, ok := d.posts[member]
	if ok && len(posts) == 0 {
		return []*organizationv1.Post{{Unit: authn.Home(member)}}
	}
	for _, p := range posts {
		if current(p, day) {
			all = append(all, p)
		}
	}
	return all
}

// Office returns the post by which the member is in office on a day, YYYY-MM-DD, in the body
// that the unit is, is an organ of or was merged into, or nil. One at an archived unit puts
// in office there alone, for what was left to it. It MUST NOT be changed.
func (d *Directory) Office(member, unit, day string) *organizationv1.Post {
	house, heir := d.House(unit), d.Heir(unit)
	for _, p := range d.Posts(member, day) {
		if at := p.GetUnit(); at == heir || d.Unit(at).GetState() == organizationv1.Unit_STATE_ACTIVE && d.House(at) == house {
			return p
		}
	}
	return nil
}

// Belongs implements authz.Tree, by the posts of today.
func (d *Directory) Belongs(principal, unit string) bool {
	heir := d.Heir(unit)
	return slices.ContainsFunc(d.Ties(principal, d.Today(), working...), func(tie string) bool { return slices.Contains(d.Path(tie), heir) })
}

// Ties returns the units that the principal belongs to on a day, YYYY-MM-DD: where
// they are entered, unless they have left it, or what answers for a machine, where they
// serve, and on which they are granted one of the roles, a dormant one too; without
// roles, any.
func (d *Directory) Ties(principal, day string, roles ...accessv1.Role) []string {
	units := d.Serves(principal, day)
	if home := d.home(principal); home != "" && !d.left(principal, home, day) {
		units = append(units, home)
	}
	for _, g := range d.Grants(principal) {
		if len(roles) == 0 || slices.Contains(roles, g.Role) {
			units = append(units, g.Unit)
		}
	}
	return units
}

// left says whether the member served in the unit, or beneath it, by posts that are all
// over on the day. Who never had one there has not left.
func (d *Directory) left(member, unit, day string) (left bool) {
	d.mu.RLock()
	posts := d.posts[member]
	d.mu.RUnlock()
	for _, p := range posts {
		if !slices.Contains(d.Path(p.GetUnit()), unit) {
			continue
		}
		if left = p.GetEndDate() != "" && p.GetEndDate() < day; !left {
			return false
		}
	}
	return left
}

// home is the unit that a member is entered in, or that answers for a machine, or "".
func (d *Directory) home(principal string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if unit := d.machines[principal]; unit != "" {
		return unit
	}
	return authn.Home(principal)
}

// Tied returns the ties of the principal: to where they are entered, and by every post
// and every grant that there was, by posts that are yet to begin too. Whoever left has
// no Ties and is still tied.
func (d *Directory) Tied(principal string) []Tie {
	d.mu.RLock()
	defer d.mu.RUnlock()
	ties := slices.Clone(d.tied[principal])
	if home := authn.Home(principal); home != "" {
		ties = append(ties, Tie{Unit: home})
	}
	return ties
}

// Heads returns those who head the unit on a day, YYYY-MM-DD, by a role or by a post,
// in order.
func (d *Directory) Heads(unit, day string) []string {
	heads := d.granted(unit, accessv1.Role_ROLE_HEAD, day, false)
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, member := range d.around[unit] {
		if slices.ContainsFunc(d.posts[member], func(p *organizationv1.Post) bool {
			return p.GetUnit() == unit && p.GetKind() == organizationv1.Post_KIND_HEAD && current(p, day)
		}) {
			heads = append(heads, member)
		}
	}
	slices.Sort(heads)
	return slices.Compact(heads)
}

// current says whether the post is held on the day.
func current(p *organizationv1.Post, day string) bool {
	return p.GetStartDate() <= day && (p.GetEndDate() == "" || day <= p.GetEndDate())
}
