package server

import (
	"cmp"
	"context"
	"errors"
	"slices"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/organization"
)

// ImportUnits implements the RPC. A row that is refused leaves the others as
// they are.
func (s *Service) ImportUnits(ctx context.Context, req *organizationv1.ImportUnitsRequest) (*organizationv1.ImportUnitsResponse, error) {
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*organizationv1.ImportUnitsResponse, error) {
		rows, err := organization.ParseRows(req.GetCsv())
		if err != nil {
			return nil, err
		}
		return s.importRows(tx, req.GetAncestor(), rows, serve.Chinese(ctx))
	}, change.In(req.GetAncestor()), change.Before(s.past.CatchUpBelow))
}

// importRows stores what it can of the rows and says of each, in Chinese or
// English, what became of it.
func (s *Service) importRows(tx *change.Tx, ancestor string, rows []organization.Row, zh bool) (*organizationv1.ImportUnitsResponse, error) {
	answer := &organizationv1.ImportUnitsResponse{Totals: map[string]int32{}}
	for _, row := range rows {
		verdict, err := s.importRow(tx, ancestor, row)
		f := fault.As(err)
		if err != nil && f == nil {
			return nil, err
		}
		r := report(row, verdict, f, zh)
		answer.Rows = append(answer.Rows, r)
		answer.Totals[r.GetVerdict().String()]++
	}
	return answer, s.warn(tx, rows, answer.GetRows(), zh)
}

// warn says at the rows that were taken which of them bring a code that another unit has once
// all are taken.
func (s *Service) warn(tx *change.Tx, rows []organization.Row, answers []*organizationv1.ImportUnitsResponse_Row, zh bool) error {
	if !slices.ContainsFunc(rows, func(r organization.Row) bool { return len(r.Unit.GetCodes()) > 0 }) {
		return nil
	}
	coded, err := s.coded(tx)
	if err != nil {
		return err
	}
	for i, r := range answers {
		if r.GetReason() == "" {
			say(r, fault.As(coded.Shared(rows[i].Unit, nil)), zh)
		}
	}
	return nil
}

// coded are the units that the caller sees, here and below, by their codes.
func (s *Service) coded(tx *change.Tx) (organization.Coded, error) {
	coded := organization.Coded{}
	for u, err := range joined(s.units.Scan(tx, "", ""), s.below("")) {
		if err != nil {
			return nil, err
		}
		known, err := s.known(tx, u)
		if err != nil {
			return nil, err
		}
		if tx.Access.Sees(known) {
			coded.Add(u)
		}
	}
	return coded, nil
}

// known is the unit, or for one that the tree has yet to hear of the nearest above it that it
// knows: whoever sees that sees what was entered beneath it a moment ago.
func (s *Service) known(tx *change.Tx, u *organizationv1.Unit) (name string, err error) {
	for s.past.Unit(u.GetName()) == nil && u.GetParent() != "" {
		if u, err = s.units.Find(tx, u.GetParent()); err != nil {
			return "", err
		}
	}
	return u.GetName(), nil
}

// importRow stores at most one unit, as the last thing it does: a row that fails
// has changed nothing.
func (s *Service) importRow(tx *change.Tx, ancestor string, row organization.Row) (organizationv1.ImportUnitsResponse_Verdict, error) {
	const rejected = organizationv1.ImportUnitsResponse_VERDICT_REJECTED
	if row.Err != nil {
		return rejected, row.Err
	}
	if err := s.book.Validate(row.Unit); err != nil {
		return rejected, err
	}
	u, err := s.units.Find(tx, row.Unit.GetName())
	if errors.Is(err, authz.ErrNotFound) {
		return organizationv1.ImportUnitsResponse_VERDICT_CREATED, s.importNew(tx, ancestor, row)
	}
	if err != nil {
		return rejected, err
	}
	if u.GetName() == ancestor {
		return rejected, organization.ErrRowInvalid.At("id", "是导入范围的上级单位本身，表中只列其下的单位", "is the ancestor of the import itself: rows are of units beneath it")
	}
	if inside, err := s.within(tx, ancestor, u.GetParent()); err != nil || !inside {
		return rejected, cmp.Or(err, error(taken("id")))
	}
	return s.importAgain(tx, u, row)
}

// importAgain brings a unit that is there to what its row says.
func (s *Service) importAgain(tx *change.Tx, u *organizationv1.Unit, row organization.Row) (organizationv1.ImportUnitsResponse_Verdict, error) {
	said, verdict, err := organization.Compare(u, row)
	if verdict != organizationv1.ImportUnitsResponse_VERDICT_UPDATED {
		return verdict, err
	}
	if err := distinct(said.GetCodes()); err != nil {
		return organizationv1.ImportUnitsResponse_VERDICT_REJECTED, err
	}
	_, err = s.units.PutAs(tx, "unit.updated", said)
	return verdict, err
}

func (s *Service) importNew(tx *change.Tx, ancestor string, row organization.Row) error {
	switch inside, err := s.within(tx, ancestor, row.Unit.GetParent()); {
	case err != nil:
		return err
	case !inside:
		return organization.ErrParentUnknown.At("parent_id", "不在导入范围内", "is no unit within the import")
	}
	u, err := s.newUnit(tx, row.ID, row.Unit)
	if err != nil {
		return err
	}
	_, err = s.units.PutAs(tx, "unit.created", u)
	return err
}

// within says whether the parent is the ancestor of the import or lies beneath
// it. A parent elsewhere is as good as none.
func (s *Service) within(tx *change.Tx, ancestor, parent string) (bool, error) {
	path, err := s.path(tx, parent)
	if err != nil && !errors.Is(err, authz.ErrNotFound) {
		return false, err
	}
	return slices.ContainsFunc(path, func(u *organizationv1.Unit) bool { return u.GetName() == ancestor }), nil
}

// report says what became of a row, in the caller's language.
func report(row organization.Row, verdict organizationv1.ImportUnitsResponse_Verdict, f *fault.Fault, zh bool) *organizationv1.ImportUnitsResponse_Row {
	r := &organizationv1.ImportUnitsResponse_Row{Line: int32(row.Line), Unit: row.Name(), Verdict: verdict}
	if f == nil {
		return r
	}
	if verdict != organizationv1.ImportUnitsResponse_VERDICT_CONFLICT {
		r.Verdict = organizationv1.ImportUnitsResponse_VERDICT_REJECTED
	}
	say(r, f, zh)
	return r
}

// say tells at a row what is wrong with it, if anything is.
func say(r *organizationv1.ImportUnitsResponse_Row, f *fault.Fault, zh bool) {
	if f == nil {
		return
	}
	inChinese, inEnglish := f.Whole()
	r.Reason, r.Message = f.Reason, inEnglish
	if zh {
		r.Message = inChinese
	}
	if len(f.Fields) > 0 {
		r.Column = organization.Column(f.Fields[0].Path)
	}
}
