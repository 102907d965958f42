package figures

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Campaigns of installations below name the one above that they are part of. Each
// is counted under its own name all the same: that they belong together matters
// when figures are read, so it does not matter which of them was heard of first.

// The buckets of what campaigns below name as their parent.
const (
	joinsBucket   = "figures.joins"   // parent as it is named, installation, campaign here → nothing
	parentsBucket = "figures.parents" // campaign here → parent as it is named
)

// Joins is how many campaigns of one installation count with one parent at most.
const Joins = 100

// maxJoined is how many campaigns count with one altogether.
const maxJoined = 10_000

var parentName = regexp.MustCompile(`^installations/[a-z0-9][a-z0-9-]{0,62}/campaigns/[a-z0-9][a-z0-9-]{0,62}$`)

// Join notes which campaign above one of an installation below is part of; "" for
// none. What is no name of a campaign is none, and so is one that has Joins
// campaigns of the installation already.
func (f *Fold) Join(installation, campaign, parent string) error {
	child := BelowCampaign(installation, campaign)
	before, err := f.tx.Get(parentsBucket, []byte(child))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if string(before) == parent {
		return nil
	}
	if len(before) > 0 {
		err := errors.Join(
			f.tx.Delete(parentsBucket, []byte(child)),
			f.tx.Delete(joinsBucket, []byte(string(before)+zero+installation+zero+child)))
		if err != nil {
			return err
		}
	}
	if full, err := f.full(parent + zero + installation + zero); err != nil || full || !parentName.MatchString(parent) {
		return err
	}
	return errors.Join(
		f.tx.Put(parentsBucket, []byte(child), []byte(parent)),
		f.tx.Put(joinsBucket, []byte(parent+zero+installation+zero+child), nil))
}

// full says whether there are as many joins with a prefix as there may be.
func (f *Fold) full(prefix string) (bool, error) {
	n := 0
	from, to := store.Prefix(prefix)
	for _, err := range f.tx.Scan(joinsBucket, from, to) {
		if n++; err != nil || n == Joins {
			return true, err
		}
	}
	return false, nil
}

// Above says whether one installation lies above another; the names are such as
// installations/510104.
type Above func(installation, below string) bool

// ReadJoined returns the campaigns below that count with a campaign, as seen from
// the installation of the name home, in their order. A parent counts only if it is
// an installation's above.
func ReadJoined(tx store.Tx, home, campaign string, above Above) ([]string, error) {
	seen, todo := map[string]bool{}, []string{named(home, campaign)}
	for len(todo) > 0 && len(seen) < maxJoined {
		parent := todo[0]
		todo = todo[1:]
		of, _, _ := strings.Cut(parent, "/campaigns/")
		from, to := store.Prefix(parent + zero)
		for e, err := range tx.Scan(joinsBucket, from, to) {
			if err != nil {
				return nil, err
			}
			installation, child, _ := strings.Cut(string(e.Key[len(from):]), zero)
			if !seen[child] && (of == home || above(of, installation)) {
				seen[child] = true
				todo = append(todo, named(home, child))
			}
		}
	}
	delete(seen, campaign)
	return slices.Sorted(maps.Keys(seen)), nil
}

// named is the name by which campaigns below name one that is asked for here.
func named(home, campaign string) string {
	id := strings.TrimPrefix(campaign, "campaigns/")
	if installation, id, below := strings.Cut(id, "."); below {
		return "installations/" + installation + "/campaigns/" + id
	}
	return home + "/campaigns/" + id
}

// campaigns are those that count in q, of which its unit has something in a
// bucket whose keys begin with unit and campaign.
func (q Query) campaigns(tx store.Tx, bucket string) (found []string, err error) {
	found = []string{q.Campaign}
	from := under(q.rowsOf())
	for i := 0; i < len(q.Joined); {
		next, err := firstCampaign(tx, bucket, from, strings.TrimPrefix(q.Joined[i], "campaigns/"))
		if err != nil || next == "" {
			return found, err
		}
		at, there := slices.BinarySearch(q.Joined[i:], next)
		if i += at; there {
			found = append(found, next)
			i++
		}
	}
	return found, nil
}

// firstCampaign is the first campaign, from one on, that a unit has something of.
func firstCampaign(tx store.Tx, bucket, unit, from string) (string, error) {
	_, to := store.Prefix(unit)
	for e, err := range tx.Scan(bucket, []byte(unit+from+zero), to) {
		if err != nil {
			return "", err
		}
		id, _, _ := strings.Cut(string(e.Key[len(unit):]), zero)
		return "campaigns/" + id, nil
	}
	return "", nil
}

// holds says whether what is in a cell counts in q.
func (q Query) holds(c aggregation.Cell) bool {
	_, joined := slices.BinarySearch(q.Joined, c.Campaign)
	return (q.Campaign == "" || q.Campaign == c.Campaign || joined) &&
		(q.Category == "" || q.Category == c.Category) && (q.Source == "" || q.Source == c.Source)
}
