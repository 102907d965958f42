package server

import (
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/basis"
	"github.com/duban-project/duban/services/aggregation/sheet"
)

// note is a line of what the figures of a file rest on: a word and what it is.
type note = [2]string

// notes are what a status says beside its figures, for a file that leaves the
// system: of what they are, how fresh, and what is missing in them. A status names the
// oldest things alone, a file all of as many units as it may have.
func (v *view) notes() (notes []note, err error) {
	s := &aggregationv1.Status{Freshness: v.freshness}
	if s.Missing, err = v.missing(aggregation.Compared); err != nil {
		return nil, err
	}
	if err = v.reporters(s, aggregation.Compared); err != nil {
		return nil, err
	}
	s.SourceChanges, s.SourceChangesTruncated, err = v.changes(aggregation.Compared)
	return append(v.cut(), basis.Of(s, !v.at.IsZero())...), err
}

// cut says which figures they are. Those as of now are as of the moment of the
// file.
func (v *view) cut() []note {
	q := v.query
	return []note{
		{"单位 (unit)", q.Unit}, {"起始日期 (start_date)", q.Start}, {"截止日期 (end_date)", q.End},
		{"逾期数所属日期 (overdue_date)", q.Today}, {"截至时刻 (as_of)", sheet.Moment(v.moment())}, {"单位树口径 (tree_as_of)", v.tree.String()},
		{"活动 (campaign)", q.Campaign}, {"类别 (category)", q.Category}, {"问题来源 (source)", q.Source},
		{"含下级未经认可的数据 (unaccepted_included)", sheet.Yes(q.Beneath)},
		{"含本单位未经认可的数据 (own_unaccepted_included)", sheet.Yes(q.Own)},
	}
}
