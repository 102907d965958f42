package recount

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// parts says which campaign of an installation below, by its name here, is part of
// which one above, as that is named there.
type parts map[string]string

// most is how many campaigns of one installation may be part of one.
const most = 100

var namedAbove = regexp.MustCompile(`^installations/([a-z0-9][a-z0-9-]{0,62})/campaigns/([a-z0-9][a-z0-9-]{0,62})$`)

// take notes what a campaign names, once it is published.
func (p parts) take(installation string, b *campaignv1.Campaign) {
	if installation == "" || b.GetState() == campaignv1.Campaign_STATE_DRAFT {
		return
	}
	name := theirCampaign(installation, b.GetName())
	if p[name] == b.GetParent() {
		return
	}
	delete(p, name)
	if namedAbove.MatchString(b.GetParent()) && p.siblings(installation, b.GetParent()) < most {
		p[name] = b.GetParent()
	}
}

// siblings counts the campaigns of an installation that are part of one.
func (p parts) siblings(installation, parent string) (n int) {
	for name, of := range p {
		if of == parent && ownerOf(name) == installation {
			n++
		}
	}
	return n
}

// ownerOf is the installation of a campaign from below.
func ownerOf(campaign string) string {
	owner, _, _ := strings.Cut(short(campaign), ".")
	return owner
}

// with are the campaign and all that are part of it, or of these, as seen from
// home. One that names what is not above its installation is part of nothing.
func (f *Figures) with(campaign, home string) (all []string) {
	all = []string{campaign}
	for name := range f.parts {
		for at, steps := name, 0; at != "" && steps < 50; steps++ {
			if at = f.above(at, home); at != "" && at == campaign && name != campaign {
				all = append(all, name)
				break
			}
		}
	}
	return all
}

// above is what a campaign is part of, by its name here, or "".
func (f *Figures) above(campaign, home string) string {
	named := namedAbove.FindStringSubmatch(f.parts[campaign])
	switch {
	case named == nil:
		return ""
	case named[1] == home:
		return "campaigns/" + named[2]
	case slices.Contains(f.over[ownerOf(campaign)], named[1]):
		return theirCampaign(named[1], "campaigns/"+named[2])
	default:
		return ""
	}
}

// over lists, for each installation below, itself and those whose roots are above
// its own now.
func (c *count) over() map[string][]string {
	all := map[string][]string{}
	for root, installation := range c.roots {
		for _, unit := range c.path(root, "9999") {
			if above := c.roots[unit]; above != "" {
				all[installation] = append(all[installation], above)
			}
		}
	}
	return all
}

// compareParts compares what is kept of campaigns' parents.
func (f *Figures) compareParts(tx store.Tx) error {
	kept, joins := parts{}, map[string]string{}
	for kv, err := range tx.Scan("figures.parents", nil, nil) {
		if err != nil {
			return err
		}
		kept[string(kv.Key)] = string(kv.Value)
	}
	for kv, err := range tx.Scan("figures.joins", nil, nil) {
		if err != nil {
			return err
		}
		joins[string(kv.Key)] = ""
	}
	wanted := map[string]string{}
	for name, of := range f.parts {
		wanted[of+"\x00installations/"+ownerOf(name)+"\x00"+name] = ""
	}
	if !maps.Equal(kept, f.parts) {
		return differ("what is part of what at %s", firstOf(kept, f.parts))
	}
	if !maps.Equal(joins, wanted) {
		return differ("what has which part at %s", firstOf(joins, wanted))
	}
	return nil
}
