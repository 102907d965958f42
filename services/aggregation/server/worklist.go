package server

import (
	"context"
	"iter"
	"slices"
	"sync"

	"google.golang.org/genproto/googleapis/api/httpbody"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/sheet"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/page"
)

// mine stands for every unit on which the caller holds a role.
const mine = "units/-"

// ListWorkItems implements the RPC.
func (s *Service) ListWorkItems(ctx context.Context, req *aggregationv1.ListWorkItemsRequest) (*aggregationv1.ListWorkItemsResponse, error) {
	after, err := s.book.Tokens.Decode(req.GetPageToken(), req)
	if err != nil {
		return nil, err
	}
	items, next, err := s.awaits(ctx, req, after, page.Most{Items: page.Size(req.GetPageSize())})
	return &aggregationv1.ListWorkItemsResponse{WorkItems: items, NextPageToken: s.book.Tokens.Encode(next, req)}, err
}

// awaits lists what awaits somebody, behind a place.
func (s *Service) awaits(ctx context.Context, req *aggregationv1.ListWorkItemsRequest, after string, most page.Most) (items []*worklist.Item, next string, err error) {
	filter, err := page.ParseFilter(req.GetFilter(), (&worklist.Item{}).ProtoReflect().Descriptor())
	if err != nil {
		return nil, "", err
	}
	err = s.book.View(ctx, func(tx *change.Tx) error {
		today := s.book.Today()
		standing := sync.OnceValue(func() [][]string { return s.directory.Standing(tx.Access.Principal.Name, today) })
		r := &reading{s, tx, req, filter, today, standing}
		items, next, err = r.page(after, most)
		return err
	})
	return items, next, err
}

// listed is how many things a file has at most.
const listed = 10_000

// ExportWorkItems implements the RPC.
func (s *Service) ExportWorkItems(ctx context.Context, req *aggregationv1.ExportWorkItemsRequest) (*httpbody.HttpBody, error) {
	asked := &aggregationv1.ListWorkItemsRequest{Parent: req.GetParent(), Beneath: req.GetBeneath(), Filter: req.GetFilter()}
	items, next, err := s.awaits(ctx, asked, "", page.Most{Items: listed, Bytes: page.FileBytes})
	if err != nil {
		return nil, err
	}
	table := sheet.Of("worklist", "待办", items)
	table.Beside("unit", "单位名称 (display_name)", func(unit string) string { return s.directory.Unit(unit).GetDisplayName() })
	table.Notes = []note{
		{"单位 (unit)", req.GetParent()}, {"下级待办 (beneath)", sheet.Yes(req.GetBeneath())}, {"截至日期 (as_of)", s.book.Today()},
		{"筛选 (filter)", req.GetFilter()}, {"未列全 (truncated)", sheet.Yes(next != "")},
	}
	whose := sheet.Called(req.GetParent(), s.directory.Unit(req.GetParent()).GetDisplayName())
	if req.GetParent() == mine {
		whose = sheet.Word{"mine", "本人"}
	}
	return table.File(req.GetFormat() == aggregationv1.ExportStatusRequest_FORMAT_XLSX, whose, sheet.Same(s.book.Today()))
}

// reading is one reading of a worklist.
type reading struct {
	*Service
	tx     *change.Tx
	req    *aggregationv1.ListWorkItemsRequest
	filter page.Filter
	today  string

	standing func() [][]string // where the caller stands
}

func (d *reading) page(after string, most page.Most) ([]*worklist.Item, string, error) {
	units, err := d.units()
	if err != nil {
		return nil, "", err
	}
	var lists []iter.Seq2[*worklist.Item, error]
	for _, unit := range units {
		owed, err := d.Awaited(d.tx, unit, d.req.GetBeneath())
		if err != nil {
			return nil, "", err
		}
		lists = append(lists, d.lit(worklist.Read(d.tx, unit, d.req.GetBeneath(), after)), d.lit(worklist.Behind(owed, after)))
	}
	return page.Collect(worklist.Merge(lists), most, d.keep, worklist.Place)
}

// units are those whose lists are asked for.
func (d *reading) units() (units []string, err error) {
	if d.req.GetParent() != mine {
		if err := d.tx.Check(d.req.GetParent()); err != nil {
			return nil, err
		}
		return d.inherited(d.req.GetParent()), nil
	}
	for _, g := range d.tx.Access.Grants() {
		if d.tx.Access.Sees(g.Unit) {
			units = append(units, d.inherited(g.Unit)...)
		}
	}
	slices.Sort(units)
	return slices.Compact(units), nil
}

// inherited is the unit with those that were merged into it: what awaits them awaits
// it. Among what awaits those beneath it that is anyhow.
func (d *reading) inherited(unit string) []string {
	if d.req.GetBeneath() {
		return []string{unit}
	}
	return append(d.directory.Merges(unit), unit)
}

// lit gives items what depends on the day, and how they were urged.
func (d *reading) lit(items iter.Seq2[*worklist.Item, error]) iter.Seq2[*worklist.Item, error] {
	return func(yield func(*worklist.Item, error) bool) {
		for item, err := range items {
			if err == nil {
				item, err = worklist.Shine(item, d.today)
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

// shown says whether the caller may know of the item.
func (s *Service) shown(access *authz.Access, item *worklist.Item) bool {
	return worklist.Shown(access, s.directory.Heir, item)
}

// keep says whether the list has the item for the caller, and leaves out of it what is kept
// for that alone.
func (d *reading) keep(item *worklist.Item) (*worklist.Item, bool, error) {
	if !d.shown(d.tx.Access, item) {
		return item, false, nil
	}
	if d.req.GetParent() == mine && !d.req.GetBeneath() && !d.falls(item) {
		return item, false, nil
	}
	item.Concerned, item.Rated = "", nil
	urge, err := d.Urged(d.tx, item)
	if err != nil {
		return item, false, err
	}
	item.Urge = urge
	return item, d.filter.Match(item), nil
}

// falls says whether the item falls to the caller: by a role on exactly its unit,
// or on the one that this was merged into. What awaits a superior falls to nobody who
// belongs to the unit whose record it is (回避), nor a round to those whom it rates, and what
// is done in office to nobody who holds no post in its unit today.
func (d *reading) falls(item *worklist.Item) bool {
	heir := d.directory.Heir(item.GetUnit())
	involved := d.directory.Heir(item.GetOwner()) != heir && d.tx.Access.Belongs(item.GetOwner())
	if len(item.GetRated()) > 0 {
		involved = worklist.Evaluated(item, d.standing())
	}
	if involved || worklist.InOffice(item) && d.directory.Office(d.tx.Access.Principal.Name, heir, d.today) == nil {
		return false
	}
	return slices.ContainsFunc(d.tx.Access.Grants(), func(g authz.Grant) bool {
		return g.Unit == heir && slices.Contains(item.GetRoles(), g.Role)
	})
}
