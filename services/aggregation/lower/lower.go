// Package lower keeps what installations below have told that is no figure: whose
// records about which unit are theirs to make, what their reports were of, and how much
// of their entries stayed sealed. What they count goes the way of all figures, through
// package figures; which of their campaigns count with others' is kept by package joins;
// what is read of them, and when, is decided by the server.
package lower

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/duban-project/duban/services/internal/store"
)

// The buckets and what is in them; parts of keys are parted by 0x00.
const (
	ownersBucket   = "figures.owners"   // unit → its installations in their order, by 0x00; "" is this one
	refusedBucket  = "figures.refused"  // installation, unit → nothing
	withheldBucket = "figures.withheld" // feed → how many sealed parts stayed below
	headsBucket    = "figures.reports"  // installation and report → Report without rows
	dutiesBucket   = "figures.duties"   // unit, form, period, installation and report → nothing
)

// Buckets are all of them.
var Buckets = []string{ownersBucket, refusedBucket, withheldBucket, headsBucket, dutiesBucket}

const zero = "\x00"

// Standing is what a unit is to an installation below.
type Standing int

const (
	// Unknown says that nobody has told of the unit yet.
	Unknown Standing = iota
	// Theirs is a unit whose records the installation keeps.
	Theirs
	// NotTheirs is a unit of somebody else, or one that has no place in the tree.
	NotTheirs
)

// Own notes which installation keeps the records of a unit; "" for this one. Who had it before
// goes on telling of what it has: federation and organization judge who may have it.
func Own(tx store.Tx, unit, installation string) error {
	before, there, err := store.Seek(tx, ownersBucket, []byte(unit))
	if err != nil || there && owns(before, installation) {
		return err
	}
	if there {
		installation = string(before) + zero + installation
	}
	return tx.Put(ownersBucket, []byte(unit), []byte(installation))
}

func owns(owners []byte, installation string) bool {
	return slices.Contains(strings.Split(string(owners), zero), installation)
}

// Refuse notes that a unit of an installation has no place in the tree.
func Refuse(tx store.Tx, unit, installation string) error {
	return tx.Put(refusedBucket, []byte(installation+zero+unit), nil)
}

// StandingOf says what a unit is to an installation below whose root is root.
func StandingOf(tx store.Tx, unit, installation, root string) (Standing, error) {
	if unit == root {
		return Theirs, nil
	}
	owners, there, err := store.Seek(tx, ownersBucket, []byte(unit))
	if there && owns(owners, installation) {
		return Theirs, nil
	}
	if err == nil && !there {
		_, there, err = store.Seek(tx, refusedBucket, []byte(installation+zero+unit))
	}
	if there {
		return NotTheirs, nil
	}
	return Unknown, err
}

// Campaign names a campaign of an installation below among those of all; "" stays "".
func Campaign(installation, campaign string) string {
	if campaign == "" {
		return ""
	}
	return "campaigns/" + strings.TrimPrefix(installation, "installations/") + "." + strings.TrimPrefix(campaign, "campaigns/")
}

// ReadWithheld returns how many sealed parts of a feed's counted entries stayed
// below.
func ReadWithheld(tx store.Tx, feed string) (uint64, error) {
	b, _, err := store.Seek(tx, withheldBucket, []byte(feed))
	n, _ := binary.Uvarint(b)
	return n, err
}

// AddWithheld counts n more of them.
func AddWithheld(tx store.Tx, feed string, n uint64) error {
	if n == 0 {
		return nil
	}
	before, err := ReadWithheld(tx, feed)
	if err != nil {
		return err
	}
	return tx.Put(withheldBucket, []byte(feed), binary.AppendUvarint(nil, before+n))
}
