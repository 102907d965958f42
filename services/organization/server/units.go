package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/organization"
)

// CreateUnit implements the RPC.
func (s *Service) CreateUnit(ctx context.Context, req *organizationv1.CreateUnitRequest) (*organizationv1.Unit, error) {
	parent := req.GetUnit().GetParent()
	if parent == "" {
		return nil, change.ErrFields.At("unit.parent", "不能为空", "is needed")
	}
	return s.units.Create(ctx, req, parent, func(tx *change.Tx) (*organizationv1.Unit, error) {
		u, err := s.newUnit(tx, req.GetUnitId(), req.GetUnit())
		if err != nil || req.GetShareCodes() {
			return u, err
		}
		return u, s.unshared(tx, u, nil)
	}, change.CatchUp(), change.Before(s.past.CatchUpBelow))
}

// newUnit makes a unit beneath the parent that u names; an empty id gets a new
// one.
func (s *Service) newUnit(tx *change.Tx, id string, u *organizationv1.Unit) (*organizationv1.Unit, error) {
	name, err := s.units.NewName(tx, "units/", id, taken("unit_id"))
	if err != nil {
		return nil, err
	}
	if s.past.Unit(name).GetInstallation() != "" {
		return nil, taken("unit_id")
	}
	if err := distinct(u.GetCodes()); err != nil {
		return nil, err
	}
	above, err := s.path(tx, u.GetParent())
	if err != nil {
		return nil, err
	}
	return organization.NewUnit(name, u, above)
}

// distinct says whether a unit has every code once, and none with blanks at its ends.
func distinct(codes []*organizationv1.Code) error {
	for n, c := range codes {
		field := fmt.Sprintf("unit.codes[%d]", n)
		if c.GetValue() != strings.TrimSpace(c.GetValue()) {
			return change.ErrFields.At(field+".value", "首尾不能有空白", "must have no blanks at its ends")
		}
		if slices.ContainsFunc(codes[:n], func(b *organizationv1.Code) bool { return organization.Folded(b) == organization.Folded(c) }) {
			return change.ErrFields.At(field, "与前面的代码重复", "repeats a code before it")
		}
	}
	return nil
}

// unshared says whether none of the unit's codes, but those that it had before, is another's
// that the caller sees.
func (s *Service) unshared(tx *change.Tx, u *organizationv1.Unit, before []*organizationv1.Code) error {
	if len(u.GetCodes()) == 0 {
		return nil
	}
	coded, err := s.coded(tx)
	if err != nil {
		return err
	}
	return coded.Shared(u, before)
}

// taken says that a unit has, or had, the id at the field, whoever may see it.
func taken(field string) *fault.Fault {
	return organization.ErrUnitExists.At(field, "已被使用", "is in use")
}

// GetUnit implements the RPC.
func (s *Service) GetUnit(ctx context.Context, req *organizationv1.GetUnitRequest) (*organizationv1.Unit, error) {
	if err := organization.Seen(req.GetAsOf(), s.book.Now()); err != nil {
		return nil, err
	}
	// Who may see a unit is decided by the tree as it is.
	u, err := s.unit(ctx, req.GetName())
	if err != nil || req.GetAsOf() == nil {
		return u, err
	}
	if err := s.past.CatchUp(ctx); err != nil {
		return nil, err
	}
	if u := s.past.UnitAt(req.GetName(), req.GetAsOf().AsTime()); u != nil {
		return u, nil
	}
	return nil, authz.ErrNotFound
}

// ListUnits implements the RPC.
func (s *Service) ListUnits(ctx context.Context, req *organizationv1.ListUnitsRequest) (*organizationv1.ListUnitsResponse, error) {
	if err := organization.Seen(req.GetAsOf(), s.book.Now()); err != nil {
		return nil, err
	}
	if err := s.past.CatchUp(ctx); err != nil {
		return nil, err
	}
	units, next, err := s.units.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*organizationv1.Unit, error], error) {
		return s.tree(tx, req, after)
	}, s.beneath(req))
	return &organizationv1.ListUnitsResponse{Units: units, NextPageToken: next}, err
}

// tree yields the units of the time that the request asks for, after the one of
// that name.
func (s *Service) tree(tx *change.Tx, req *organizationv1.ListUnitsRequest, after string) (iter.Seq2[*organizationv1.Unit, error], error) {
	if req.GetAncestor() != "" {
		if err := tx.CheckAt(req.GetAncestor(), "ancestor"); err != nil {
			return nil, err
		}
	}
	if req.GetAsOf() == nil {
		return joined(s.units.Scan(tx, after, ""), s.below(after)), nil
	}
	return from(s.past.UnitsAt(req.GetAsOf().AsTime()), after), nil
}

// from yields the units behind the one of that name.
func from(units []*organizationv1.Unit, after string) iter.Seq2[*organizationv1.Unit, error] {
	return func(yield func(*organizationv1.Unit, error) bool) {
		for _, u := range units {
			if u.GetName() > after && !yield(u, nil) {
				return
			}
		}
	}
}

// beneath keeps the units that are the ancestor that the request asks for or lie
// under it, at the time that it asks for.
func (s *Service) beneath(req *organizationv1.ListUnitsRequest) change.Keep[*organizationv1.Unit] {
	return func(tx *change.Tx, u *organizationv1.Unit) (bool, error) {
		path := tx.Access.Tree().Path
		if req.GetAsOf() != nil {
			path = func(name string) []string { return s.past.PathAt(name, req.GetAsOf().AsTime()) }
		}
		return req.GetAncestor() == "" || slices.Contains(path(u.GetName()), req.GetAncestor()), nil
	}
}

// UpdateUnit implements the RPC.
func (s *Service) UpdateUnit(ctx context.Context, req *organizationv1.UpdateUnitRequest) (*organizationv1.Unit, error) {
	return s.units.ChangeAs(ctx, req, req.GetUnit(), func(tx *change.Tx, u *organizationv1.Unit) (*organizationv1.Unit, error) {
		if err := organization.Editable(u); err != nil {
			return nil, err
		}
		if err := distinct(req.GetUnit().GetCodes()); err != nil {
			return nil, err
		}
		changed, err := change.Masked(u, req.GetUnit(), req.GetUpdateMask(), "display_name", "codes", "labels")
		if err == nil && !req.GetShareCodes() && !slices.EqualFunc(u.GetCodes(), changed.GetCodes(), sameCode) {
			err = s.unshared(tx, changed, u.GetCodes())
		}
		if err != nil || maps.Equal(u.GetLabels(), changed.GetLabels()) {
			return changed, err
		}
		return changed, fromAbove(tx, u, "unit.labels")
	}, change.CatchUp(), change.Before(s.past.CatchUpBelow))
}

func sameCode(a, b *organizationv1.Code) bool { return proto.Equal(a, b) }

// fromAbove refuses what the caller may do to the units beneath its own alone. Its
// key counts as well as its grants.
func fromAbove(tx *change.Tx, u *organizationv1.Unit, field string) error {
	top, err := tx.Access.Reach(u.GetName())
	if err != nil {
		return err
	}
	return organization.SetFromAbove(u, top, field)
}

// MoveUnit implements the RPC.
func (s *Service) MoveUnit(ctx context.Context, req *organizationv1.MoveUnitRequest) (*organizationv1.Unit, error) {
	return s.units.Change(ctx, req, func(tx *change.Tx, u *organizationv1.Unit) (*organizationv1.Unit, error) {
		above, levels, err := s.target(tx, u, req.GetParent(), "parent")
		if err != nil {
			return nil, err
		}
		return organization.MoveUnit(u, above, levels)
	})
}

// target returns the path of the unit that u goes to, which the request has at
// field and on which the caller must have the right too, and how many levels u has.
func (s *Service) target(tx *change.Tx, u *organizationv1.Unit, to, field string) ([]*organizationv1.Unit, int, error) {
	if err := tx.CheckAt(to, field); err != nil {
		return nil, 0, err
	}
	above, err := s.path(tx, to)
	if err != nil {
		return nil, 0, err
	}
	levels, err := s.levels(tx, u.GetName())
	return above, levels, err
}

// MergeUnit implements the RPC.
func (s *Service) MergeUnit(ctx context.Context, req *organizationv1.MergeUnitRequest) (*organizationv1.Unit, error) {
	return s.units.Change(ctx, req, func(tx *change.Tx, u *organizationv1.Unit) (*organizationv1.Unit, error) {
		into, levels, err := s.target(tx, u, req.GetInto(), "into")
		if err != nil {
			return nil, err
		}
		merged, err := organization.MergeUnit(u, into, levels-1)
		if err != nil {
			return nil, err
		}
		return merged, errors.Join(s.adopt(tx, u, into, levels-1), s.endGrants(tx, u))
	})
}

// adopt moves the active children of a merged unit, with so many levels, to where it went.
func (s *Service) adopt(tx *change.Tx, u *organizationv1.Unit, into []*organizationv1.Unit, levels int) error {
	children, err := s.children(tx, u.GetName())
	if err != nil {
		return err
	}
	for _, c := range children {
		if c.GetState() != organizationv1.Unit_STATE_ACTIVE {
			continue
		}
		moved, err := organization.AdoptUnit(c, into, levels)
		if err != nil {
			return err
		}
		if _, err := s.units.PutAs(tx, "unit.moved", moved); err != nil {
			return err
		}
	}
	return nil
}

// endGrants ends all that is held on a merged unit.
func (s *Service) endGrants(tx *change.Tx, u *organizationv1.Unit) error {
	for g, err := range s.grants.Lookup(tx, "unit", u.GetName(), "") {
		if err != nil {
			return err
		}
		ended, err := organization.EndGrant(g, tx.Now)
		if errors.Is(err, organization.ErrGrantEnded) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := s.grants.PutAs(tx, "grant.ended", ended); err != nil {
			return err
		}
	}
	return nil
}

// ArchiveUnit implements the RPC.
func (s *Service) ArchiveUnit(ctx context.Context, req *organizationv1.ArchiveUnitRequest) (*organizationv1.Unit, error) {
	return s.units.Change(ctx, req, func(tx *change.Tx, u *organizationv1.Unit) (*organizationv1.Unit, error) {
		if err := fromAbove(tx, u, "name"); err != nil {
			return nil, err
		}
		beneath, err := s.children(tx, u.GetName())
		if err != nil {
			return nil, err
		}
		return organization.ArchiveUnit(u, beneath)
	})
}
