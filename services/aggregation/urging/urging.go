// Package urging urges the late (催报): it keeps how what awaits units was urged, and hands
// on what is urged of units that installations below keep, as only there it can be done.
// When something may be urged decides the rule in package aggregation; what awaits whom
// know packages worklist and dues.
package urging

import (
	"context"
	"slices"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/dues"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
)

// Directory knows the units as they are now.
type Directory interface {
	Root() string
	// Installation is the installation below that keeps what lies beneath the unit, or "".
	Installation(unit string) string
	// Path lists the unit and those above it.
	Path(name string) []string
	CatchUp(context.Context) error
}

// Urging implements UrgeWorkItem of AggregationService, and UrgeService.
type Urging struct {
	aggregationv1.UnimplementedUrgeServiceServer
	// Home is the name of this installation, installations/{installation}.
	Home string

	book      *change.Book
	directory Directory
	owed      *dues.Ledger
	shown     func(*authz.Access, *worklist.Item) bool
	urges     change.Kind[*aggregationv1.Urge]
}

// Indexes are the fields by which urges are found other than by name.
var Indexes = map[string][]string{"duban.aggregation.v1.Urge": {"urge_date"}}

// New returns what urges in book, of what awaits units those things that shown lets the
// caller know of.
func New(book *change.Book, directory Directory, owed *dues.Ledger, shown func(*authz.Access, *worklist.Item) bool) *Urging {
	return &Urging{book: book, directory: directory, owed: owed, shown: shown, urges: change.Kind[*aggregationv1.Urge]{Book: book}}
}

// UrgeWorkItem implements the RPC. It says something of a unit, and changes nothing of it:
// the unit may be one that an installation below keeps.
func (u *Urging) UrgeWorkItem(ctx context.Context, req *aggregationv1.UrgeWorkItemRequest) (*aggregationv1.Urge, error) {
	return change.Do(ctx, u.book, req, func(tx *change.Tx) (*aggregationv1.Urge, error) {
		item, err := u.awaited(tx, req.GetName(), req.GetSubject(), req.GetAction())
		if err != nil {
			return nil, err
		}
		if item != nil && !u.shown(tx.Access, item) {
			item = nil
		}
		before, err := u.urges.Seek(tx, aggregation.UrgeName(req.GetName(), req.GetSubject(), req.GetAction()))
		if err != nil {
			return nil, err
		}
		urge, err := aggregation.Urging(before, item, u.book.Today(), tx.Access.Principal.Name, tx.Access.Acting().Unit)
		if err != nil {
			return nil, err
		}
		return u.urges.Put(tx, urge)
	}, change.Over(req.GetName()))
}

// awaited is what awaits a unit; nil if it does not.
func (u *Urging) awaited(tx *change.Tx, unit, subject string, action aggregationv1.WorkItem_Action) (*worklist.Item, error) {
	if action != aggregationv1.WorkItem_ACTION_SUBMIT_REPORT {
		return worklist.Find(tx, unit, subject, action)
	}
	items, err := u.owed.Awaited(tx, unit, false)
	i := slices.IndexFunc(items, func(item *worklist.Item) bool { return item.GetSubject() == subject })
	if err != nil || i < 0 {
		return nil, err
	}
	return items[i], nil
}

// Urged says how an item was urged since it awaits its unit, or nil.
func (u *Urging) Urged(tx *change.Tx, item *worklist.Item) (*aggregationv1.Urge, error) {
	urge, err := u.urges.Seek(tx, aggregation.UrgeName(item.GetUnit(), item.GetSubject(), item.GetAction()))
	if err != nil || !aggregation.Urged(urge, item) {
		return nil, err
	}
	return urge, nil
}
