package server

import (
	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/dues"
	"github.com/duban-project/duban/services/aggregation/figures"
)

// owing names who owes what is missing as of the view's moment, by the units' own
// figures: at most so many, and whether there are more. Nobody is asked beneath whom
// nothing is missing.
func (v *view) owing(q figures.Query, most int) (all []*aggregationv1.Missing_Owing, more bool, err error) {
	owes := map[string]bool{}
	for _, u := range v.subtree(v.past()) {
		one := q
		if one.Unit = u.GetName(); one.Unit != q.Unit {
			if one.Own = q.Beneath; !owes[u.GetParent()] {
				continue
			}
		}
		whole, err := v.owed(v.read, one)
		if err != nil {
			return nil, false, err
		}
		if owes[one.Unit] = whole != nil; whole == nil {
			continue
		}
		alone, err := v.owed(v.readAlone, one)
		switch {
		case err != nil:
			return nil, false, err
		case alone != nil && len(all) == most:
			return all, true, nil
		case alone != nil:
			all = append(all, alone)
		}
	}
	return all, false, nil
}

// owed is how much is missing in what read says of q; nil: nothing.
func (v *view) owed(read func(*figures.Query, aggregation.Set) (figures.Values, error), q figures.Query) (*aggregationv1.Missing_Owing, error) {
	values, err := read(&q, aggregation.Set(1<<aggregation.LedgersOverdue|1<<aggregation.TasksOverdue))
	o := &aggregationv1.Missing_Owing{Unit: q.Unit, Ledgers: values[aggregation.LedgersOverdue], Tasks: values[aggregation.TasksOverdue]}
	if o.GetLedgers()+o.GetTasks() == 0 {
		return nil, err
	}
	return o, err
}

// readAlone reads what is the unit's own, without those beneath.
func (v *view) readAlone(q *figures.Query, wanted aggregation.Set) (values figures.Values, err error) {
	q.Alone = true
	if q.Joined, err = v.joined(q.Campaign); err != nil {
		return values, err
	}
	if q.AsOf, err = v.pastOf(*q); err != nil {
		return values, err
	}
	return figures.Read(v.tx, *q, wanted)
}

// place is the unit asked for with those beneath it, by the view's tree.
func (v *view) place() dues.Place {
	p := dues.Place{Unit: v.query.Unit, At: v.at}
	switch {
	case v.past():
		p.Units = v.directory.SubtreeAt(p.Unit, p.At)
	case !p.At.IsZero():
		p.Units = v.directory.Whole(p.Unit)
	}
	return p
}

// reporters says how fresh what systems report is, of at most so many; to portals nothing.
func (v *view) reporters(status *aggregationv1.Status, most int) error {
	if !v.inside(v.query.Unit) {
		return nil
	}
	late, err := v.late()
	if err != nil {
		return err
	}
	list, total, err := v.Reporting(v.tx, v.place(), late.Items, most)
	status.ReportSources, status.ReportSourcesTotal = list, proto.Int64(total)
	return err
}
