package desk

import (
	"errors"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/change"
)

// before returns the report that r supersedes, or nil.
func (d *Desk) before(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
	if r.GetSupersedes() == "" {
		return nil, nil
	}
	return d.reports.Seek(tx, r.GetSupersedes())
}

// origin returns the report in whose place r is to count, or nil.
func (d *Desk) origin(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
	return reports.Origin(r, func(of *aggregationv1.Report) (*aggregationv1.Report, error) { return d.before(tx, of) })
}

// counted returns the report in whose place r is to count if that one counts now,
// or nil.
func (d *Desk) counted(tx *change.Tx, r *aggregationv1.Report) (*aggregationv1.Report, error) {
	before, err := d.origin(tx, r)
	if before.GetState() != aggregationv1.Report_STATE_ACCEPTED {
		return nil, err
	}
	return before, err
}

// release lets what a returned report was to supersede be corrected by another.
func (d *Desk) release(tx *change.Tx, r *aggregationv1.Report) error {
	before, err := d.counted(tx, r)
	if err != nil || before == nil || before.GetSupersededBy() != r.GetName() {
		return err
	}
	_, err = d.reports.PutAs(tx, "report.released", reports.Released(before))
	return err
}

// replace notes that r takes their place in the report before, and in the one in
// whose place it is to count.
func (d *Desk) replace(tx *change.Tx, r *aggregationv1.Report) error {
	before, err := d.before(tx, r)
	if before == nil || err != nil {
		return err
	}
	origin, err := d.origin(tx, r)
	if err != nil {
		return err
	}
	if origin != nil && origin.GetName() != before.GetName() {
		err = d.replaced(tx, origin, r)
	}
	return errors.Join(err, d.replaced(tx, before, r))
}

func (d *Desk) replaced(tx *change.Tx, before, by *aggregationv1.Report) error {
	awaited := before.GetState() == aggregationv1.Report_STATE_SUBMITTED
	before, err := reports.Replaced(before, by.GetName())
	if err == nil && awaited {
		err = d.align(tx, before, 0)
	}
	if err != nil {
		return err
	}
	_, err = d.reports.PutAs(tx, "report.replaced", before)
	return err
}

// supersede ends the report in whose place r now counts.
func (d *Desk) supersede(tx *change.Tx, r *aggregationv1.Report) error {
	before, err := d.counted(tx, r)
	if before == nil || err != nil {
		return err
	}
	if before, err = reports.Superseded(before, r.GetName()); err != nil {
		return err
	}
	before.Totals.Counted = 0
	_, err = d.reports.PutAs(tx, "report.superseded", before)
	return err
}
