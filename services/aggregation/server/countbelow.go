package server

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/store"
)

// Source is whose feed is counted.
type Source struct {
	// Feed is the name under which it is read, such as "rectification" or
	// "510104.rectification".
	Feed string
	// Installation is the one below that keeps it, installations/510104, and Root
	// the unit here that is its root; empty: this one.
	Installation, Root string
}

// errUnknownUnit says that an entry from below is about a unit of which the tree
// does not know yet whether it is theirs.
var errUnknownUnit = fmt.Errorf("%w: a unit from below", errNoTree)

// record counts a record of the source, under a name of its own among those of
// all installations. What is about another's units counts nothing.
func (s Source) record(fold *figures.Fold, e *feedv1.Entry, body proto.Message, day string) error {
	if s.Installation == "" {
		return fold.Record(e.GetSubject(), day, func(before *aggregation.Fact) aggregation.Fact {
			return aggregation.FactOf(body, before, day)
		})
	}
	var failed error
	err := fold.Record(s.Installation+"/"+e.GetSubject(), day, func(before *aggregation.Fact) aggregation.Fact {
		fact := aggregation.FactOf(body, before, day)
		if fact.Unit == "" {
			return fact
		}
		var theirs bool
		if theirs, failed = s.theirs(fold, fact.Unit); !theirs {
			return aggregation.Fact{}
		}
		fact.Campaign = figures.BelowCampaign(s.Installation, fact.Campaign)
		return fact
	})
	return errors.Join(failed, err)
}

// theirs says whether the source may speak of the unit, or errUnknownUnit.
func (s Source) theirs(fold *figures.Fold, unit string) (bool, error) {
	standing, err := fold.StandingOf(unit, s.Installation, s.Root)
	if err == nil && standing == figures.Unknown {
		err = errUnknownUnit
	}
	return standing == figures.Theirs, err
}

// page counts what an installation below counts of a page of a report.
func (s Source) page(fold *figures.Fold, p *aggregationv1.ReportPage) error {
	r, err := fold.ReadReport(s.Installation + "/" + p.GetReport())
	if err != nil {
		return fmt.Errorf("reading the report of %s: %w", p.GetName(), err)
	}
	form, err := reports.FindForm(r.GetForm())
	if err != nil {
		return nil // a form that only they have
	}
	period, err := reports.ParsePeriod(form, r.GetPeriod())
	if err != nil {
		return nil
	}
	for _, row := range p.GetRows() {
		if err := s.row(fold, form, period.Months(), r, row); err != nil {
			return err
		}
	}
	return nil
}

// row counts a row that counts below, and takes off one that no longer does.
func (s Source) row(fold *figures.Fold, form *aggregationv1.ReportForm, months []string, r *aggregationv1.Report, row *aggregationv1.Report_Row) error {
	m, err := reports.MetricOf(form, row.GetField())
	if err != nil || row.GetResolvedUnit() == "" {
		return nil // nothing that counts here
	}
	said := figures.Reported{
		Cell: aggregation.Cell{
			Unit: row.GetResolvedUnit(), Campaign: figures.BelowCampaign(s.Installation, row.GetCampaign()), Category: row.GetCategory(),
		},
		Metric: m, Months: months, Source: s.Installation + "/" + reports.SourceName(r.GetUnit(), r.GetSource()), Form: form.GetName(),
		Sequence: r.GetSequence(), Value: row.GetValue(),
	}
	if !row.GetCounted() {
		return fold.Withdraw(said)
	}
	theirs, err := s.theirs(fold, row.GetResolvedUnit())
	if err != nil || !theirs {
		return err
	}
	if err := fold.EnterBelow(said); fault.As(err) == nil {
		return err
	}
	return nil // another source's stays that one's
}

// lies takes in a unit's place and whose it is.
func lies(fold *figures.Fold, u *organizationv1.Unit, installation, day string) error {
	return errors.Join(fold.Own(u.GetName(), installation), fold.Unit(u.GetName(), u.GetParent(), day))
}

// remote takes in a unit of an installation below.
func remote(fold *figures.Fold, r *federationv1.RemoteUnit) error {
	if r.GetUnit() == nil {
		return fold.Own("units/"+strings.TrimPrefix(r.GetName(), "remoteUnits/"), r.GetInstallation())
	}
	return lies(fold, r.GetUnit(), r.GetInstallation(), calendar.On(r.GetEffectiveTime().AsTime()).String())
}

// withhold counts the sealed parts of a run from below that stayed there.
func (s Source) withhold(tx store.Tx, run []*feedv1.Entry) error {
	n := uint64(0)
	for _, e := range run {
		for _, c := range e.GetSealed() {
			if s.Installation != "" && c.GetLabel() != feedserver.Office {
				n++
			}
		}
	}
	return figures.AddWithheld(tx, s.Feed, n)
}
