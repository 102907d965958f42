package figures

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/store"
)

// The buckets of what is counted of installations below.
const (
	ownersBucket   = "figures.owners"   // unit → its installation, or "" for this one
	refusedBucket  = "figures.refused"  // installation, unit → nothing
	withheldBucket = "figures.withheld" // feed → how many sealed parts stayed below
	headsBucket    = "figures.reports"  // installation and report → Report without rows
)

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

// Own notes which installation keeps the records of a unit; "" for this one. Who
// has it first keeps it.
func (f *Fold) Own(unit, installation string) error {
	_, err := f.tx.Get(ownersBucket, []byte(unit))
	if errors.Is(err, store.ErrNotFound) {
		return f.tx.Put(ownersBucket, []byte(unit), []byte(installation))
	}
	return err
}

// Refuse notes that a unit of an installation has no place in the tree.
func (f *Fold) Refuse(unit, installation string) error {
	return f.tx.Put(refusedBucket, []byte(installation+zero+unit), nil)
}

// StandingOf says what a unit is to an installation below whose root is root.
func (f *Fold) StandingOf(unit, installation, root string) (Standing, error) {
	if unit == root {
		return Theirs, nil
	}
	owner, err := f.tx.Get(ownersBucket, []byte(unit))
	switch {
	case err == nil && string(owner) == installation:
		return Theirs, nil
	case err == nil:
		return NotTheirs, nil
	case !errors.Is(err, store.ErrNotFound):
		return Unknown, err
	}
	_, err = f.tx.Get(refusedBucket, []byte(installation+zero+unit))
	switch {
	case err == nil:
		return NotTheirs, nil
	case errors.Is(err, store.ErrNotFound):
		return Unknown, nil
	default:
		return Unknown, err
	}
}

// BelowCampaign names a campaign of an installation below among those of all.
func BelowCampaign(installation, campaign string) string {
	if campaign == "" {
		return ""
	}
	return "campaigns/" + strings.TrimPrefix(installation, "installations/") + "." + strings.TrimPrefix(campaign, "campaigns/")
}

// ReadWithheld returns how many sealed parts of a feed's counted entries stayed
// below.
func ReadWithheld(tx store.Tx, feed string) (uint64, error) {
	b, err := tx.Get(withheldBucket, []byte(feed))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
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

// KeepReport remembers what the pages of a report from below are read by.
func (f *Fold) KeepReport(name string, r *aggregationv1.Report) error {
	b, err := proto.Marshal(&aggregationv1.Report{
		Form: r.GetForm(), Unit: r.GetUnit(), Source: r.GetSource(), Period: r.GetPeriod(), Sequence: r.GetSequence(),
	})
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return f.tx.Put(headsBucket, []byte(name), b)
}

// ReadReport returns what KeepReport remembers, or store.ErrNotFound.
func (f *Fold) ReadReport(name string) (*aggregationv1.Report, error) {
	b, err := f.tx.Get(headsBucket, []byte(name))
	if err != nil {
		return nil, err
	}
	r := &aggregationv1.Report{}
	return r, proto.Unmarshal(b, r)
}

// EnterBelow counts what an installation below counts of a report, in the place of
// what it counted before. Its fault says that the figure is another source's here.
func (f *Fold) EnterBelow(r Reported) error {
	s, said, err := f.said(r.key())
	if err != nil {
		return err
	}
	if said {
		r.Supersedes = s.sequence
	}
	_, _, err = f.Enter(r)
	return err
}
