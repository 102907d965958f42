// Package parts says which campaigns of installations below are part of which above,
// counted anew from what they name, and holds what is kept of that against it. Which
// of them count together is decided where figures are read, and so not here.
package parts

import (
	"regexp"
	"strings"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/internal/store"
)

// Parts has, for a campaign of an installation below by its name here, the one that
// it is part of, as that is named there.
type Parts map[string]string

// most is how many campaigns of one installation may be part of one.
const most = 100

// Named is how the name of a campaign above is written: its installation and its id.
var Named = regexp.MustCompile(`^installations/([a-z0-9][a-z0-9-]{0,62})/campaigns/([a-z0-9][a-z0-9-]{0,62})$`)

// Take notes what a campaign names, once it is published.
func (p Parts) Take(installation string, b *campaignv1.Campaign) {
	if installation == "" || b.GetState() == campaignv1.Campaign_STATE_DRAFT {
		return
	}
	name := Here(installation, b.GetName())
	if p[name] == b.GetParent() {
		return
	}
	delete(p, name)
	if Named.MatchString(b.GetParent()) && p.siblings(installation, b.GetParent()) < most {
		p[name] = b.GetParent()
	}
}

// siblings counts the campaigns of an installation that are part of one.
func (p Parts) siblings(installation, parent string) (n int) {
	for name, of := range p {
		if of == parent && Owner(name) == installation {
			n++
		}
	}
	return n
}

// Here is the name here of a campaign of an installation; "" stays "".
func Here(installation, campaign string) string {
	if installation == "" || campaign == "" {
		return campaign
	}
	return "campaigns/" + installation + "." + hold.Short(campaign)
}

// Owner is the installation of a campaign from below, by its name here.
func Owner(campaign string) string {
	owner, _, _ := strings.Cut(hold.Short(campaign), ".")
	return owner
}

// Compare returns the first difference from what is kept.
func (p Parts) Compare(tx store.Tx) error {
	wanted := map[string]string{}
	for name, of := range p {
		wanted[of+"\x00installations/"+Owner(name)+"\x00"+name] = ""
	}
	return hold.Compare(tx, []hold.Bucket{
		{Name: "figures.parents", Want: p, Say: hold.Text},
		{Name: "figures.joins", Want: wanted, Say: hold.Text},
	})
}
