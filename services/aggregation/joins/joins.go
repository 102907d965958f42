// Package joins keeps which campaigns of installations below are part of which above.
// They name the one that they are part of, and each is counted under its own name all
// the same: that they belong together matters when figures are read, by package
// figures, so it does not matter which of them was heard of first. Who lies above whom
// is told by the caller.
package joins

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation/lower"
	"github.com/duban-project/duban/services/internal/store"
)

// The buckets and what is in them; parts of keys are parted by 0x00.
const (
	joinsBucket   = "figures.joins"   // parent as it is named, installation, campaign here → nothing
	parentsBucket = "figures.parents" // campaign here → parent as it is named
)

// Buckets are all of them.
var Buckets = []string{joinsBucket, parentsBucket}

const zero = "\x00"

// Max is how many campaigns of one installation count with one parent at most.
const Max = 100

// maxJoined is how many campaigns count with one altogether.
const maxJoined = 10_000

var parentName = regexp.MustCompile(`^installations/[a-z0-9][a-z0-9-]{0,62}/campaigns/[a-z0-9][a-z0-9-]{0,62}$`)

// Join notes which campaign above one of an installation below is part of; "" for
// none. What is no name of a campaign is none, and so is one that has Max
// campaigns of the installation already.
func Join(tx store.Tx, installation, campaign, parent string) error {
	child := lower.Campaign(installation, campaign)
	before, _, err := store.Seek(tx, parentsBucket, []byte(child))
	if err != nil {
		return err
	}
	if string(before) == parent {
		return nil
	}
	if len(before) > 0 {
		err := errors.Join(
			tx.Delete(parentsBucket, []byte(child)),
			tx.Delete(joinsBucket, []byte(string(before)+zero+installation+zero+child)))
		if err != nil {
			return err
		}
	}
	if full, err := full(tx, parent+zero+installation+zero); err != nil || full || !parentName.MatchString(parent) {
		return err
	}
	return errors.Join(
		tx.Put(parentsBucket, []byte(child), []byte(parent)),
		tx.Put(joinsBucket, []byte(parent+zero+installation+zero+child), nil))
}

// full says whether there are as many joins with a prefix as there may be.
func full(tx store.Tx, prefix string) (bool, error) {
	n := 0
	from, to := store.Prefix(prefix)
	for _, err := range tx.Scan(joinsBucket, from, to) {
		if n++; err != nil || n == Max {
			return true, err
		}
	}
	return false, nil
}

// Above says whether one installation lies above another; the names are such as
// installations/510104.
type Above func(installation, below string) bool

// Read returns the campaigns below that count with a campaign, as seen from
// the installation of the name home, in their order. A parent counts only if it is
// an installation's above.
func Read(tx store.Tx, home, campaign string, above Above) ([]string, error) {
	seen, todo := map[string]bool{}, []string{campaign}
	for len(todo) > 0 && len(seen) < maxJoined {
		of, parent := named(home, todo[0])
		todo = todo[1:]
		from, to := store.Prefix(parent + zero)
		for e, err := range tx.Scan(joinsBucket, from, to) {
			if err != nil {
				return nil, err
			}
			installation, child, _ := strings.Cut(string(e.Key[len(from):]), zero)
			if !seen[child] && (of == home || above(of, installation)) {
				seen[child] = true
				todo = append(todo, child)
			}
		}
	}
	delete(seen, campaign)
	return slices.Sorted(maps.Keys(seen)), nil
}

// named is whose campaign it is that is asked for here, and the name by which campaigns below
// name it: an installation by its own id, as they know no other of that name above them.
func named(home, campaign string) (of, name string) {
	id := strings.TrimPrefix(campaign, "campaigns/")
	if installation, id, below := strings.Cut(id, "."); below {
		known, _, _ := strings.Cut(installation, "~")
		return "installations/" + installation, "installations/" + known + "/campaigns/" + id
	}
	return home, home + "/campaigns/" + id
}
