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

// report counts what an installation below has counted of a report.
func (s Source) report(fold *figures.Fold, r *aggregationv1.Report) error {
	if r.GetState() != aggregationv1.Report_STATE_ACCEPTED {
		return nil
	}
	form, err := aggregation.FindForm(r.GetForm())
	if err != nil {
		return nil // a form that only they have
	}
	for _, row := range r.GetRows() {
		switch row.GetVerdict() {
		case aggregationv1.Report_VERDICT_CREATED, aggregationv1.Report_VERDICT_UPDATED, aggregationv1.Report_VERDICT_UNCHANGED:
		default:
			continue
		}
		if err := s.row(fold, form, r, row); err != nil {
			return err
		}
	}
	return nil
}

func (s Source) row(fold *figures.Fold, form *aggregationv1.ReportForm, r *aggregationv1.Report, row *aggregationv1.Report_Row) error {
	theirs, err := s.theirs(fold, row.GetResolvedUnit())
	if err != nil || !theirs {
		return err
	}
	reported, err := reportedBy(form, r, row)
	if err != nil {
		return nil // a field that only they have
	}
	reported.Source = s.Installation + "/" + reported.Source
	reported.Cell.Campaign = figures.BelowCampaign(s.Installation, reported.Cell.Campaign)
	if _, err = fold.Enter(reported); fault.As(err) != nil {
		return nil // the figure is another source's
	}
	return err
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
